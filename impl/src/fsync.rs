//! Making a file, or a part of it, durable, and waiting for its I/O.
//!
//! # Source
//! linux v7.0 fs/ext4/fsync.c `ext4_sync_file`, `ext4_fsync_journal`; mm/filemap.c
//! `file_write_and_wait_range`. What fdatasync leaves out is the number of names: this core keeps
//! no times.

use crate::device::Device;
use crate::error::FsError;
use crate::errseq::OpenFile;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::trace::args;
use crate::units::Lblk;
use crate::{trace, writeback};
use rt::sync::Arc;
use std::ops::Range;

/// How much of a file is to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// All of it: fsync, `O_SYNC`.
    All,
    /// Its data, and what is needed to read them: fdatasync, `O_DSYNC`.
    Data,
}

/// Writes the file's dirty blocks and its inode, and returns when both are durable. Who has the
/// file open in an [`OpenFile`] of their own asks [`fsync_file`] instead.
///
/// # Locking
/// Takes: what writeback takes; then waits for writeback and for a commit, holding nothing.
///
/// # Crash
/// Once it has returned without an error, everything written before the call survives.
///
/// # Errors
/// What writeback of this file has failed with since it was last asked, [`FsError::ReadOnly`] once
/// the journal has been aborted, and [`FsError::Journal`], [`FsError::Device`].
pub fn fsync<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>) -> Result<(), FsError> {
    fsync_file(fs, inode, &inode.opened)
}

/// As [`fsync`], on behalf of one open file: each is told of an error once, whoever else has been.
///
/// # Errors
/// As [`fsync`].
pub fn fsync_file<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    file: &OpenFile,
) -> Result<(), FsError> {
    sync_file(fs, inode, Lblk(0)..Lblk(u32::MAX), file, Sync::All)?;
    acknowledge(inode);
    Ok(())
}

/// As [`fsync`], for the file's data, its size and its blocks: what else has changed in its inode
/// may wait.
///
/// # Errors
/// As [`fsync`].
pub fn fdatasync<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>) -> Result<(), FsError> {
    let all = Lblk(0)..Lblk(u32::MAX);
    sync_file(fs, inode, all, &inode.opened, Sync::Data)?;
    acknowledge(inode);
    Ok(())
}

/// What both promise: the content, and the size.
fn acknowledge(inode: &Inode) {
    rt::acknowledged("fsync", || {
        args([
            ("ino", inode.ino.0.into()),
            ("size", inode.size.peek().into()),
        ])
    });
}

/// Writes the file's dirty blocks in a range, and of its inode what `sync` says, and returns when
/// both are durable: `generic_write_sync`.
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
    sync: Sync,
) -> Result<(), FsError> {
    sync_file(fs, inode, range, &inode.opened, sync)
}

/// # Errors
/// As [`fsync`]. An error of writeback comes first and ends the call, as in the kernel: what
/// follows would make durable a file whose data is missing.
fn sync_file<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
    file: &OpenFile,
    sync: Sync,
) -> Result<(), FsError> {
    fs.expect_writable()?;
    let written = write_range(fs, inode, range);
    (fs.protocol.check_and_advance_wb_err)(inode, file)?;
    written?;
    let has_flushed = match inode.sync_tid(sync) {
        Some(tid) => fs.journal().wait_commit(tid)?,
        None => false,
    };
    if (fs.protocol.fsync_needs_flush)(has_flushed) {
        // Nothing of the inode had to be committed, or somebody else did that, but data written in
        // place may still be in the volatile cache.
        fs.journal().flush_device()?;
    }
    // The commit may have written data too, and failed.
    (fs.protocol.check_and_advance_wb_err)(inode, file)
}

/// Tells an open file of the file's latest error, if it is news.
///
/// # Errors
/// That error.
///
/// # Source
/// linux v7.0 mm/filemap.c `file_check_and_advance_wb_err`.
pub fn check_and_advance_wb_err(inode: &Inode, file: &OpenFile) -> Result<(), FsError> {
    inode.errors.check_and_advance(file)
}

/// Whether the device must be flushed, given whether the commit that fsync waited for was its own
/// and so has flushed what was complete before it.
pub fn needs_flush(has_flushed: bool) -> bool {
    !has_flushed
}

/// Writes dirty blocks in `range` and waits until their I/O has been completed and seen to. For
/// those who have no file open: the first to ask is told of an error, and others are not.
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
    write_range(fs, inode, range)?;
    inode.errors.check_errors()
}

fn write_range<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
) -> Result<(), FsError> {
    let written = writeback::writepages(fs, inode, range.clone(), true);
    for folio in inode.cache.lookup(range) {
        fs.wait_on_writeback(&folio);
    }
    trace::step("writeback done", || args([("ino", inode.ino.0.into())]));
    written
}
