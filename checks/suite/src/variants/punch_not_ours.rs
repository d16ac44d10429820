//! # Source
//! The review of the first ext4-on-iomap patches. Catalogue entry D17, with the punch of that time,
//! which does not look at the cache either.
//!
//! # Breaks
//! I6: the store's data lies over a hole.
//!
//! Delayed blocks are punched whether or not this write reserved them.

use super::extfs::delalloc::{self, Iomap};
use super::extfs::device::Device;
use super::extfs::extent::Status;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use std::ops::Range;

/// Punches whoever reserved the blocks.
pub enum PunchNotOurs {}

impl JournalSteps for PunchNotOurs {}

impl Protocol for PunchNotOurs {
    fn buffered_write_end<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        iomap: &Iomap,
        range: &Range<u64>,
        written: usize,
    ) {
        let blocks = delalloc::unused_blocks(range, written);
        if iomap.mapping.status == Status::Delayed && blocks.start < blocks.end {
            let _invalidate = inode.invalidate_lock.write();
            delalloc::punch_delalloc(fs, inode, blocks);
        }
    }
}
