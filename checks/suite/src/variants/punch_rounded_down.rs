//! # Source
//! The review of the first ext4-on-iomap patches: `start >> blkbits`. Catalogue entry D21, with the
//! punch of that time, which does not look at the cache: one that does passes over the block.
//!
//! # Breaks
//! I6: the block that was written in part is dirty over a hole.
//!
//! The beginning of the unused range is rounded down.

use super::extfs::delalloc::{self};
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Punches from the block in which the copy stopped.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.buffered_write_end = |fs, inode, iomap, range, written| {
        delalloc::write_end(fs, inode, iomap, range, written);
        let stop = range.start + written as u64;
        if iomap.is_new && written > 0 && stop < range.end {
            let _invalidate = inode.invalidate_lock.write();
            let rounded = Lblk::containing(stop)..Lblk::round_up(stop);
            delalloc::punch_delalloc(fs, inode, rounded);
        }
    };
}
