//! The steps of the file-system protocols, in the kernel's names. Every default is the correct step
//! and is one call into the module that holds it, so this trait reads as a table of contents.
//!
//! A seeded bug is a type that overrides one step. The journal's steps are in
//! [`crate::journal::JournalSteps`].

use crate::allocate::Kind;
use crate::cache::FolioGuard;
use crate::delalloc::Iomap;
use crate::design::Design;
use crate::device::Device;
use crate::direct::{DirectIo, WriteChecks};
use crate::error::FsError;
use crate::extent::{Mapping, status::Cookie};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::ioend::Ioend;
use crate::journal::{self, Handle, JournalSteps};
use crate::units::Lblk;
use crate::zero_partial::{self, End};
use crate::{
    completion, da_write, delalloc, direct, fault, fsync, orphan, punch_hole, truncate, write,
    writeback,
};
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

    /// BH: maps the beginning of a range of blocks as written, and orders its data.
    ///
    /// # Errors
    /// As [`writeback::buffer_head::mpage_map_one_extent`].
    fn mpage_map_one_extent<D: Device>(
        fs: &Filesystem<D, Self>,
        handle: &mut Handle<'_>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<Mapping, FsError> {
        writeback::buffer_head::mpage_map_one_extent(fs, handle, inode, range)
    }

    /// BH: whether a folio is submitted as far as it is mapped, after mapping has failed midway.
    fn submits_partial_folio(inode: &Inode, guard: &FolioGuard<'_>) -> bool {
        writeback::buffer_head::submits_partial_folio(inode, guard)
    }

    /// BH: orders data that has been submitted, or will be before the handle stops.
    fn inode_add_wait(handle: &mut Handle<'_>, inode: &Inode, bytes: Range<u64>) {
        writeback::buffer_head::inode_add_wait(handle, inode, bytes)
    }

    /// BH: orders data that is dirty in the cache, and that the commit is to write.
    fn inode_add_write(handle: &mut Handle<'_>, inode: &Inode, bytes: Range<u64>) {
        writeback::buffer_head::inode_add_write(handle, inode, bytes)
    }

    /// BH: before a truncate drops folios: writes out what the committing transaction has ordered.
    fn begin_ordered_truncate<D: Device>(
        fs: &Filesystem<D, Self>,
        handle: &Handle<'_>,
        inode: &Arc<Inode>,
        size: u64,
    ) {
        writeback::buffer_head::begin_ordered_truncate(fs, handle, inode, size)
    }

    /// BH: before a hole drops folios: writes out what a transaction has ordered of a range.
    fn write_out_ordered<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Arc<Inode>,
        blocks: Range<Lblk>,
    ) {
        writeback::buffer_head::write_out_ordered(fs, inode, blocks)
    }

    /// Raises the size on disk to `end` bytes, as far as the file reaches: in the IM design after
    /// the I/O, in the BH design in the handle that allocates.
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

    /// When the end of a file moves: makes the block that holds byte `size` zero from there on, in
    /// the cache, and on disk at once or, in the BH design, before the transaction commits.
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

    /// Whether a write must allocate at once, instead of at writeback.
    fn nonda_switch<D: Device>(fs: &Filesystem<D, Self>) -> bool {
        delalloc::nonda_switch(fs)
    }

    /// BH, where a write allocates at once: maps a block as written, and orders its data.
    ///
    /// # Errors
    /// As [`da_write::get_block`].
    fn get_block<D: Device>(
        fs: &Filesystem<D, Self>,
        handle: &mut Handle<'_>,
        inode: &Inode,
        lblk: Lblk,
    ) -> Result<Iomap, FsError> {
        da_write::get_block(fs, handle, inode, lblk)
    }

    /// Before a buffered write copies: finds what it writes into, and reserves space for it.
    ///
    /// # Errors
    /// As [`delalloc::write_begin`].
    fn buffered_write_begin<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<Iomap, FsError> {
        delalloc::write_begin(fs, inode, range)
    }

    /// Whether the mapping that a buffered write looked up still holds, once it has locked the
    /// folio.
    fn write_map_is_valid(inode: &Inode, cookie: Cookie) -> bool {
        write::map_is_valid(inode, cookie)
    }

    /// After a buffered write has copied: gives back what was reserved and not used.
    fn buffered_write_end<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        iomap: &Iomap,
        range: &Range<u64>,
        written: usize,
    ) {
        delalloc::write_end(fs, inode, iomap, range, written)
    }

    /// The blocks of a range of bytes that a short copy of `written` bytes left unused.
    fn unused_blocks(range: &Range<u64>, written: usize) -> Range<Lblk> {
        delalloc::unused_blocks(range, written)
    }

    /// After a short copy: gives back the delayed blocks of a range, as far as they are clean.
    fn write_delalloc_release<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        blocks: Range<Lblk>,
    ) {
        delalloc::write_delalloc_release(fs, inode, blocks)
    }

    /// The parts of a range that lie under no dirty data.
    fn delalloc_clean_ranges(inode: &Inode, blocks: Range<Lblk>) -> Vec<Range<Lblk>> {
        delalloc::clean_ranges(inode, blocks)
    }

    /// Removes delayed blocks and releases their reservation.
    fn punch_delalloc<D: Device>(fs: &Filesystem<D, Self>, inode: &Inode, blocks: Range<Lblk>) {
        delalloc::punch_delalloc(fs, inode, blocks)
    }

    /// After a fault has prepared a part of a page: gives back what it reserved and did not use,
    /// which is nothing.
    fn page_mkwrite_end<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        iomap: &Iomap,
        blocks: Range<Lblk>,
    ) {
        fault::mkwrite_end(fs, inode, iomap, blocks)
    }

    /// Whether an I/O that has completed without an error can be ended in the interrupt.
    fn ends_in_interrupt(design: Design, ioend: &Ioend) -> bool {
        completion::ends_in_interrupt(design, ioend)
    }

    /// Whether fsync must flush the device, given whether its own commit has.
    fn fsync_needs_flush(has_flushed: bool) -> bool {
        fsync::needs_flush(has_flushed)
    }

    /// BH: whether a write that has moved the end of the file into a block must raise the size on
    /// disk itself.
    fn da_should_update_i_disksize(inode: &Inode, lblk: Lblk) -> bool {
        da_write::da_should_update_i_disksize(inode, lblk)
    }

    /// After a write that failed beyond the end: frees everything beyond the end.
    ///
    /// # Errors
    /// As [`truncate::truncate_failed_write`].
    fn truncate_failed_write<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
    ) -> Result<(), FsError> {
        truncate::truncate_failed_write(fs, inode)
    }

    /// Takes a folio's dirty blocks for I/O, and write-protects it.
    fn clear_dirty_for_io(guard: &mut FolioGuard<'_>) -> Vec<Lblk> {
        guard.clear_dirty_for_io()
    }

    /// Whether the page that a fault has locked is still the file's.
    fn mkwrite_is_valid(guard: &FolioGuard<'_>) -> bool {
        fault::mkwrite_is_valid(guard)
    }

    /// Before a part of a folio is forgotten: write-protects it.
    fn protect_partial_folio(guard: &mut FolioGuard<'_>) {
        fault::protect_partial_folio(guard)
    }

    /// After the end of the file has moved from `from`: zeroes what stores have left in its page up
    /// to `to`, and write-protects the page.
    fn pagecache_isize_extended(inode: &Inode, from: u64, to: u64) {
        fault::pagecache_isize_extended(inode, from, to)
    }

    /// Before blocks are removed: waits until no direct I/O to the file is under way.
    fn inode_dio_wait<D: Device>(fs: &Filesystem<D, Self>, inode: &Inode) {
        direct::inode_dio_wait(fs, inode)
    }

    /// Whether a direct write that ends at byte `end` may have to raise a size.
    fn dio_extends(inode: &Inode, end: u64) -> bool {
        direct::checks::extends(inode, end)
    }

    /// Whether a direct write must hold `i_rwsem` exclusively.
    fn dio_needs_exclusive(checks: &WriteChecks) -> bool {
        direct::checks::needs_exclusive(checks)
    }

    /// Before an unaligned direct write: waits for all direct I/O to the file.
    fn dio_drain_before<D: Device>(fs: &Filesystem<D, Self>, inode: &Inode, checks: &WriteChecks) {
        direct::checks::drain_before(fs, inode, checks)
    }

    /// Whether a direct write must be waited for before `i_rwsem` is released.
    fn dio_must_wait(checks: &WriteChecks) -> bool {
        direct::checks::must_wait(checks)
    }

    /// Before a direct write past the end: zeroes the end of the last block.
    ///
    /// # Errors
    /// As [`direct::write::zero_old_eof`].
    fn dio_zero_eof<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Arc<Inode>,
        end: u64,
    ) -> Result<(), FsError> {
        direct::write::zero_old_eof(fs, inode, end)
    }

    /// Before an extending direct write allocates: puts the file on the orphan list.
    ///
    /// # Errors
    /// As [`direct::extension::prepare`].
    fn dio_orphan_add<D: Device>(fs: &Filesystem<D, Self>, inode: &Inode) -> Result<(), FsError> {
        direct::extension::prepare(fs, inode)
    }

    /// What new blocks from `lblk` on, allocated by a direct write, are to be.
    fn dio_kind_of_new_blocks(inode: &Inode, lblk: Lblk) -> Kind {
        direct::map::kind_of_new_blocks(inode, lblk)
    }

    /// After the I/O of a direct write: converts its blocks, and raises the sizes if it extends.
    ///
    /// # Errors
    /// As [`direct::completion::write_end_io`].
    fn dio_write_end_io<D: Device>(
        fs: &Filesystem<D, Self>,
        dio: &DirectIo,
    ) -> Result<(), FsError> {
        direct::completion::write_end_io(fs, dio)
    }

    /// After the I/O of an extending direct write: raises the sizes to `end`, and takes the file
    /// off the orphan list if all was written.
    ///
    /// # Errors
    /// As [`direct::extension::handle_inode_extension`].
    fn handle_inode_extension<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        end: u64,
        is_whole: bool,
    ) -> Result<(), FsError> {
        direct::extension::handle_inode_extension(fs, inode, end, is_whole)
    }

    /// After an extending direct write: frees what was mapped but not written, and sees that the
    /// file has left the orphan list.
    ///
    /// # Errors
    /// As [`direct::extension::cleanup`].
    fn inode_extension_cleanup<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        is_whole: bool,
    ) -> Result<(), FsError> {
        direct::extension::cleanup(fs, inode, is_whole)
    }

    /// After a direct write has made its blocks part of the file: drops what was read into the
    /// cache meanwhile.
    fn dio_invalidate_after<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        blocks: Range<Lblk>,
    ) {
        direct::invalidate::invalidate_after(fs, inode, blocks)
    }

    /// After the buffered rest of a direct write: writes it to disk and drops it from the cache.
    ///
    /// # Errors
    /// As [`direct::write::flush_fallback`].
    fn dio_flush_fallback<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Arc<Inode>,
        blocks: Range<Lblk>,
    ) -> Result<(), FsError> {
        direct::write::flush_fallback(fs, inode, blocks)
    }
}

/// The protocols as they should be: the journal's and those above it.
pub use journal::Correct;

impl Protocol for Correct {}
