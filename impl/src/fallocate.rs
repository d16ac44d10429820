//! Allocating space ahead of writing.
//!
//! # Source
//! linux v7.0 fs/ext4/extents.c `ext4_fallocate`, `ext4_do_fallocate`, `ext4_alloc_file_blocks`.
//! Departs from it in raising the size only when every block has been allocated, and in allocating
//! over delayed blocks on the account of their reservation, where the kernel charges the new blocks
//! and releases the reservation.

use crate::allocate::Kind;
use crate::device::Device;
use crate::disk::inode::FILE_SIZE_MAX;
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::journal::Handle;
use crate::lock::WriteGuard;
use crate::trace::args;
use crate::units::Lblk;
use crate::zero_partial::End;
use crate::{allocate, setattr, trace, writeback};
use rt::sync::Arc;
use std::ops::Range;

/// What becomes of the size when blocks beyond the end are allocated or zeroed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeMode {
    /// It is raised to the end of the range.
    Extend,
    /// It stays: `FALLOC_FL_KEEP_SIZE`.
    Keep,
}

/// Allocates blocks, unwritten, for every byte of `len` from `offset` on that has none. No bytes
/// are no change; the kernel refuses them before the file system is asked.
///
/// # Locking
/// Takes: `i_rwsem`, exclusive; under it one handle after another, each with `i_data_sem`. Not
/// `invalidate_lock`: no folio is dropped.
///
/// # Crash
/// Some of the blocks are allocated: they read as zeroes, or lie beyond the end. The size is the
/// old one, or the new one with every block allocated.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooManyExtents`]: then some blocks have been allocated, and the
/// size has not changed. [`FsError::NeedsExtents`], [`FsError::ReadOnly`], [`FsError::TooLarge`],
/// [`FsError::Journal`], [`FsError::Device`].
pub fn fallocate<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    len: u64,
    mode: SizeMode,
) -> Result<(), FsError> {
    let Some((_rwsem, end)) = lock_to_allocate(fs, inode, offset, len)? else {
        return Ok(());
    };
    let size = inode.size.get();
    alloc_file_blocks(fs, inode, Lblk::containing(offset)..Lblk::round_up(end))?;
    if mode == SizeMode::Keep || end <= size {
        return Ok(());
    }
    (fs.protocol.zero_eof)(fs, inode, size, End::Grows)?;
    setattr::raise_sizes(fs, inode, end)
}

/// What every change of a range of a file begins with: nobody else writes, and no direct I/O is
/// under way.
///
/// # Locking
/// Takes: `i_rwsem`, exclusive, which it returns; under it what waiting for direct I/O takes.
///
/// # Errors
/// [`FsError::ReadOnly`].
pub(crate) fn lock_to_change<'a, D: Device>(
    fs: &Filesystem<D>,
    inode: &'a Inode,
) -> Result<WriteGuard<'a, ()>, FsError> {
    fs.expect_writable()?;
    let rwsem = inode.i_rwsem.write();
    (fs.protocol.inode_dio_wait)(fs, inode);
    Ok(rwsem)
}

/// As [`lock_to_change`], for what allocates every block of `len` bytes from `offset` on. Returns
/// the end of the range too; `None` if there is nothing to do.
///
/// # Errors
/// As [`lock_to_change`], [`FsError::TooLarge`], [`FsError::NeedsExtents`].
pub(crate) fn lock_to_allocate<'a, D: Device>(
    fs: &Filesystem<D>,
    inode: &'a Inode,
    offset: u64,
    len: u64,
) -> Result<Option<(WriteGuard<'a, ()>, u64)>, FsError> {
    let end = checked_end(offset, len)?;
    if len == 0 {
        return Ok(None);
    }
    inode.expect_extents()?;
    Ok(Some((lock_to_change(fs, inode)?, end)))
}

/// The end of a range, if a file can reach that far.
///
/// # Errors
/// [`FsError::TooLarge`].
pub fn checked_end(offset: u64, len: u64) -> Result<u64, FsError> {
    let end = offset.checked_add(len).filter(|end| *end <= FILE_SIZE_MAX);
    end.ok_or(FsError::TooLarge)
}

/// Allocates every block of a range that has none, extent by extent, each in its own handle.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no handle. Takes: handles, each with `i_data_sem`.
///
/// # Errors
/// As [`fallocate`].
pub fn alloc_file_blocks<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<(), FsError> {
    let mut rest = range;
    while rest.start < rest.end {
        let (mapping, _) = inode.query(rest.start);
        rest.start = match mapping.status {
            Status::Written(_) | Status::Unwritten(_) => mapping.end(),
            _ => allocate::retry_after_commit(fs, || alloc_extent(fs, inode, rest.clone()))?,
        };
    }
    Ok(())
}

/// Allocates the beginning of a range. Returns where what has been dealt with ends.
fn alloc_extent<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<Lblk, FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let mut data = inode.lock_data();
    // Looked up again: writeback may have allocated what was delayed.
    let (mapping, _) = inode.query_locked(&data, range.start);
    let wanted = mapping.clipped(range).unwrap_or(mapping);
    match wanted.status {
        Status::Written(_) | Status::Unwritten(_) => Ok(wanted.end()),
        Status::Delayed => {
            let (mapping, _) =
                writeback::map_create_blocks(fs, &mut handle, inode, &mut data, wanted)?;
            Ok(mapping.end())
        }
        Status::Hole => {
            let kind = Kind::Unwritten;
            Ok(fill_hole(fs, &mut handle, inode, &mut data, wanted, kind)?.end())
        }
    }
}

/// Allocates the beginning of a hole. The space is promised first, so that what others were
/// promised is not taken.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooManyExtents`], [`FsError::Journal`].
pub fn fill_hole<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    hole: Mapping,
    kind: Kind,
) -> Result<Mapping, FsError> {
    fs.space().reserve(hole.len)?;
    let created = allocate::create(fs, handle, inode, data, hole, kind);
    let len = created.as_ref().map_or(0, |mapping| mapping.len);
    fs.space().claim(len);
    fs.space().release(hole.len - len);
    let mapping = created?;
    data.quota_used += u64::from(len);
    data.insert_status(mapping);
    trace::step("allocate", || {
        let at = mapping.status.pblk().map_or(0, |pblk| pblk.0);
        args([
            ("", trace::range(&(mapping.start..mapping.end()))),
            ("blocks", len.into()),
            ("at", at.into()),
        ])
    });
    fs.mark_inode_dirty(handle, inode, data)?;
    Ok(mapping)
}
