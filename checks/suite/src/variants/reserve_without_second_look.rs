//! # Source
//! "ext4: convert to exclusive lock while inserting delalloc extents". Catalogue entry D51.
//!
//! # Breaks
//! I1: two reservations for one delayed block.
//!
//! The hole is not looked up again under `i_data_sem`, where the fault has made it delayed
//! meanwhile.

use super::extfs::delalloc::Iomap;
use super::extfs::device::Device;
use super::extfs::extent::Status;
use super::extfs::protocol::Protocol;

/// Reserves on the strength of what it saw without the lock.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.buffered_write_begin = |fs, inode, range| {
        let (mapping, mut cookie) = inode.query(range.start);
        let is_new = mapping.status == Status::Hole;
        let mut mapping = mapping.clipped(range).unwrap_or(mapping);
        if is_new {
            let mut data = inode.lock_data();
            fs.space().reserve(mapping.len)?;
            mapping.status = Status::Delayed;
            data.insert_status(mapping);
            data.reserved += mapping.len;
            data.quota_reserved += u64::from(mapping.len);
            cookie = data.cookie();
        }
        Ok(Iomap {
            mapping,
            cookie,
            is_new,
        })
    };
}
