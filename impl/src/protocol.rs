//! The steps of the file-system protocols, in the kernel's names. They are a table of functions,
//! like the kernel's tables of operations, and [`Protocol::correct`] reads as a table of contents:
//! each step beside the function that takes it.
//!
//! A seeded bug is a table with one wrong entry. A file system is mounted with its table and
//! carries it, so that the core is compiled once, whatever it is to do wrong. The journal's steps
//! are in [`JournalSteps`].

use crate::allocate::Kind;
use crate::cache::FolioGuard;
use crate::delalloc::Iomap;
use crate::design::Design;
use crate::device::Device;
use crate::direct::{DirectIo, WriteChecks};
use crate::error::FsError;
use crate::errseq::OpenFile;
use crate::extent::{Mapping, status::Cookie};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::ioend::Ioend;
use crate::journal::{Handle, JournalSteps};
use crate::lock::ReadGuard;
use crate::units::Lblk;
use crate::zero_partial::{self, End};
use crate::{
    allocate, completion, da_write, delalloc, direct, evict, fault, fsync, orphan, punch_hole,
    read, truncate, write, writeback,
};
use rt::sync::Arc;
use std::ops::Range;

/// The steps of the protocols above the journal.
#[expect(
    clippy::type_complexity,
    reason = "a field's type is the signature of its step"
)]
pub struct Protocol<D: Device> {
    /// The journal's steps.
    pub journal: JournalSteps<D>,

    /// Whether the mapping that writeback has cached still holds for `lblk`.
    pub writeback_map_is_valid: fn(&Inode, &Mapping, Cookie, Lblk) -> bool,

    /// Maps, and where it is delayed allocates, the extent that holds the first block of `range`.
    pub map_one_extent:
        fn(&Filesystem<D>, &Inode, Range<Lblk>) -> Result<(Mapping, Cookie), FsError>,

    /// Before an inode leaves memory: takes it out of the transactions that have its data ordered.
    pub release_jbd_inode: fn(&Inode),

    /// BH: maps the beginning of a range of blocks as written, and orders its data.
    pub mpage_map_one_extent:
        fn(&Filesystem<D>, &mut Handle<'_>, &Inode, Range<Lblk>) -> Result<Mapping, FsError>,

    /// BH: whether a folio is submitted as far as it is mapped, after mapping has failed midway.
    pub submits_partial_folio: fn(&Inode, &FolioGuard<'_>) -> bool,

    /// BH: orders data that has been submitted, or will be before the handle stops.
    pub inode_add_wait: fn(&mut Handle<'_>, &Inode, Range<u64>),

    /// BH: orders data that is dirty in the cache, and that the commit is to write.
    pub inode_add_write: fn(&mut Handle<'_>, &Inode, Range<u64>),

    /// BH: before a truncate drops folios: writes out what the committing transaction has ordered.
    pub begin_ordered_truncate: fn(&Filesystem<D>, &Handle<'_>, &Arc<Inode>, u64),

    /// BH: before a hole drops folios: writes out what a transaction has ordered of a range.
    pub write_out_ordered: fn(&Filesystem<D>, &Arc<Inode>, Range<Lblk>),

    /// Raises the size on disk to `end` bytes, as far as the file reaches: in the IM design after
    /// the I/O, in the BH design in the handle that allocates.
    pub update_disksize: fn(&Filesystem<D>, &mut Handle<'_>, &Inode, u64) -> Result<(), FsError>,

    /// When the end of a file moves: makes the block that holds byte `size` zero from there on, in
    /// the cache, and on disk at once or, in the BH design, before the transaction commits.
    pub zero_eof: fn(&Filesystem<D>, &Arc<Inode>, u64, End) -> Result<(), FsError>,

    /// Zeroes, in the cache, what a range of bytes covers of blocks that it covers in part.
    pub zero_partial_blocks: fn(&Filesystem<D>, &Inode, Range<u64>) -> Result<(), FsError>,

    /// Drops the folios of blocks that are about to be removed, waiting for their writeback.
    pub truncate_pagecache_range: fn(&Filesystem<D>, &Inode, Range<Lblk>),

    /// Removes the mappings of a range, with their reservations and their space.
    pub remove_space: fn(
        &Filesystem<D>,
        &mut Handle<'_>,
        &Inode,
        &mut DataGuard<'_>,
        Range<Lblk>,
    ) -> Result<(), FsError>,

    /// When removing extents takes more credits than the transaction has room for: ends the handle
    /// and begins another, with so many credits.
    pub truncate_restart:
        fn(&Filesystem<D>, &mut Handle<'_>, &Inode, &mut DataGuard<'_>, u32) -> Result<(), FsError>,

    /// Before a punch drops dirty folios: raises the size on disk to the punched range's end, `end`
    /// bytes, as far as the file reaches.
    pub update_disksize_before_punch: fn(&Filesystem<D>, &Inode, u64) -> Result<(), FsError>,

    /// Puts an inode that is about to be truncated, or has lost its name, on the orphan
    /// list.
    pub orphan_add: fn(&Filesystem<D>, &mut Handle<'_>, &Inode) -> Result<(), FsError>,

    /// Takes an inode off the orphan list, once it has been truncated or deleted.
    pub orphan_del: fn(&Filesystem<D>, &mut Handle<'_>, &Inode) -> Result<(), FsError>,

    /// Whether a write must allocate at once, instead of at writeback.
    pub nonda_switch: fn(&Filesystem<D>) -> bool,

    /// BH, where a write allocates at once: maps a block as written, and orders its data.
    pub get_block: fn(&Filesystem<D>, &mut Handle<'_>, &Inode, Lblk) -> Result<Iomap, FsError>,

    /// Before a buffered write copies: finds what it writes into, and reserves space for it.
    pub buffered_write_begin: fn(&Filesystem<D>, &Inode, Range<Lblk>) -> Result<Iomap, FsError>,

    /// Whether a folio that a buffered write has looked up, and then locked, is the file's still.
    pub write_folio_is_attached: fn(&FolioGuard<'_>) -> bool,

    /// Whether the mapping that a buffered write looked up still holds, once it has locked the
    /// folio.
    pub write_map_is_valid: fn(&Inode, Cookie) -> bool,

    /// After a buffered write has copied: gives back what was reserved and not used.
    pub buffered_write_end: fn(&Filesystem<D>, &Inode, &Iomap, &Range<u64>, usize),

    /// The blocks of a range of bytes that a short copy of `written` bytes left unused.
    pub unused_blocks: fn(&Range<u64>, usize) -> Range<Lblk>,

    /// After a short copy: gives back the delayed blocks of a range, as far as they are clean.
    pub write_delalloc_release: fn(&Filesystem<D>, &Inode, Range<Lblk>),

    /// The parts of a range that lie under no dirty data.
    pub delalloc_clean_ranges: fn(&Inode, Range<Lblk>) -> Vec<Range<Lblk>>,

    /// Removes delayed blocks and releases their reservation.
    pub punch_delalloc: fn(&Filesystem<D>, &Inode, Range<Lblk>),

    /// After a fault has prepared a part of a page: gives back what it reserved and did not use,
    /// which is nothing.
    pub page_mkwrite_end: fn(&Filesystem<D>, &Inode, &Iomap, Range<Lblk>),

    /// Whether an I/O that has completed without an error can be ended in the interrupt.
    pub ends_in_interrupt: fn(Design, &Ioend) -> bool,

    /// Whether an I/O gets the file system's own end, which sees to what has failed, and not only
    /// the one that ends writeback. Asked when it is submitted, when no error can be foreseen.
    pub binds_end_bio: fn(&Ioend) -> bool,

    /// Whether the worker makes an I/O part of the file: converts its blocks, and raises the size.
    pub end_io_converts: fn(&Ioend) -> bool,

    /// When data of a file could not be written: sees that who syncs the file is told, and aborts
    /// the journal if the file system is mounted so.
    pub end_io_failed: fn(&Filesystem<D>, &Inode, FsError),

    /// When fsync has waited for writeback: tells an open file of an error that is news to it.
    pub check_and_advance_wb_err: fn(&Inode, &OpenFile) -> Result<(), FsError>,

    /// When writeback can not map dirty blocks of a range, and will not be able to: gives them up.
    pub discard_folio: fn(&Filesystem<D>, &Inode, &mut FolioGuard<'_>, Range<Lblk>),

    /// Whether what found no space is to be tried again, after a commit that makes space.
    pub should_retry_alloc: fn(&Filesystem<D>) -> bool,

    /// Whether fsync must flush the device, given whether its own commit has.
    pub fsync_needs_flush: fn(bool) -> bool,

    /// BH: whether a write that has moved the end of the file into a block must raise the size on
    /// disk itself.
    pub da_should_update_i_disksize: fn(&Inode, Lblk) -> bool,

    /// After a write that failed beyond the end: frees everything beyond the end.
    pub truncate_failed_write: fn(&Filesystem<D>, &Inode) -> Result<(), FsError>,

    /// Takes a folio's dirty blocks for I/O, and write-protects it.
    pub clear_dirty_for_io: fn(&mut FolioGuard<'_>) -> Vec<Lblk>,

    /// Whether the page that a fault has locked is still the file's.
    pub mkwrite_is_valid: fn(&FolioGuard<'_>) -> bool,

    /// Before a part of a folio is forgotten: write-protects it.
    pub protect_partial_folio: fn(&mut FolioGuard<'_>),

    /// After the end of the file has moved from `from`: zeroes what stores have left in its page up
    /// to `to`, and write-protects the page.
    pub pagecache_isize_extended: fn(&Inode, u64, u64),

    /// Before blocks are removed: waits until no direct I/O to the file is under way.
    pub inode_dio_wait: fn(&Filesystem<D>, &Inode),

    /// Before a page is brought in for who reads it: keeps those away who remove its blocks.
    pub page_fill_lock: fn(&Inode) -> Option<ReadGuard<'_, ()>>,

    /// Before a direct read looks at the size: keeps it, and the blocks, as they are.
    pub dio_read_lock: fn(&Inode) -> Option<ReadGuard<'_, ()>>,

    /// Whether a direct write that ends at byte `end` may have to raise a size.
    pub dio_extends: fn(&Inode, u64) -> bool,

    /// Whether a direct write must hold `i_rwsem` exclusively.
    pub dio_needs_exclusive: fn(&WriteChecks) -> bool,

    /// Before an unaligned direct write: waits for all direct I/O to the file.
    pub dio_drain_before: fn(&Filesystem<D>, &Inode, &WriteChecks),

    /// Whether a direct write must be waited for before `i_rwsem` is released.
    pub dio_must_wait: fn(&WriteChecks) -> bool,

    /// Before a direct write past the end: zeroes the end of the last block.
    pub dio_zero_eof: fn(&Filesystem<D>, &Arc<Inode>, u64) -> Result<(), FsError>,

    /// Before an extending direct write allocates: puts the file on the orphan list.
    pub dio_orphan_add: fn(&Filesystem<D>, &Inode) -> Result<(), FsError>,

    /// Whether a direct write may allocate a hole, from a block on, or leaves it to the page cache.
    pub dio_fills_hole: fn(&Inode, Lblk) -> bool,

    /// What new blocks from `lblk` on, allocated by a direct write, are to be.
    pub dio_kind_of_new_blocks: fn(&Inode, Lblk) -> Kind,

    /// Whether something about the file must be committed before what a synchronous direct write,
    /// up to a byte, writes in place can be found.
    pub iomap_is_dirty: fn(&Filesystem<D>, &Inode, u64) -> bool,

    /// After the I/O of a direct write: converts its blocks, and raises the sizes if it extends.
    pub dio_write_end_io: fn(&Filesystem<D>, &DirectIo) -> Result<(), FsError>,

    /// After the I/O of an extending direct write: raises the sizes to `end`, and takes the file
    /// off the orphan list if all was written.
    pub handle_inode_extension: fn(&Filesystem<D>, &Inode, u64, bool) -> Result<(), FsError>,

    /// After an extending direct write: frees what was mapped but not written, and sees that the
    /// file has left the orphan list.
    pub inode_extension_cleanup: fn(&Filesystem<D>, &Inode, bool) -> Result<(), FsError>,

    /// After a direct write has made its blocks part of the file: drops what was read into the
    /// cache meanwhile.
    pub dio_invalidate_after: fn(&Filesystem<D>, &Inode, Range<Lblk>),

    /// After the buffered rest of a direct write: writes it to disk and drops it from the cache.
    pub dio_flush_fallback: fn(&Filesystem<D>, &Arc<Inode>, Range<Lblk>) -> Result<(), FsError>,
}

impl<D: Device> Protocol<D> {
    /// The protocol as it should be.
    pub const fn correct() -> Protocol<D> {
        Protocol {
            journal: JournalSteps::correct(),
            writeback_map_is_valid: writeback::map_is_valid,
            map_one_extent: writeback::map_one_extent,
            release_jbd_inode: evict::release_jbd_inode,
            mpage_map_one_extent: writeback::buffer_head::mpage_map_one_extent,
            submits_partial_folio: writeback::buffer_head::submits_partial_folio,
            inode_add_wait: writeback::buffer_head::inode_add_wait,
            inode_add_write: writeback::buffer_head::inode_add_write,
            begin_ordered_truncate: writeback::buffer_head::begin_ordered_truncate,
            write_out_ordered: writeback::buffer_head::write_out_ordered,
            update_disksize: completion::update_disksize,
            zero_eof: zero_partial::zero_eof,
            zero_partial_blocks: zero_partial::zero_partial_blocks,
            truncate_pagecache_range: truncate::truncate_pagecache_range,
            remove_space: truncate::remove_space,
            truncate_restart: truncate::truncate_restart,
            update_disksize_before_punch: punch_hole::update_disksize_before_punch,
            orphan_add: orphan::add,
            orphan_del: orphan::del,
            nonda_switch: delalloc::nonda_switch,
            get_block: da_write::get_block,
            buffered_write_begin: delalloc::write_begin,
            write_folio_is_attached: write::folio_is_attached,
            write_map_is_valid: write::map_is_valid,
            buffered_write_end: delalloc::write_end,
            unused_blocks: delalloc::unused_blocks,
            write_delalloc_release: delalloc::write_delalloc_release,
            delalloc_clean_ranges: delalloc::clean_ranges,
            punch_delalloc: delalloc::punch_delalloc,
            page_mkwrite_end: fault::mkwrite_end,
            ends_in_interrupt: completion::ends_in_interrupt,
            binds_end_bio: writeback::binds_end_bio,
            end_io_converts: completion::end_io_converts,
            end_io_failed: completion::end_io_failed,
            check_and_advance_wb_err: fsync::check_and_advance_wb_err,
            discard_folio: writeback::discard_folio,
            should_retry_alloc: allocate::should_retry_alloc,
            fsync_needs_flush: fsync::needs_flush,
            da_should_update_i_disksize: da_write::da_should_update_i_disksize,
            truncate_failed_write: truncate::truncate_failed_write,
            clear_dirty_for_io: |guard| guard.clear_dirty_for_io(),
            mkwrite_is_valid: fault::mkwrite_is_valid,
            protect_partial_folio: fault::protect_partial_folio,
            pagecache_isize_extended: fault::pagecache_isize_extended,
            inode_dio_wait: direct::inode_dio_wait,
            page_fill_lock: read::lock_to_fill,
            dio_read_lock: direct::read::lock_for_read,
            dio_extends: direct::checks::extends,
            dio_needs_exclusive: direct::checks::needs_exclusive,
            dio_drain_before: direct::checks::drain_before,
            dio_must_wait: direct::checks::must_wait,
            dio_zero_eof: direct::write::zero_old_eof,
            dio_orphan_add: direct::extension::prepare,
            dio_fills_hole: direct::map::dio_fills_hole,
            dio_kind_of_new_blocks: direct::map::kind_of_new_blocks,
            iomap_is_dirty: direct::map::iomap_is_dirty,
            dio_write_end_io: direct::completion::write_end_io,
            handle_inode_extension: direct::extension::handle_inode_extension,
            inode_extension_cleanup: direct::extension::cleanup,
            dio_invalidate_after: direct::invalidate::invalidate_after,
            dio_flush_fallback: direct::write::flush_fallback,
        }
    }
}

impl<D: Device> Clone for Protocol<D> {
    fn clone(&self) -> Protocol<D> {
        *self
    }
}

impl<D: Device> Copy for Protocol<D> {}
