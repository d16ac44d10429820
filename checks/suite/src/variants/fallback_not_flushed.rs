//! # Source
//! The review of ext4's direct I/O on iomap, v7: the buffered part is written and its pages are
//! dropped. Catalogue entry D48.
//!
//! # Breaks
//! I37: a direct write has returned, and the page cache has what the disk has not.
//!
//! The rest of a short direct write stays dirty in the page cache.

use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::rt::sync::Arc;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Leaves the buffered rest in the cache.
pub enum FallbackNotFlushed {}

impl JournalSteps for FallbackNotFlushed {}

impl Protocol for FallbackNotFlushed {
    fn dio_flush_fallback<D: Device>(
        _: &Filesystem<D, Self>,
        _: &Arc<Inode>,
        _: Range<Lblk>,
    ) -> Result<(), FsError> {
        Ok(())
    }
}
