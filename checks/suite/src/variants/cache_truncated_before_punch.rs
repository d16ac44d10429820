//! # Source
//! "iomap: buffered write failure should not truncate the page cache"; the punch-against-fault
//! thread. Catalogue entry D16.
//!
//! # Breaks
//! I21: what the program had stored is gone.
//!
//! The page cache is truncated before the punch, dirty or not.

use super::extfs::delalloc;
use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::truncate;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Drops the folios first.
pub enum CacheTruncatedBeforePunch {}

impl JournalSteps for CacheTruncatedBeforePunch {}

impl Protocol for CacheTruncatedBeforePunch {
    fn write_delalloc_release<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        blocks: Range<Lblk>,
    ) {
        let _invalidate = inode.invalidate_lock.write();
        truncate::truncate_pagecache_range(fs, inode, blocks.clone());
        delalloc::scan_and_punch(fs, inode, blocks);
    }
}
