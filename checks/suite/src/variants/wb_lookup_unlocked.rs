//! # Source
//! The ext4-on-iomap thread, v4 09/23: the author's answer to why lookup and allocation are
//! open-coded under one hold of `i_data_sem`. Catalogue entry D1.
//!
//! # Breaks
//! I3: the blocks that the truncate took out of the delayed extent were reserved no more, but are
//! allocated all the same, and nobody is charged for them.
//!
//! The extent is looked up in one critical section and allocated in another.

use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::extent::{Mapping, Status, status::Cookie};
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::{allocate, units::Lblk, writeback};
use std::ops::Range;

/// Looks up and allocates in two critical sections.
pub enum WbLookupUnlocked {}

impl JournalSteps for WbLookupUnlocked {}

impl Protocol for WbLookupUnlocked {
    fn map_one_extent<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<(Mapping, Cookie), FsError> {
        let (mapping, cookie) = inode.query(range.start);
        let Some(delayed) = mapping
            .clipped(range)
            .filter(|m| m.status == Status::Delayed)
        else {
            return Ok((mapping, cookie));
        };
        let mut handle = fs.start_handle(allocate::CREDITS)?;
        let mut data = inode.lock_data();
        writeback::map_create_blocks(fs, &mut handle, inode, &mut data, delayed)
    }
}
