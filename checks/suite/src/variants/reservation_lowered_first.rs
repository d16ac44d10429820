//! # Source
//! linux v6.4 "ext4: only update i_reserved_data_blocks on successful block allocation". Catalogue
//! entry D56.
//!
//! # Breaks
//! I1: fewer blocks count as reserved than are delayed.
//!
//! The reservation is lowered by what is to be allocated before it is known whether there is space,
//! and lowered again when the allocation is tried again.

use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::protocol::Protocol;
use super::extfs::writeback;

/// Does not take the first lowering back where the allocation has failed.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.map_one_extent = |fs, inode, range| {
        let wanted = range.start;
        let outcome = writeback::map_one_extent(fs, inode, range);
        if matches!(outcome, Err(FsError::NoSpace)) {
            let mut data = inode.lock_data();
            let (delayed, _) = inode.query_locked(&data, wanted);
            data.reserved = data.reserved.saturating_sub(delayed.len);
        }
        outcome
    };
}
