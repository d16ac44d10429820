//! # Source
//! The punch-against-fault thread: why trim at all, and the answer. Catalogue entry D19.
//!
//! # Breaks
//! I5: a delayed block lies under a clean page, and nothing will ever write or release it.
//!
//! After a short copy nothing is punched.

use super::extfs::delalloc::Iomap;
use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use std::ops::Range;

/// Leaves what it has reserved.
pub enum NoPunchAtAll {}

impl JournalSteps for NoPunchAtAll {}

impl Protocol for NoPunchAtAll {
    fn buffered_write_end<D: Device>(
        _: &Filesystem<D, Self>,
        _: &Inode,
        _: &Iomap,
        _: &Range<u64>,
        _: usize,
    ) {
    }
}
