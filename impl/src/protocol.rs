//! The steps of the file-system protocols, in the kernel's names. Every default is the correct step
//! and is one call into the module that holds it, so this trait reads as a table of contents.
//!
//! A seeded bug is a type that overrides one step. The journal's steps are in
//! [`crate::journal::JournalSteps`].

use crate::device::Device;
use crate::error::FsError;
use crate::extent::{Mapping, status::Cookie};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::journal::{self, Handle, JournalSteps};
use crate::units::Lblk;
use crate::zero_partial::{self, End};
use crate::{completion, orphan, punch_hole, truncate, writeback};
use rt::sync::Arc;
use std::ops::Range;

/// The steps of the protocols above the journal.
pub trait Protocol: JournalSteps + Sized + Send + Sync + 'static {
    /// Whether the mapping that writeback has cached still holds for `lblk`.
    fn writeback_map_is_valid(
        inode: &Inode,
        mapping: &Mapping,
        cookie: Cookie,
        lblk: Lblk,
    ) -> bool {
        writeback::map_is_valid(inode, mapping, cookie, lblk)
    }

    /// Maps, and where it is delayed allocates, the extent that holds the first block of `range`.
    ///
    /// # Errors
    /// As [`writeback::map_one_extent`].
    fn map_one_extent<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<(Mapping, Cookie), FsError> {
        writeback::map_one_extent(fs, inode, range)
    }

    /// After an I/O: raises the size on disk to `end` bytes, as far as the file reaches.
    ///
    /// # Errors
    /// As [`completion::update_disksize`].
    fn update_disksize<D: Device>(
        fs: &Filesystem<D, Self>,
        handle: &mut Handle<'_>,
        inode: &Inode,
        end: u64,
    ) -> Result<(), FsError> {
        completion::update_disksize(fs, handle, inode, end)
    }

    /// Before the end of a file moves: makes the block that holds byte `size` zero from there on,
    /// in the cache and on disk.
    ///
    /// # Errors
    /// As [`zero_partial::zero_eof`].
    fn zero_eof<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Arc<Inode>,
        size: u64,
        end: End,
    ) -> Result<(), FsError> {
        zero_partial::zero_eof(fs, inode, size, end)
    }

    /// Zeroes, in the cache, what a range of bytes covers of blocks that it covers in part.
    ///
    /// # Errors
    /// As [`zero_partial::zero_partial_blocks`].
    fn zero_partial_blocks<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<u64>,
    ) -> Result<(), FsError> {
        zero_partial::zero_partial_blocks(fs, inode, range)
    }

    /// Drops the folios of blocks that are about to be removed, waiting for their writeback.
    fn truncate_pagecache_range<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        blocks: Range<Lblk>,
    ) {
        truncate::truncate_pagecache_range(fs, inode, blocks);
    }

    /// Removes the mappings of a range, with their reservations and their space.
    ///
    /// # Errors
    /// As [`truncate::remove_space`].
    fn remove_space<D: Device>(
        fs: &Filesystem<D, Self>,
        handle: &mut Handle<'_>,
        inode: &Inode,
        data: &mut DataGuard<'_>,
        range: Range<Lblk>,
    ) -> Result<(), FsError> {
        truncate::remove_space(fs, handle, inode, data, range)
    }

    /// Before a punch drops dirty folios: raises the size on disk to the punched range's end, `end`
    /// bytes, as far as the file reaches.
    ///
    /// # Errors
    /// As [`punch_hole::update_disksize_before_punch`].
    fn update_disksize_before_punch<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        end: u64,
    ) -> Result<(), FsError> {
        punch_hole::update_disksize_before_punch(fs, inode, end)
    }

    /// Puts an inode that is about to be truncated, or has lost its name, on the orphan
    /// list.
    ///
    /// # Errors
    /// As [`orphan::add`].
    fn orphan_add<D: Device>(
        fs: &Filesystem<D, Self>,
        handle: &mut Handle<'_>,
        inode: &Inode,
    ) -> Result<(), FsError> {
        orphan::add(fs, handle, inode)
    }

    /// Takes an inode off the orphan list, once it has been truncated or deleted.
    ///
    /// # Errors
    /// As [`orphan::del`].
    fn orphan_del<D: Device>(
        fs: &Filesystem<D, Self>,
        handle: &mut Handle<'_>,
        inode: &Inode,
    ) -> Result<(), FsError> {
        orphan::del(fs, handle, inode)
    }
}

/// The protocols as they should be: the journal's and those above it.
pub use journal::Correct;

impl Protocol for Correct {}
