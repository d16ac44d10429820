//! # Source
//! "xfs: write page faults in iomap are not buffered writes", whose thread tells the race;
//! catalogue entry D15.
//!
//! # Breaks
//! I6: the store's page is dirty over a hole, and writeback drops it.
//!
//! `invalidate_lock` is not taken, so a fault may find a delayed block after the look at the cache
//! and before the punch.

use super::extfs::delalloc;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Looks at the cache and punches while faults go on.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.write_delalloc_release = |fs, inode, blocks| {
        for clean in delalloc::clean_ranges(inode, blocks) {
            delalloc::punch_delalloc(fs, inode, clean);
        }
    };
}
