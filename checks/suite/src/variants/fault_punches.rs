//! # Source
//! "xfs: write page faults in iomap are not buffered writes". Catalogue entry D22.
//!
//! # Breaks
//! deadlock: a fault waits for the lock that it holds itself.
//!
//! A fault ends its mapping as a buffered write that copied nothing does, and the punch takes
//! invalidate_lock.

use super::extfs::delalloc::{self, Iomap};
use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Ends a fault as a write of nothing.
pub enum FaultPunches {}

impl JournalSteps for FaultPunches {}

impl Protocol for FaultPunches {
    fn page_mkwrite_end<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        iomap: &Iomap,
        blocks: Range<Lblk>,
    ) {
        let bytes = blocks.start.offset()..blocks.end.offset();
        delalloc::write_end(fs, inode, iomap, &bytes, 0);
    }
}
