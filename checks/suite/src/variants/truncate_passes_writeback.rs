//! # Source
//! The ext4-on-iomap series v4 09/23: truncate waits for writeback, so conversion never meets freed
//! blocks.
//!
//! # Breaks
//! I23: a size that covers blocks which were freed under their I/O.
//!
//! Folios leave the file while their I/O is in flight, and their blocks are freed under it.

use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Drops folios under writeback.
pub enum TruncatePassesWriteback {}

impl JournalSteps for TruncatePassesWriteback {}

impl Protocol for TruncatePassesWriteback {
    fn truncate_pagecache_range<D: Device>(
        _: &Filesystem<D, Self>,
        inode: &Inode,
        blocks: Range<Lblk>,
    ) {
        for folio in inode.cache.lookup(blocks) {
            let mut guard = folio.lock();
            if guard.is_attached() {
                inode.cache.detach(&mut guard);
            }
        }
    }
}
