//! # Source
//! "ext4: trim delalloc extent". Catalogue entry D53.
//!
//! # Breaks
//! I1: more blocks are reserved than are delayed.
//!
//! The lookup finds a hole that ends before the write does, and all of the write is reserved.

use super::extfs::delalloc::Iomap;
use super::extfs::device::Device;
use super::extfs::extent::Status;
use super::extfs::protocol::Protocol;

/// Reserves as much as was asked for.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.buffered_write_begin = |fs, inode, range| {
        let (mut mapping, mut cookie) = inode.query(range.start);
        let is_new = mapping.status == Status::Hole;
        if is_new {
            let len = range.end.0 - range.start.0;
            let mut data = inode.lock_data();
            fs.space().reserve(len)?;
            (mapping.len, mapping.status) = (len, Status::Delayed);
            data.insert_status(mapping);
            data.reserved += len;
            data.quota_reserved += u64::from(len);
            cookie = data.cookie();
        }
        Ok(Iomap {
            mapping,
            cookie,
            is_new,
        })
    };
}
