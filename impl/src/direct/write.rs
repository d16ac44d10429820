//! Direct writing: the way from the caller's range to submitted I/O and back.
//!
//! # Source
//! linux v7.0 fs/ext4/file.c `ext4_dio_write_iter`; fs/iomap/direct-io.c `__iomap_dio_rw`. Departs
//! from it in returning the number of bytes written directly where the buffered rest fails.

use super::checks::{Hold, WriteChecks, lock_for_write};
use super::completion::{self, AsyncWrite};
use super::invalidate::invalidate_folios;
use super::submit::DirectIo;
use crate::device::Device;
use crate::error::FsError;
use crate::fallocate::checked_end;
use crate::fs::Filesystem;
use crate::fsync::{self, Sync};
use crate::inode::Inode;
use crate::trace::{self, args};
use crate::units::Lblk;
use crate::user::UserBuffer;
use crate::write::buffered_write_rest;
use crate::zero_partial::End;
use rt::sync::Arc;
use std::ops::Range;

/// What became of a write whose caller does not wait.
#[derive(Clone, Debug)]
pub enum Submitted {
    /// It has ended: so many bytes were written.
    Done(usize),
    /// It is on its way: `EIOCBQUEUED`. [`Filesystem::wait_direct_io`] waits for it.
    Queued(Arc<AsyncWrite>),
}

/// How the caller wants it.
#[derive(Clone, Copy)]
struct Mode {
    /// Whether the caller waits.
    waits: bool,
    /// How much is to be durable when the write has ended.
    sync: Option<Sync>,
}

impl Mode {
    const WAIT: Mode = Mode {
        waits: true,
        sync: None,
    };
}

/// Writes `bytes` at `offset`, past the page cache. Returns the number of bytes written.
///
/// # Locking
/// Takes: `i_rwsem`, shared for overwriting whole blocks inside the file, else exclusive; see the
/// module for what comes under it. Where something is left for the page cache, what
/// [`buffered_write_rest`] takes, and then folio locks.
///
/// # Crash
/// Promises nothing: that is fsync's. But each byte is old or new, zero in a hole, never anything
/// else, and no block stays allocated beyond the end of the file.
///
/// # Errors
/// [`FsError::TooLarge`], [`FsError::NoSpace`], [`FsError::TooManyExtents`],
/// [`FsError::RacedWithStore`], [`FsError::BadAddress`], [`FsError::Journal`],
/// [`FsError::Device`]. Inside the file, some of it may have been written.
pub fn direct_write<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    bytes: &[u8],
) -> Result<usize, FsError> {
    direct_write_from(fs, inode, offset, &UserBuffer::new(bytes))
}

/// As [`direct_write`], from a buffer that may not be readable to its end.
///
/// # Errors
/// As [`direct_write`].
pub fn direct_write_from<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
) -> Result<usize, FsError> {
    wait(fs, write_iter(fs, inode, offset, user, Mode::WAIT)?)
}

/// As [`direct_write_from`], but returns once the I/O has been submitted, unless it must be waited
/// for, or goes through the page cache.
///
/// # Errors
/// As [`direct_write`].
pub fn direct_write_async<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
) -> Result<Submitted, FsError> {
    let mode = Mode {
        waits: false,
        sync: None,
    };
    write_iter(fs, inode, offset, user, mode)
}

/// As [`direct_write_from`], to a file opened with `O_SYNC` or `O_DSYNC`.
///
/// # Locking
/// As [`direct_write`]; at the end of the I/O, under what is held then, what
/// [`fsync::fsync_range`] takes.
///
/// # Crash
/// Once it has returned without an error, the written bytes survive, and so does the size that they
/// need. Where the write only overwrites, and nothing about the file waits for a commit, its blocks
/// are written through the device's cache, and nothing is committed.
///
/// # Errors
/// As [`direct_write`], and then nothing is promised; as [`fsync::fsync`].
///
/// # Source
/// linux v7.0 fs/iomap/direct-io.c `__iomap_dio_rw`, `iomap_dio_complete`; include/linux/fs.h
/// `generic_write_sync`.
pub fn direct_write_sync<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
    sync: Sync,
) -> Result<usize, FsError> {
    let sync = Some(sync);
    let mode = Mode { waits: true, sync };
    wait(fs, write_iter(fs, inode, offset, user, mode)?)
}

/// As [`direct_write_sync`] and [`direct_write_async`] at once: durable when it has ended.
///
/// # Errors
/// As [`direct_write`].
pub fn direct_write_sync_async<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
    sync: Sync,
) -> Result<Submitted, FsError> {
    let sync = Some(sync);
    let mode = Mode { waits: false, sync };
    write_iter(fs, inode, offset, user, mode)
}

fn wait<D: Device>(fs: &Filesystem<D>, submitted: Submitted) -> Result<usize, FsError> {
    match submitted {
        Submitted::Done(written) => Ok(written),
        Submitted::Queued(write) => fs.wait_direct_io(&write),
    }
}

fn write_iter<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
    mode: Mode,
) -> Result<Submitted, FsError> {
    let range = offset..checked_end(offset, user.len() as u64)?;
    if user.is_empty() {
        return Ok(Submitted::Done(0));
    }
    fs.expect_writable()?;
    if range.end > inode.size_max() {
        return Err(FsError::TooLarge);
    }
    let (hold, checks) = lock_for_write(fs, inode, &range);
    if matches!(hold, Hold::Exclusive(_)) {
        (fs.protocol.dio_drain_before)(fs, inode, &checks);
    }
    let submitted = write_locked(fs, inode, &range, user, &checks, mode);
    drop(hold);
    let mut written = match submitted? {
        Submitted::Done(written) => written,
        queued => return Ok(queued),
    };
    if written < user.len() {
        let rest = user.rest(written);
        match fall_back(fs, inode, offset + written as u64, &rest, mode.sync) {
            Err(error) if written == 0 => return Err(error),
            more => written += more.unwrap_or(0),
        }
    }
    if mode.sync.is_some() {
        completion::acknowledge(inode, offset, written);
    }
    Ok(Submitted::Done(written))
}

/// The write under `i_rwsem`.
fn write_locked<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: &Range<u64>,
    user: &UserBuffer<'_>,
    checks: &WriteChecks,
    mode: Mode,
) -> Result<Submitted, FsError> {
    if !checks.extends {
        return rw(fs, inode, range, user, checks, mode);
    }
    let size = inode.size.get();
    (fs.protocol.dio_zero_eof)(fs, inode, range.end)?;
    (fs.protocol.dio_orphan_add)(fs, inode)?;
    let outcome = rw(fs, inode, range, user, checks, mode);
    let is_whole = match &outcome {
        Ok(Submitted::Done(written)) => *written == user.len(),
        // It ends by itself.
        Ok(Submitted::Queued(_)) => return outcome,
        Err(_) => false,
    };
    if inode.size.get() > size {
        (fs.protocol.pagecache_isize_extended)(inode, size, range.start);
    }
    let cleaned = (fs.protocol.inode_extension_cleanup)(fs, inode, is_whole);
    let written = outcome?;
    cleaned.map(|()| written)
}

/// Writes back and drops what the cache holds of the range, submits, and unless the caller need not
/// wait, ends the I/O. Nothing is written where the cache can not be dropped.
fn rw<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: &Range<u64>,
    user: &UserBuffer<'_>,
    checks: &WriteChecks,
    mode: Mode,
) -> Result<Submitted, FsError> {
    let blocks = Lblk::containing(range.start)..Lblk::round_up(range.end);
    fsync::write_and_wait(fs, inode, blocks.clone())?;
    if invalidate_folios(fs, inode, blocks).is_err() {
        return Ok(Submitted::Done(0));
    }
    inode.dio_count.begin();
    let mut dio = DirectIo::new(inode, range).synchronous(mode.sync);
    if let Err(error) = dio.submit(fs, user.pin()) {
        dio.error = Some(error);
    }
    let may_queue = !mode.waits && !dio.falls_back;
    if may_queue && !(fs.protocol.dio_must_wait)(checks) {
        let write = Arc::new(AsyncWrite::new(inode.ino.0));
        dio.kiocb = Some(write.clone());
        fs.direct_in_flight().push(dio);
        return Ok(Submitted::Queued(write));
    }
    completion::complete(fs, dio).map(Submitted::Done)
}

/// Makes the end of the last block zero if the file is about to grow past it.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no handle. Takes: as
/// [`crate::zero_partial::zero_eof`].
///
/// # Errors
/// As [`crate::zero_partial::zero_eof`].
pub fn zero_old_eof<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    end: u64,
) -> Result<(), FsError> {
    let size = inode.size.get();
    if end <= size {
        return Ok(());
    }
    (fs.protocol.zero_eof)(fs, inode, size, End::Grows)
}

/// Writes the rest, which is not empty, through the page cache, and makes the cache forget it, as
/// direct I/O would have.
fn fall_back<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    rest: &UserBuffer<'_>,
    sync: Option<Sync>,
) -> Result<usize, FsError> {
    trace::step("fall back to buffered write", || {
        args([("from", offset.into())])
    });
    let written = buffered_write_rest(fs, inode, offset, rest)?;
    let end = offset + written as u64;
    let blocks = Lblk::containing(offset)..Lblk::round_up(end);
    if let Some(sync) = sync {
        fsync::fsync_range(fs, inode, blocks.clone(), sync)?;
    }
    (fs.protocol.dio_flush_fallback)(fs, inode, blocks)?;
    Ok(written)
}

/// Writes the blocks of a buffered rest to disk and drops them from the cache, where nobody has
/// made them dirty again.
///
/// # Locking
/// Takes: what writeback takes, and then folio locks.
///
/// # Errors
/// As [`fsync::write_and_wait`].
pub fn flush_fallback<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    blocks: Range<Lblk>,
) -> Result<(), FsError> {
    fsync::write_and_wait(fs, inode, blocks.clone())?;
    // What is dirty again will be written again.
    let _ = invalidate_folios(fs, inode, blocks);
    Ok(())
}
