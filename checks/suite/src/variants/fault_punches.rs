//! # Source
//! "xfs: write page faults in iomap are not buffered writes". Catalogue entry D22.
//!
//! # Breaks
//! deadlock: a fault waits for the lock that it holds itself.
//!
//! A fault ends its mapping as a buffered write that copied nothing does, and the punch takes
//! invalidate_lock.

use super::extfs::delalloc::{self};
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Ends a fault as a write of nothing.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.page_mkwrite_end = |fs, inode, iomap, blocks| {
        let bytes = blocks.start.offset()..blocks.end.offset();
        delalloc::write_end(fs, inode, iomap, &bytes, 0);
    };
}
