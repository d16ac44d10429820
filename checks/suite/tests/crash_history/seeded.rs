//! Protocols with one wrong step each, to show that neither the histories nor the steps are
//! decoration.

use cutpoint_suite::on_std::extfs::device::{Device, DeviceError};
use cutpoint_suite::on_std::extfs::error::FsError;
use cutpoint_suite::on_std::extfs::fs::Filesystem;
use cutpoint_suite::on_std::extfs::inode::{DataGuard, Inode};
use cutpoint_suite::on_std::extfs::journal::commit::Commit;
use cutpoint_suite::on_std::extfs::journal::{Handle, JournalSteps};
use cutpoint_suite::on_std::extfs::protocol::Protocol;
use cutpoint_suite::on_std::extfs::units::Lblk;
use cutpoint_suite::on_std::extfs::zero_partial::End;
use std::ops::Range;
use std::sync::Arc;

/// Zeroes the end of the last block in the cache, and does not write it before the size changes.
pub enum TailZeroedInCacheOnly {}

impl JournalSteps for TailZeroedInCacheOnly {}

impl Protocol for TailZeroedInCacheOnly {
    fn zero_eof<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Arc<Inode>,
        size: u64,
        _end: End,
    ) -> Result<(), FsError> {
        Self::zero_partial_blocks(fs, inode, size..Lblk::round_up(size).offset())
    }
}

/// Leaves the parts of blocks at the ends of a range as they are.
pub enum PartsKept {}

impl JournalSteps for PartsKept {}

impl Protocol for PartsKept {
    fn zero_partial_blocks<D: Device>(
        _fs: &Filesystem<D, Self>,
        _inode: &Inode,
        _range: Range<u64>,
    ) -> Result<(), FsError> {
        Ok(())
    }
}

/// Removes blocks below folios that stay.
pub enum FoliosKept {}

impl JournalSteps for FoliosKept {}

impl Protocol for FoliosKept {
    fn truncate_pagecache_range<D: Device>(
        _fs: &Filesystem<D, Self>,
        _inode: &Inode,
        _blocks: Range<Lblk>,
    ) {
    }
}

/// Takes nothing from a file that is truncated.
pub enum SpaceKept {}

impl JournalSteps for SpaceKept {}

impl Protocol for SpaceKept {
    fn remove_space<D: Device>(
        _fs: &Filesystem<D, Self>,
        _handle: &mut Handle<'_>,
        _inode: &Inode,
        _data: &mut DataGuard<'_>,
        _range: Range<Lblk>,
    ) -> Result<(), FsError> {
        Ok(())
    }
}

/// Drops dirty folios whose I/O would have raised the size on disk, and does not raise it instead.
pub enum SizeNotRaisedBeforePunch {}

impl JournalSteps for SizeNotRaisedBeforePunch {}

impl Protocol for SizeNotRaisedBeforePunch {
    fn update_disksize_before_punch<D: Device>(
        _fs: &Filesystem<D, Self>,
        _inode: &Inode,
        _end: u64,
    ) -> Result<(), FsError> {
        Ok(())
    }
}

/// BH: new blocks do not make the commit wait for their data.
pub enum DataNotOrdered {}

impl JournalSteps for DataNotOrdered {}

impl Protocol for DataNotOrdered {
    fn inode_add_wait(_: &mut Handle<'_>, _: &Inode, _: Range<u64>) {}
}

/// BH: the zeroed end of a block does not make the commit write it.
pub enum TailNotOrdered {}

impl JournalSteps for TailNotOrdered {}

impl Protocol for TailNotOrdered {
    fn inode_add_write(_: &mut Handle<'_>, _: &Inode, _: Range<u64>) {}
}

/// BH: the zeroed end of a block makes the commit wait for it, and nobody submits it. Catalogue
/// entry D66.
pub enum TailOnlyWaitedFor {}

impl JournalSteps for TailOnlyWaitedFor {}

impl Protocol for TailOnlyWaitedFor {
    fn inode_add_write(handle: &mut Handle<'_>, inode: &Inode, bytes: Range<u64>) {
        Self::inode_add_wait(handle, inode, bytes);
    }
}

/// BH: the commit does not wait for ordered data. Catalogue entry D66.
pub enum CommitDoesNotWait {}

impl JournalSteps for CommitDoesNotWait {
    fn wait_ordered_data<D: Device>(_: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Protocol for CommitDoesNotWait {}

/// BH: nobody raises the size on disk where a write ends in a block that is on disk already.
pub enum EndInsideBlockForgotten {}

impl JournalSteps for EndInsideBlockForgotten {}

impl Protocol for EndInsideBlockForgotten {
    fn da_should_update_i_disksize(_: &Inode, _: Lblk) -> bool {
        false
    }
}

/// Leaves a file on the orphan list after its truncate.
pub enum OrphanLeft {}

impl JournalSteps for OrphanLeft {}

impl Protocol for OrphanLeft {
    fn orphan_del<D: Device>(
        _fs: &Filesystem<D, Self>,
        _handle: &mut Handle<'_>,
        _inode: &Inode,
    ) -> Result<(), FsError> {
        Ok(())
    }
}
