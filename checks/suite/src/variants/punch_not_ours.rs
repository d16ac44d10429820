//! # Source
//! The review of the first ext4-on-iomap patches. Catalogue entry D17, with the punch of that time,
//! which does not look at the cache either.
//!
//! # Breaks
//! I6: the store's data lies over a hole.
//!
//! Delayed blocks are punched whether or not this write reserved them.

use super::extfs::delalloc::{self};
use super::extfs::device::Device;
use super::extfs::extent::Status;
use super::extfs::protocol::Protocol;

/// Punches whoever reserved the blocks.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.buffered_write_end = |fs, inode, iomap, range, written| {
        let blocks = delalloc::unused_blocks(range, written);
        if iomap.mapping.status == Status::Delayed && blocks.start < blocks.end {
            let _invalidate = inode.invalidate_lock.write();
            delalloc::punch_delalloc(fs, inode, blocks);
        }
    };
}
