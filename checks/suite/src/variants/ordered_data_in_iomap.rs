//! # Source
//! The design of ext4's writeback path on iomap: folio before handle excludes ordered data.
//! Catalogue entry D93.
//!
//! # Breaks
//! I34: a commit waits for data, and who is to write that waits for the commit, under a folio lock.
//!
//! Writeback orders the data of what it allocates. When it must commit to get at freed blocks, it
//! holds a folio, and what it has gathered is not on its way yet.

use super::extfs::device::Device;
use super::extfs::extent::Status;
use super::extfs::protocol::Protocol;
use super::extfs::writeback::{buffer_head, map_create_blocks};
use super::extfs::{allocate, trace};

/// Orders what has been allocated.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.map_one_extent = |fs, inode, range| {
        let mut handle = fs.start_handle(allocate::CREDITS)?;
        let mut data = inode.lock_data();
        let (found, cookie) = inode.query_locked(&data, range.start);
        trace::step("look up again", || trace::mapping(&found));
        if found.status != Status::Delayed {
            return Ok((found, cookie));
        }
        let wanted = found.clipped(range).unwrap_or(found);
        let made = map_create_blocks(fs, &mut handle, inode, &mut data, wanted)?;
        let bytes = made.0.start.offset()..made.0.end().offset();
        buffer_head::inode_add_write(&mut handle, inode, bytes);
        Ok(made)
    };
}
