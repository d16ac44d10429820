//! # Source
//! "ext4: fix data corruption when extending direct I/O writes race with buffered reads". Catalogue
//! entry D49.
//!
//! # Breaks
//! I21: a read after the write shows what was there before it.
//!
//! A read brings a block into the cache while the write to it is on its way, and nobody drops it.

use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Does not drop what was read meanwhile.
pub enum ReadCacheKept {}

impl JournalSteps for ReadCacheKept {}

impl Protocol for ReadCacheKept {
    fn dio_invalidate_after<D: Device>(_: &Filesystem<D, Self>, _: &Inode, _: Range<Lblk>) {}
}
