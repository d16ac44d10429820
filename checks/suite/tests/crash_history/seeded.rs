//! Protocols with one wrong step each, to show that neither the histories nor the steps are
//! decoration.

use cutpoint_suite::on_std::extfs::device::Device;
use cutpoint_suite::on_std::extfs::error::FsError;
use cutpoint_suite::on_std::extfs::fs::Filesystem;
use cutpoint_suite::on_std::extfs::inode::{DataGuard, Inode};
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
