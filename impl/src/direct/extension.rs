//! Direct writes that extend a file: the orphan record before, the sizes after, and cleaning up
//! where less was written than mapped.
//!
//! # Source
//! linux v7.0 fs/ext4/file.c `ext4_handle_inode_extension`, `ext4_inode_extension_cleanup`.

use crate::device::Device;
use crate::error::FsError;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::invariants::context::expect_exclusive;
use crate::trace::{self, args};
use crate::{allocate, orphan};

/// Puts the file on the orphan list before blocks beyond its end are allocated, in a handle of its
/// own.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive. Takes: a handle, then the orphan lock.
///
/// # Crash
/// Once a later transaction has committed, so has this, and recovery frees what lies beyond the
/// end.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn prepare<D: Device>(fs: &Filesystem<D>, inode: &Inode) -> Result<(), FsError> {
    expect_exclusive(&inode.i_rwsem, "i_rwsem", "orphan add");
    let mut handle = fs.start_handle(orphan::CREDITS)?;
    (fs.protocol.orphan_add)(fs, &mut handle, inode)
}

/// After the I/O: raises the sizes to `end` bytes, in a handle. If all was written, the file leaves
/// the orphan list in the same handle.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no handle. Takes: a handle, then `i_data_sem`, then the
/// orphan lock.
///
/// # Crash
/// Requires that the data up to `end` that was written directly have been written. Data before it
/// that is dirty in the cache has not been: after a crash it may read as zeroes.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn handle_inode_extension<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    end: u64,
    is_whole: bool,
) -> Result<(), FsError> {
    expect_exclusive(
        &inode.i_rwsem,
        "i_rwsem",
        "raising the size after direct I/O",
    );
    let mut handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
    {
        let data = inode.lock_data();
        trace::step("raise i_disksize and i_size", || args([("to", end.into())]));
        // The size first: the one on disk is never the larger one, not even in between.
        if end > inode.size.get() {
            inode.size.set(end);
        }
        if end > inode.disksize.get() {
            inode.disksize.set(end);
        }
        fs.mark_inode_dirty(&mut handle, inode, &data)?;
    }
    if is_whole && inode.links() > 0 {
        (fs.protocol.orphan_del)(fs, &mut handle, inode)?;
    }
    Ok(())
}

/// After an extending write: frees what was mapped beyond the end if less was written, and takes
/// the file off the orphan list if it is still there. It may be although all was written: where
/// writeback of other blocks has raised the size on disk meanwhile, the end of the I/O did not
/// extend anything.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no handle. Takes: `invalidate_lock`, exclusive, under it
/// folio locks; handles, with `i_data_sem` and the orphan lock.
///
/// # Crash
/// Until this has committed the file is on the orphan list, and recovery does the same.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn cleanup<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    is_whole: bool,
) -> Result<(), FsError> {
    if !is_whole {
        return (fs.protocol.truncate_failed_write)(fs, inode);
    }
    let is_member = fs.orphans().members().contains(&inode.ino);
    if !is_member || inode.links() == 0 {
        return Ok(());
    }
    let mut handle = fs.start_handle(orphan::CREDITS)?;
    (fs.protocol.orphan_del)(fs, &mut handle, inode)
}
