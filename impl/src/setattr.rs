//! Setting the size of a file.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_setattr`, its part for a larger size. Departs from the proposal
//! for the iomap path, where only `i_size` is raised and I/O completion lets the size on disk
//! follow: both are set here, in one handle, as the buffer-head path does. That is safe because
//! the end of the last block is zero on disk before; and below a size that the caller asked for, a
//! crash may show zeroes. Departs from it also where the file has that size already: blocks that
//! have been allocated beyond the end stay then.

use crate::device::Device;
use crate::error::FsError;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::trace::args;
use crate::zero_partial::End;
use crate::{allocate, trace, truncate};
use rt::sync::Arc;

/// Makes a file end at `size` bytes. What it gains is a hole.
///
/// # Locking
/// Takes: `i_rwsem`, exclusive, once for the whole call, and what [`truncate::truncate_down`] or
/// [`truncate_up`] takes under it.
///
/// # Crash
/// As [`truncate::truncate_down`] and [`truncate_up`].
///
/// # Errors
/// [`FsError::TooLarge`], [`FsError::ReadOnly`], [`FsError::Journal`], [`FsError::Device`].
pub fn set_size<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    size: u64,
) -> Result<(), FsError> {
    fs.expect_writable()?;
    let _rwsem = inode.i_rwsem.write();
    match size < inode.size.get() {
        true => truncate::shrink(fs, inode, size),
        false => grow(fs, inode, size),
    }
}

/// Makes a file end at `size` bytes, if that is more than it has now.
///
/// # Locking
/// Takes: `i_rwsem` and `invalidate_lock`, both exclusive; under them a folio lock and what
/// writeback takes, and after that a handle with `i_data_sem`.
///
/// # Crash
/// The file has its old size, or the new one with zeroes from the old one on.
///
/// # Errors
/// [`FsError::TooLarge`], [`FsError::ReadOnly`], [`FsError::Journal`], [`FsError::Device`].
pub fn truncate_up<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    size: u64,
) -> Result<(), FsError> {
    fs.expect_writable()?;
    let _rwsem = inode.i_rwsem.write();
    grow(fs, inode, size)
}

/// As [`truncate_up`], for holders of `i_rwsem`.
fn grow<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>, size: u64) -> Result<(), FsError> {
    if size > inode.size_max() {
        return Err(FsError::TooLarge);
    }
    let before = inode.size.get();
    if size <= before {
        return Ok(());
    }
    (fs.protocol.inode_dio_wait)(fs, inode);
    let _invalidate = inode.invalidate_lock.write();
    (fs.protocol.zero_eof)(fs, inode, before, End::Grows)?;
    raise_sizes(fs, inode, size)
}

/// Sets both sizes to a larger one, in a handle of its own.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no handle. Takes: a handle, then `i_data_sem`; then a folio
/// lock.
///
/// # Crash
/// Requires that the end of the last block is zero on disk: see [`crate::zero_partial::zero_eof`].
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn raise_sizes<D: Device>(fs: &Filesystem<D>, inode: &Inode, size: u64) -> Result<(), FsError> {
    let before = inode.size.get();
    {
        let mut handle = fs.start_handle(allocate::CREDITS)?;
        let data = inode.lock_data();
        trace::step("set i_disksize and i_size", || args([("to", size.into())]));
        // The larger first: the size on disk is never the larger one, not even in between.
        inode.size.set(size);
        inode.disksize.set(size);
        fs.mark_inode_dirty(&mut handle, inode, &data)?;
    }
    (fs.protocol.pagecache_isize_extended)(inode, before, size);
    Ok(())
}
