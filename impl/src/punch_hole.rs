//! Punching a hole: what a range held reads as zeroes, and its blocks are free.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_punch_hole`, `ext4_update_disksize_before_punch`. The partial
//! blocks are zeroed before the handle starts, as the ext4-on-iomap series does: zeroing locks a
//! folio, and in that design folio locks come before handles. There are no writable mappings of
//! folios to protect first.

use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fallocate::lock_to_change;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::trace::args;
use crate::units::Lblk;
use crate::{allocate, trace};
use rt::sync::Arc;
use std::ops::Range;

/// Punches a hole of `len` bytes at `offset`. The size stays. A hole that reaches beyond the end
/// of the file reaches to the end of its last block, and what lies beyond that is left alone.
///
/// # Locking
/// Takes: `i_rwsem` and `invalidate_lock`, both exclusive; under them folio locks and writeback
/// waits, and at other times handles with `i_data_sem`.
///
/// # Crash
/// Until the last handle has committed, any byte of the range is as it was or zero. The size on
/// disk may have been raised over data that is not on disk yet, which then reads as zeroes.
///
/// # Errors
/// [`FsError::TooManyExtents`], because a hole splits an extent: then the range may hold what it
/// last held on disk. [`FsError::ReadOnly`], [`FsError::Journal`], [`FsError::Device`].
pub fn punch_hole<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    len: u64,
) -> Result<(), FsError> {
    let _rwsem = lock_to_change(fs, inode)?;
    let size = inode.size.get();
    if offset >= size || len == 0 {
        return Ok(());
    }
    let end = match offset.saturating_add(len) {
        // The last block goes as a whole: what it holds beyond the end of the file is nobody's.
        end if end > size => Lblk::round_up(size).offset(),
        end => end,
    };
    let _invalidate = inode.invalidate_lock.write();
    (fs.protocol.update_disksize_before_punch)(fs, inode, end)?;
    let blocks = Lblk::round_up(offset)..Lblk::containing(end);
    if blocks.start >= blocks.end {
        return (fs.protocol.zero_partial_blocks)(fs, inode, offset..end);
    }
    if fs.design() == Design::Bh {
        (fs.protocol.write_out_ordered)(fs, inode, blocks.clone());
    }
    (fs.protocol.truncate_pagecache_range)(fs, inode, blocks.clone());
    let freed = (fs.protocol.zero_partial_blocks)(fs, inode, offset..end)
        .and_then(|()| allocate::retry_after_commit(fs, || free_blocks(fs, inode, blocks.clone())));
    if freed.is_err() {
        // The folios are gone, so what was delayed will never be written.
        drop_delayed(fs, inode, blocks);
    }
    freed
}

/// Removes the mappings of a range, and remembers that there is a hole.
fn free_blocks<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    blocks: Range<Lblk>,
) -> Result<(), FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let mut data = inode.lock_data();
    (fs.protocol.remove_space)(fs, &mut handle, inode, &mut data, blocks.clone())?;
    data.insert_status(Mapping {
        start: blocks.start,
        len: blocks.end.0 - blocks.start.0,
        status: Status::Hole,
    });
    fs.mark_inode_dirty(&mut handle, inode, &data)
}

/// Gives up the delayed blocks of a range.
fn drop_delayed<D: Device>(fs: &Filesystem<D>, inode: &Inode, blocks: Range<Lblk>) {
    let mut data = inode.lock_data();
    let reclaimed = data.remove_status(blocks);
    fs.space().release(reclaimed);
    data.reserved -= reclaimed;
    data.quota_reserved -= u64::from(reclaimed);
}

/// Raises the size on disk to `end`, but no further than the file reaches: the dirty folios whose
/// I/O would have raised it are about to be dropped. It is raised however far the range reaches, or
/// a block of it that is written again could lie beyond the size on disk.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no handle. Takes: a handle, then `i_data_sem`.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn update_disksize_before_punch<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    end: u64,
) -> Result<(), FsError> {
    let end = end.min(inode.size.get());
    if inode.disksize.get() >= end {
        return Ok(());
    }
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let data = inode.lock_data();
    // I/O may have completed meanwhile and raised it further.
    if inode.disksize.get() < end {
        trace::step("raise i_disksize before punch", || {
            args([("to", end.into())])
        });
        inode.disksize.set(end);
    }
    fs.mark_inode_dirty(&mut handle, inode, &data)
}
