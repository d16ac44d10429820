//! Making a file, or a part of it, durable, and waiting for its I/O.
//!
//! # Source
//! linux v7.0 fs/ext4/fsync.c `ext4_sync_file`; mm/filemap.c `file_write_and_wait_range`. There is
//! no fdatasync of its own: what it leaves out are times, and this core keeps none.

use crate::device::Device;
use crate::error::FsError;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::trace::args;
use crate::units::Lblk;
use crate::{trace, writeback};
use rt::sync::Arc;
use std::ops::Range;

/// Writes the file's dirty blocks and its inode, and returns when both are durable.
///
/// # Locking
/// Takes: what writeback takes; then waits for writeback and for a commit, holding nothing.
///
/// # Crash
/// Once it has returned without an error, everything written before the call survives.
///
/// # Errors
/// What writeback of this file system has failed with since it was last asked, and
/// [`FsError::Journal`], [`FsError::Device`].
pub fn fsync<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>) -> Result<(), FsError> {
    fsync_range(fs, inode, Lblk(0)..Lblk(u32::MAX))?;
    rt::acknowledged("fsync", || {
        args([
            ("ino", inode.ino.0.into()),
            ("size", inode.size.peek().into()),
        ])
    });
    Ok(())
}

/// Writes the file's dirty blocks in a range, and its inode, and returns when both are durable.
///
/// # Locking
/// As [`fsync`].
///
/// # Crash
/// Once it has returned without an error, everything written to the range before the call
/// survives, and so does every change of sizes and extents before it. Data in other blocks may not.
///
/// # Errors
/// As [`fsync`].
pub fn fsync_range<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
) -> Result<(), FsError> {
    write_and_wait(fs, inode, range)?;
    let has_flushed = match inode.sync_tid() {
        Some(tid) => fs.journal().wait_commit(tid)?,
        None => false,
    };
    if (fs.protocol.fsync_needs_flush)(has_flushed) {
        // Nothing of the inode had to be committed, or somebody else did that, but data written in
        // place may still be in the volatile cache.
        fs.device().flush()?;
    }
    Ok(())
}

/// Whether the device must be flushed, given whether the commit that fsync waited for was its own
/// and so has flushed what was complete before it.
pub fn needs_flush(has_flushed: bool) -> bool {
    !has_flushed
}

/// Writes dirty blocks in `range` and waits until their I/O has been completed and seen to.
///
/// # Locking
/// Takes: what writeback takes.
///
/// # Errors
/// As [`writeback::writepages`], and what the I/O failed with.
pub fn write_and_wait<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
) -> Result<(), FsError> {
    writeback::writepages(fs, inode, range.clone(), true)?;
    for folio in inode.cache.lookup(range) {
        fs.wait_on_writeback(&folio);
    }
    trace::step("writeback done", || args([("ino", inode.ino.0.into())]));
    fs.take_writeback_error().map_or(Ok(()), Err)
}
