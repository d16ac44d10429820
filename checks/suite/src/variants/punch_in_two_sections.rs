//! # Source
//! The thread on ext4's buffered write path on iomap: the punch took no i_data_sem. Catalogue entry
//! D20.
//!
//! # Breaks
//! I1: more is released than was reserved.
//!
//! What is delayed is counted under one hold of i_data_sem and removed under another; writeback
//! allocates it in between.

use super::extfs::device::Device;
use super::extfs::extent::Status;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Counts first and removes later.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.punch_delalloc = |fs, inode, blocks| {
        let counted = (blocks.start.0..blocks.end.0)
            .filter(|lblk| inode.query(Lblk(*lblk)).0.status == Status::Delayed)
            .count() as u32;
        let mut data = inode.lock_data();
        fs.space().release(data.remove_status(blocks));
        data.reserved = data.reserved.wrapping_sub(counted);
        data.quota_reserved = data.quota_reserved.wrapping_sub(u64::from(counted));
    };
}
