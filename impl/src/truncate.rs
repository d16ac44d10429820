//! Truncating a file to a smaller size.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_setattr`, `ext4_truncate`. In the IM design the zeroed tail is
//! written before the transaction, as in the ext4-on-iomap series: it has no ordered data. In the
//! BH design it is zeroed in the cache, and ordered.

use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::journal::Handle;
use crate::trace::args;
use crate::units::Lblk;
use crate::zero_partial::End;
use crate::{allocate, orphan, trace};
use rt::sync::Arc;
use std::ops::Range;

/// Beyond every block of a file.
const END: Lblk = Lblk(u32::MAX);

/// Makes a file end at `size` bytes, which is no more than its size now.
///
/// # Locking
/// Takes: `i_rwsem` and `invalidate_lock`, both exclusive; under them folio locks and writeback
/// waits, and at other times handles with `i_data_sem`.
///
/// # Crash
/// Before the first handle has committed nothing has happened. From then on the file has its new
/// size; until the second has committed it is on the orphan list, and recovery frees the blocks
/// past its end.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn truncate_down<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    size: u64,
) -> Result<(), FsError> {
    let _rwsem = inode.i_rwsem.write();
    match size < inode.size.get() {
        true => shrink(fs, inode, size),
        false => Ok(()),
    }
}

/// As [`truncate_down`], for holders of `i_rwsem`.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and that `size` is less than the file's. Takes: the rest.
///
/// # Crash
/// As [`truncate_down`].
///
/// # Errors
/// As [`truncate_down`].
pub fn shrink<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>, size: u64) -> Result<(), FsError> {
    (fs.protocol.inode_dio_wait)(fs, inode);
    let _invalidate = inode.invalidate_lock.write();
    if fs.design() == Design::Im {
        (fs.protocol.zero_eof)(fs, inode, size, End::Shrinks)?;
    }
    set_sizes(fs, inode, size)?;
    (fs.protocol.truncate_pagecache_range)(fs, inode, Lblk::round_up(size)..END);
    if fs.design() == Design::Bh {
        (fs.protocol.zero_eof)(fs, inode, size, End::Shrinks)?;
    }
    free_blocks(fs, inode, Lblk::round_up(size))
}

/// The first handle: orphan record first, then both sizes.
fn set_sizes<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>, size: u64) -> Result<(), FsError> {
    let mut handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
    if fs.design() == Design::Bh {
        (fs.protocol.begin_ordered_truncate)(fs, &handle, inode, size);
    }
    (fs.protocol.orphan_add)(fs, &mut handle, inode)?;
    let data = inode.lock_data();
    trace::step("set i_disksize and i_size", || args([("to", size.into())]));
    inode.disksize.set(size);
    inode.size.set(size);
    fs.mark_inode_dirty(&mut handle, inode, &data)
}

/// Drops the folios of a range of blocks, waiting for the writeback of each. Of a folio that lies
/// in the range in part, that part is forgotten.
///
/// # Locking
/// Requires: `i_rwsem` and `invalidate_lock`, both exclusive. Takes: one folio lock at a time, and
/// waits for writeback under it.
pub fn truncate_pagecache_range<D: Device>(fs: &Filesystem<D>, inode: &Inode, blocks: Range<Lblk>) {
    for folio in inode.cache.lookup(blocks.clone()) {
        let mut guard = folio.lock();
        fs.wait_on_writeback(&folio);
        if !guard.is_attached() {
            continue;
        }
        let range = folio.range();
        if range.start >= blocks.start && range.end <= blocks.end {
            trace::step("drop folio", || args([("", trace::range(&range))]));
            inode.cache.detach(&mut guard);
        } else {
            (fs.protocol.protect_partial_folio)(&mut guard);
            guard.invalidate(blocks.clone());
        }
    }
}

/// The second handle: removes the mappings from `from` on, and takes the inode off the list.
///
/// # Locking
/// Requires: `i_rwsem` and `invalidate_lock`, both exclusive, and no handle. Takes: a handle, then
/// `i_data_sem`, then the orphan lock.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn free_blocks<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    from: Lblk,
) -> Result<(), FsError> {
    let mut handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
    {
        let mut data = inode.lock_data();
        (fs.protocol.remove_space)(fs, &mut handle, inode, &mut data, from..END)?;
        fs.mark_inode_dirty(&mut handle, inode, &data)?;
    }
    // A file without a name stays on the list until it has been deleted.
    if inode.links() == 0 {
        return Ok(());
    }
    (fs.protocol.orphan_del)(fs, &mut handle, inode)
}

/// After a write that failed: frees every block beyond the end, with its folios, and takes the file
/// off the orphan list.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, no folio lock and no handle. Takes: `invalidate_lock`,
/// exclusive, under it folio locks, and then a handle with `i_data_sem`.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
///
/// # Source
/// linux v7.0 fs/ext4/truncate.h `ext4_truncate_failed_write`.
pub fn truncate_failed_write<D: Device>(fs: &Filesystem<D>, inode: &Inode) -> Result<(), FsError> {
    let _invalidate = inode.invalidate_lock.write();
    let end = Lblk::round_up(inode.size.get());
    trace::step("truncate failed write", || args([("from", end.0.into())]));
    (fs.protocol.truncate_pagecache_range)(fs, inode, end..END);
    free_blocks(fs, inode, end)
}

/// Removes every mapping of a range: delayed blocks give their reservation back, others their
/// space.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// Unless the range reaches beyond every extent, [`FsError::TooManyExtents`], and
/// [`FsError::NoSpace`] if a leaf is needed that only a commit makes available: then nothing has
/// changed. [`FsError::Journal`], [`FsError::Device`].
pub fn remove_space<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    range: Range<Lblk>,
) -> Result<(), FsError> {
    let mapped_end = mapped_end(data).clamp(range.start, range.end);
    let freed = allocate::change_tree(fs, handle, inode, data, |tree| tree.remove(range.clone()))?;
    let reclaimed = data.remove_status(range.clone());
    fs.space().release(reclaimed);
    data.reserved -= reclaimed;
    data.quota_reserved -= u64::from(reclaimed);
    let blocks: u64 = freed.iter().map(|range| range.end.0 - range.start.0).sum();
    trace::step("remove extents", || {
        args([
            ("", trace::range(&(range.start..mapped_end))),
            ("reservations released", reclaimed.into()),
            ("blocks freed", blocks.into()),
        ])
    });
    for range in freed {
        // The count comes from disk, where it may be wrong; invariant I3 reports it.
        data.quota_used = data.quota_used.saturating_sub(range.end.0 - range.start.0);
        fs.space().free(handle, range)?;
    }
    Ok(())
}

/// The end of the last block that is mapped or delayed, for the trace.
fn mapped_end(data: &DataGuard<'_>) -> Lblk {
    let is_mapped = |mapping: &Mapping| mapping.status != Status::Hole;
    let known = data.peek_status_tree(|tree| tree.iter().filter(is_mapped).last());
    let mapped = data
        .tree
        .extents()
        .last()
        .map_or(Lblk(0), |extent| extent.end());
    known.map_or(mapped, |known| known.end().max(mapped))
}
