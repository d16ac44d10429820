//! # Source
//! The thread on ext4's writeback path on iomap: folio lock first, handle second. Catalogue entry
//! D90.
//!
//! # Breaks
//! deadlock: writeback waits for a handle under a folio lock, this for the folio lock with a handle
//! open, and a commit for the handle.
//!
//! The order of the buffer_head path, in a file that writeback treats in the other.

use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::truncate;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Drops the page cache with a handle open.
pub enum TruncateUnderHandle {}

impl JournalSteps for TruncateUnderHandle {}

impl Protocol for TruncateUnderHandle {
    fn truncate_pagecache_range<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        blocks: Range<Lblk>,
    ) {
        let handle = fs.start_handle(1).expect("the journal is not aborted");
        truncate::truncate_pagecache_range(fs, inode, blocks);
        handle.stop();
    }
}
