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
use super::extfs::protocol::Protocol;
use super::extfs::{allocate, writeback};

/// Raises the size on disk with the allocation.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.map_one_extent = |fs, inode, range| {
        let (mapping, cookie) = writeback::map_one_extent(fs, inode, range)?;
        let mut handle = fs.start_handle(allocate::CREDITS)?;
        completion::update_disksize(fs, &mut handle, inode, mapping.end().offset())?;
        Ok((mapping, cookie))
    };
}
