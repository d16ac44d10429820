//! # Source
//! "ext4: defer updating i_disksize until endio"; the rule that the ext4-on-iomap series follows.
//! Catalogue entry D7: a rule of the buffer_head design, where data is ordered, used without it.
//!
//! # Breaks
//! I23: a crash between the commit and the I/O shows a file of zeroes.
//!
//! The size on disk is raised when the blocks are allocated, not when their I/O has completed.

use super::extfs::completion;
use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::extent::{Mapping, status::Cookie};
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::{allocate, units::Lblk, writeback};
use std::ops::Range;

/// Raises the size on disk with the allocation.
pub enum DisksizeBeforeIo {}

impl JournalSteps for DisksizeBeforeIo {}

impl Protocol for DisksizeBeforeIo {
    fn map_one_extent<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<(Mapping, Cookie), FsError> {
        let (mapping, cookie) = writeback::map_one_extent(fs, inode, range)?;
        let mut handle = fs.start_handle(allocate::CREDITS)?;
        completion::update_disksize(fs, &mut handle, inode, mapping.end().offset())?;
        Ok((mapping, cookie))
    }
}
