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
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Counts first and removes later.
pub enum PunchInTwoSections {}

impl JournalSteps for PunchInTwoSections {}

impl Protocol for PunchInTwoSections {
    fn punch_delalloc<D: Device>(fs: &Filesystem<D, Self>, inode: &Inode, blocks: Range<Lblk>) {
        let counted = (blocks.start.0..blocks.end.0)
            .filter(|lblk| inode.query(Lblk(*lblk)).0.status == Status::Delayed)
            .count() as u32;
        let mut data = inode.lock_data();
        fs.space().release(data.remove_status(blocks));
        data.reserved = data.reserved.wrapping_sub(counted);
        data.quota_reserved = data.quota_reserved.wrapping_sub(u64::from(counted));
    }
}
