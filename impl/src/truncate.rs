//! Truncating a file to a smaller size.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_setattr`, `ext4_truncate`, with the zeroed tail written before
//! the transaction as in the ext4-on-iomap series: that design has no ordered data.

use crate::device::Device;
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::journal::Handle;
use crate::protocol::Protocol;
use crate::trace::args;
use crate::units::Lblk;
use crate::zero_partial::{End, zero_eof};
use crate::{allocate, orphan, trace};
use rt::sync::Arc;

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
pub fn truncate_down<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Arc<Inode>,
    size: u64,
) -> Result<(), FsError> {
    let _rwsem = inode.i_rwsem.write();
    if size >= inode.size.get() {
        return Ok(());
    }
    let _invalidate = inode.invalidate_lock.write();
    zero_eof(fs, inode, size, End::Shrinks)?;
    set_sizes(fs, inode, size)?;
    drop_folios(fs, inode, Lblk::round_up(size));
    free_blocks(fs, inode, Lblk::round_up(size))
}

/// The first handle: orphan record first, then both sizes.
fn set_sizes<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Inode,
    size: u64,
) -> Result<(), FsError> {
    let mut handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
    P::orphan_add(fs, &mut handle, inode)?;
    let data = inode.lock_data();
    trace::step("set i_disksize and i_size", || args([("to", size.into())]));
    inode.disksize.set(size);
    inode.size.set(size);
    fs.mark_inode_dirty(&mut handle, inode, &data)
}

/// Drops every folio from `from` on, waiting for the writeback of each.
fn drop_folios<D: Device, P: Protocol>(fs: &Filesystem<D, P>, inode: &Inode, from: Lblk) {
    for folio in inode.cache.lookup(from..Lblk(u32::MAX)) {
        let mut guard = folio.lock();
        fs.wait_on_writeback(&folio);
        if !guard.is_attached() {
            continue;
        }
        if folio.range().start >= from {
            trace::step("drop folio", || args([("", trace::range(&folio.range()))]));
            inode.cache.detach(&mut guard);
        } else {
            guard.invalidate_from(from);
        }
    }
}

/// The second handle: removes the mappings from `from` on, and takes the inode off the list.
fn free_blocks<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Inode,
    from: Lblk,
) -> Result<(), FsError> {
    let mut handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
    {
        let mut data = inode.lock_data();
        remove_extents(fs, &mut handle, inode, &mut data, from)?;
        fs.mark_inode_dirty(&mut handle, inode, &data)?;
    }
    orphan::del(fs, &mut handle, inode)
}

/// Removes every mapping from `from` on: delayed blocks give their reservation back, others their
/// space.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn remove_extents<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    from: Lblk,
) -> Result<(), FsError> {
    let end = Lblk(u32::MAX);
    let mapped_end = mapped_end(data).max(from);
    let freed = allocate::change_tree(fs, handle, inode, data, |tree| tree.remove(from..end))?;
    let reclaimed = data.remove_status(from..end);
    fs.space().release(reclaimed);
    data.reserved -= reclaimed;
    data.quota_reserved -= u64::from(reclaimed);
    let blocks: u64 = freed.iter().map(|range| range.end.0 - range.start.0).sum();
    trace::step("remove extents", || {
        args([
            ("", trace::range(&(from..mapped_end))),
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
