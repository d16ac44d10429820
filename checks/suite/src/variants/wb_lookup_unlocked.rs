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
use super::extfs::extent::Status;
use super::extfs::protocol::Protocol;
use super::extfs::{allocate, writeback};

/// Looks up and allocates in two critical sections.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.map_one_extent = |fs, inode, range| {
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
    };
}
