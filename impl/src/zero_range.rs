//! Zeroing a range without writing it: its blocks stay, or become, allocated and unwritten.
//!
//! # Source
//! linux v7.0 fs/ext4/extents.c `ext4_zero_range`. As in [`crate::punch_hole`], partial blocks are
//! zeroed while no handle is open.

use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::fallocate::{SizeMode, alloc_file_blocks, lock_to_allocate};
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::trace::args;
use crate::units::Lblk;
use crate::zero_partial::End;
use crate::{allocate, setattr, trace};
use rt::sync::Arc;
use std::ops::Range;

/// Makes `len` bytes from `offset` on read as zeroes, and allocates their blocks.
///
/// # Locking
/// Takes: `i_rwsem` and `invalidate_lock`, both exclusive; under them folio locks and writeback
/// waits, and at other times handles with `i_data_sem`.
///
/// # Crash
/// Until the last handle has committed, any byte of the range is as it was or zero. The size is
/// the old one, or, once everything else has happened, the new one. The size on disk may have been
/// raised over data that is not on disk yet, which then reads as zeroes.
///
/// # Errors
/// [`FsError::NoSpace`]: then some blocks have been allocated, and no content has changed.
/// [`FsError::TooManyExtents`]: then part of the range may hold what it last held on disk.
/// [`FsError::NeedsExtents`], [`FsError::ReadOnly`], [`FsError::TooLarge`], [`FsError::Journal`],
/// [`FsError::Device`].
pub fn zero_range<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    len: u64,
    mode: SizeMode,
) -> Result<(), FsError> {
    let Some((_rwsem, end)) = lock_to_allocate(fs, inode, offset, len)? else {
        return Ok(());
    };
    let _invalidate = inode.invalidate_lock.write();
    let size = inode.size.get();
    let extends = mode == SizeMode::Extend && end > size;
    alloc_file_blocks(fs, inode, Lblk::containing(offset)..Lblk::round_up(end))?;
    if extends {
        (fs.protocol.zero_eof)(fs, inode, size, End::Grows)?;
    }
    (fs.protocol.update_disksize_before_punch)(fs, inode, end)?;
    let whole = Lblk::round_up(offset)..Lblk::containing(end);
    if whole.start < whole.end {
        if fs.design() == Design::Bh {
            (fs.protocol.write_out_ordered)(fs, inode, whole.clone());
        }
        (fs.protocol.truncate_pagecache_range)(fs, inode, whole.clone());
        allocate::retry_after_commit(fs, || convert_to_unwritten(fs, inode, whole.clone()))?;
    }
    (fs.protocol.zero_partial_blocks)(fs, inode, offset..end)?;
    match extends {
        true => setattr::raise_sizes(fs, inode, end),
        false => Ok(()),
    }
}

/// Marks the written blocks of a range unwritten: from then on they read as zeroes.
fn convert_to_unwritten<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    blocks: Range<Lblk>,
) -> Result<(), FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let mut data = inode.lock_data();
    let converted = allocate::change_tree(fs, &mut handle, inode, &mut data, |tree| {
        tree.convert_to_unwritten(blocks.clone())
    })?;
    trace::step("convert to unwritten", || {
        args([("", trace::range(&blocks))])
    });
    for mapping in converted {
        data.insert_status(mapping);
    }
    fs.mark_inode_dirty(&mut handle, inode, &data)
}
