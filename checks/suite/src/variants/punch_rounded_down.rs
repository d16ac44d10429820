//! # Source
//! The review of the first ext4-on-iomap patches: `start >> blkbits`. Catalogue entry D21, with the
//! punch of that time, which does not look at the cache: one that does passes over the block.
//!
//! # Breaks
//! I6: the block that was written in part is dirty over a hole.
//!
//! The beginning of the unused range is rounded down.

use super::extfs::delalloc::{self, Iomap};
use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Punches from the block in which the copy stopped.
pub enum PunchRoundedDown {}

impl JournalSteps for PunchRoundedDown {}

impl Protocol for PunchRoundedDown {
    fn buffered_write_end<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        iomap: &Iomap,
        range: &Range<u64>,
        written: usize,
    ) {
        delalloc::write_end(fs, inode, iomap, range, written);
        let stop = range.start + written as u64;
        if iomap.is_new && written > 0 && stop < range.end {
            let _invalidate = inode.invalidate_lock.write();
            let rounded = Lblk::containing(stop)..Lblk::round_up(stop);
            delalloc::punch_delalloc(fs, inode, rounded);
        }
    }
}
