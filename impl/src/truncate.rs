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
use crate::{allocate, delalloc, orphan, trace};
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
/// [`FsError::ReadOnly`], [`FsError::Journal`], [`FsError::Device`].
pub fn truncate_down<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    size: u64,
) -> Result<(), FsError> {
    fs.expect_writable()?;
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

/// The second handle: removes the mappings from `from` on, and takes the inode off the list. Once
/// the journal has been aborted there are no more handles: then it leaves the list in memory, and
/// what was reserved is given back.
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
    let outcome = free_blocks_in_handle(fs, inode, from);
    if outcome.is_err() && fs.journal().aborted().is_some() {
        delalloc::punch_delalloc(fs, inode, from..END);
        if inode.links() > 0 {
            orphan::forget(fs, inode);
        }
    }
    outcome
}

fn free_blocks_in_handle<D: Device>(
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

/// Steps in which the extents of a range are removed, about.
const REMOVAL_STEPS: usize = 8;

/// Removes every mapping of a range: delayed blocks give their reservation back, others their
/// space.
///
/// Extents go from the last to the first, so that whatever has gone by then, the file is one whose
/// end has been cut off. Before each further step the handle must have as many credits as the
/// caller had left for all that is to come: where it can not be extended it is restarted.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle. Drops and retakes: where more than one
/// step is needed, both, so that `i_rwsem` and `invalidate_lock` must be held exclusively too, or
/// nobody else may use the inode.
///
/// # Crash
/// Where the handle is restarted, the extents may be gone in part. Who can not leave it at that has
/// put the inode on the orphan list before.
///
/// # Errors
/// Unless the range reaches beyond every extent, [`FsError::TooManyExtents`], and
/// [`FsError::NoSpace`] if a leaf is needed that only a commit makes available: then nothing has
/// changed. [`FsError::Journal`], [`FsError::Device`].
///
/// # Source
/// linux v7.0 fs/ext4/extents.c `ext4_ext_remove_space`, `ext4_ext_rm_leaf`,
/// `ext4_datasem_ensure_credits`.
pub fn remove_space<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    range: Range<Lblk>,
) -> Result<(), FsError> {
    let mapped_end = mapped_end(data).clamp(range.start, range.end);
    let credits = handle.credits_left();
    let mut removed = Removed::default();
    let mut end = range.end;
    loop {
        let start = step_start(data, &(range.start..end));
        if end < range.end && !ensure_credits(handle, credits) {
            removed.announce(range.start..mapped_end);
            removed = Removed::default();
            (fs.protocol.truncate_restart)(fs, handle, inode, data, credits)?;
            // Who looked in meanwhile has found, and remembered, what is about to go.
            data.remove_status(range.clone());
        }
        let freed = allocate::change_tree(fs, handle, inode, data, |tree| tree.remove(start..end))?;
        if end == range.end {
            removed.reclaimed = release_status(fs, data, range.clone());
        }
        for range in freed {
            let len = range.end.0 - range.start.0;
            removed.blocks += len;
            // The count comes from disk, where it may be wrong; invariant I3 reports it.
            data.quota_used = data.quota_used.saturating_sub(len);
            fs.space().free(handle, range)?;
        }
        end = start;
        if end <= range.start {
            break;
        }
    }
    removed.announce(range.start..mapped_end);
    Ok(())
}

/// What has been removed in one handle, for the trace.
#[derive(Default)]
struct Removed {
    reclaimed: u32,
    blocks: u64,
}

impl Removed {
    fn announce(&self, range: Range<Lblk>) {
        trace::step("remove extents", || {
            args([
                ("", trace::range(&range)),
                ("reservations released", self.reclaimed.into()),
                ("blocks freed", self.blocks.into()),
            ])
        });
    }
}

/// Where the last step of removing a range begins: one extent at a time, or more of a file of many.
fn step_start(data: &DataGuard<'_>, range: &Range<Lblk>) -> Lblk {
    let extents = data.tree.extents();
    let inside: Vec<Lblk> = extents
        .iter()
        .filter(|extent| extent.end() > range.start && extent.lblk < range.end)
        .map(|extent| extent.lblk)
        .collect();
    let len = (extents.len() / REMOVAL_STEPS).max(1);
    match inside.len().checked_sub(len) {
        None | Some(0) => range.start,
        Some(at) => inside[at],
    }
}

/// Forgets what is known about a range, and releases what was reserved in it. Returns how many
/// blocks that were.
fn release_status<D: Device>(
    fs: &Filesystem<D>,
    data: &mut DataGuard<'_>,
    range: Range<Lblk>,
) -> u32 {
    let reclaimed = data.remove_status(range);
    fs.space().release(reclaimed);
    data.reserved -= reclaimed;
    data.quota_reserved -= u64::from(reclaimed);
    reclaimed
}

/// Sees that a handle has `credits` left, without waiting. Says whether it has.
fn ensure_credits(handle: &mut Handle<'_>, credits: u32) -> bool {
    let missing = credits.saturating_sub(handle.credits_left());
    missing == 0 || handle.extend(missing)
}

/// Ends a handle in the middle of removing extents, and begins another.
///
/// # Locking
/// Requires: as [`remove_space`]. Drops and retakes: `i_data_sem` and the handle: beginning waits
/// for a commit, which waits for handles whose owners wait for `i_data_sem`.
///
/// # Crash
/// The inode is written first, so that what has been freed has also left the file.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
///
/// # Source
/// linux v7.0 fs/ext4/extents.c `ext4_ext_trunc_restart_fn`.
pub fn truncate_restart<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    credits: u32,
) -> Result<(), FsError> {
    fs.mark_inode_dirty(handle, inode, data)?;
    data.unlocked(|| handle.restart(credits))?;
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
