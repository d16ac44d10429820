//! Buffered writing with delayed allocation: what both designs have in common, and IM's way. BH's
//! is in [`crate::da_write`].
//!
//! # Source
//! linux v7.0 fs/iomap/buffered-io.c `iomap_file_buffered_write`, `iomap_write_iter`,
//! `iomap_write_begin`, `iomap_write_end`; include/linux/fs.h `generic_write_sync`. Copies block by
//! block.

use crate::cache::FolioGuard;
use crate::delalloc::Iomap;
use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::extent::status::Cookie;
use crate::fallocate::checked_end;
use crate::fs::Filesystem;
use crate::fsync::Sync;
use crate::inode::Inode;
use crate::trace::args;
use crate::units::{BLOCK_SIZE, Lblk};
use crate::user::UserBuffer;
use crate::zero_partial::End;
use crate::{da_write, fsync, read, trace};
use rt::Value;
use rt::sync::Arc;
use std::ops::Range;

/// Writes `bytes` at `offset` into the page cache. Space and quota are reserved, not allocated.
///
/// # Locking
/// As [`buffered_write_from`].
///
/// # Crash
/// Promises nothing: that is fsync's.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooLarge`], [`FsError::Device`]. What was written before the
/// error stays written.
pub fn buffered_write<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    bytes: &[u8],
) -> Result<(), FsError> {
    write(fs, inode, offset, &UserBuffer::new(bytes), Beside::DirectIo).1
}

/// As [`buffered_write`], from a buffer that may not be readable to its end. Returns the number of
/// bytes written, which is smaller than asked for where an error came after some of them.
///
/// # Locking
/// Takes: `i_rwsem`, exclusive; under it one folio lock at a time, and at other times
/// `i_data_sem`. After a short copy also `invalidate_lock`, exclusive. No handle under or over a
/// folio lock: the two chains never nest.
///
/// # Errors
/// If nothing was written: [`FsError::BadAddress`], [`FsError::NoSpace`], [`FsError::TooLarge`],
/// [`FsError::Device`].
pub fn buffered_write_from<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
) -> Result<usize, FsError> {
    written(write(fs, inode, offset, user, Beside::DirectIo))
}

/// As [`buffered_write_from`], for what a direct write has left to the page cache. Waits for all
/// direct I/O first: who asked for direct I/O can not know that blocks are read, changed in part
/// and written back, and what is in flight to their other parts would be overwritten with what they
/// held before.
///
/// # Locking
/// As [`buffered_write_from`].
///
/// # Errors
/// As [`buffered_write_from`].
///
/// # Source
/// linux v7.0 fs/ext4/file.c `ext4_dio_write_iter`, which does not wait here.
pub fn buffered_write_rest<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
) -> Result<usize, FsError> {
    written(write(fs, inode, offset, user, Beside::Nothing))
}

fn written((written, outcome): Progress) -> Result<usize, FsError> {
    match outcome {
        Err(error) if written == 0 => Err(error),
        _ => Ok(written),
    }
}

/// As [`buffered_write`], to a file opened with `O_DSYNC`: what has been written is durable when
/// this returns. `O_SYNC` differs in times only, which this core does not keep.
///
/// # Locking
/// As [`buffered_write`], and after that, holding nothing, as [`fsync::fsync`].
///
/// # Crash
/// Once it has returned without an error, the written bytes survive, and so do the size that they
/// need and all that changed the file's sizes and extents before.
///
/// # Errors
/// As [`buffered_write`], and then nothing is promised; as [`fsync::fsync`].
pub fn synchronous_write<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    bytes: &[u8],
) -> Result<(), FsError> {
    buffered_write(fs, inode, offset, bytes)?;
    if bytes.is_empty() {
        return Ok(());
    }
    let end = offset + bytes.len() as u64;
    let blocks = Lblk::containing(offset)..Lblk::round_up(end);
    fsync::fsync_range(fs, inode, blocks, Sync::Data)?;
    rt::acknowledged("synchronous write", || {
        args([("ino", inode.ino.0.into()), ("", Value::Range(offset, end))])
    });
    Ok(())
}

/// How much was written, and why it ended there.
pub(crate) type Progress = (usize, Result<(), FsError>);

/// What may be in flight while a write goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    DirectIo,
    Nothing,
}

fn write<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    user: &UserBuffer<'_>,
    beside: Beside,
) -> Progress {
    let end = match checked_end(offset, user.len() as u64) {
        Ok(end) => end,
        Err(error) => return (0, Err(error)),
    };
    if user.is_empty() {
        return (0, Ok(()));
    }
    if let Err(error) = expect_writable(fs, inode, end) {
        return (0, Err(error));
    }
    let _rwsem = inode.i_rwsem.write();
    if beside == Beside::Nothing {
        (fs.protocol.inode_dio_wait)(fs, inode);
    }
    let size = inode.size.get();
    if end > size
        && let Err(error) = (fs.protocol.zero_eof)(fs, inode, size, End::Grows)
    {
        return (0, Err(error));
    }
    let progress = match fs.design() {
        Design::Im => write_range(fs, inode, offset..end, user),
        Design::Bh => da_write::write_range(fs, inode, offset..end, user),
    };
    trace::step("write", || {
        let blocks = Lblk::containing(offset)..Lblk::round_up(end);
        args([("", trace::range(&blocks)), ("bytes", progress.0.into())])
    });
    progress
}

/// Refuses a write that ends at byte `end` if nothing is written any more, or the file can not be
/// so large, or can not be written to in this design.
fn expect_writable<D: Device>(fs: &Filesystem<D>, inode: &Inode, end: u64) -> Result<(), FsError> {
    fs.expect_writable()?;
    if end > inode.size_max() {
        return Err(FsError::TooLarge);
    }
    match fs.design() {
        Design::Im => inode.expect_extents(),
        Design::Bh => Ok(()),
    }
}

/// Writes, mapping by mapping. What a mapping reserved and did not use is given back before the
/// next one is looked for.
fn write_range<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<u64>,
    user: &UserBuffer<'_>,
) -> Progress {
    let mut written = 0;
    while written < user.len() {
        let at = range.start + written as u64;
        let blocks = Lblk::containing(at)..Lblk::round_up(range.end);
        let iomap = match (fs.protocol.buffered_write_begin)(fs, inode, blocks) {
            Ok(iomap) => iomap,
            Err(error) => return (written, Err(error)),
        };
        let mapped = at..range.end.min(iomap.mapping.end().offset());
        let (more, outcome) = write_mapped(fs, inode, &iomap, mapped.clone(), user, written);
        (fs.protocol.buffered_write_end)(fs, inode, &iomap, &mapped, more);
        written += more;
        if outcome.is_err() {
            return (written, outcome);
        }
    }
    (written, Ok(()))
}

/// Writes into one mapping, block by block, until it ends or turns out to be stale. The first byte
/// of `range` is byte `from` of the caller's buffer.
fn write_mapped<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    iomap: &Iomap,
    range: Range<u64>,
    user: &UserBuffer<'_>,
    from: usize,
) -> Progress {
    let mut written = 0;
    // A copy that stopped short is made again, and no longer than it got.
    let mut len_max = BLOCK_SIZE;
    while range.start + (written as u64) < range.end {
        let at = range.start + written as u64;
        if !user.fault_in(from + written) {
            return (written, Err(FsError::BadAddress));
        }
        let lblk = Lblk::containing(at);
        let folio = inode.cache.grab(lblk);
        let mut guard = folio.lock();
        // The mapping was looked up before the folio was locked: it holds only while its cookie
        // does.
        if !(fs.protocol.write_folio_is_attached)(&guard)
            || !(fs.protocol.write_map_is_valid)(inode, iomap.cookie)
        {
            break;
        }
        let block_end = lblk.offset() + BLOCK_SIZE as u64;
        let len = ((block_end.min(range.end) - at) as usize).min(len_max);
        let copied = user.copy_atomic(from + written, len);
        match write_block(fs, &mut guard, iomap, at, copied, len) {
            Ok(true) => {
                written += copied.len();
                len_max = BLOCK_SIZE;
                let size = inode.size.get();
                if at + copied.len() as u64 > size {
                    inode.size.set(at + copied.len() as u64);
                    drop(guard);
                    (fs.protocol.pagecache_isize_extended)(inode, size, at);
                }
            }
            Ok(false) => {
                forget_beyond_eof(inode, &mut guard, lblk);
                len_max = match copied.len() {
                    0 => len,
                    some => some,
                };
            }
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Puts `copied`, for which `len` bytes were wanted, into the cache at byte `at`. Says whether it
/// counts: the beginning of a block of which nothing else is known does not.
pub(crate) fn write_block<D: Device>(
    fs: &Filesystem<D>,
    guard: &mut FolioGuard<'_>,
    iomap: &Iomap,
    at: u64,
    copied: &[u8],
    len: usize,
) -> Result<bool, FsError> {
    let lblk = Lblk::containing(at);
    if !guard.is_uptodate(lblk) {
        // What the copy does not cover must be the file's: read, or zeroes.
        let whole = len == BLOCK_SIZE;
        if whole && copied.len() < len {
            return Ok(false);
        }
        let content = if whole {
            [0; BLOCK_SIZE]
        } else {
            read::read_block(fs, iomap.mapping, lblk)?
        };
        guard.fill(lblk, &content);
    }
    if copied.is_empty() {
        return Ok(false);
    }
    guard.write(lblk, (at - lblk.offset()) as usize, copied);
    Ok(true)
}

/// After a copy that came to nothing: a block beyond the end leaves the cache.
pub(crate) fn forget_beyond_eof(inode: &Inode, guard: &mut FolioGuard<'_>, lblk: Lblk) {
    if lblk.offset() >= inode.size.get() {
        guard.invalidate(lblk..Lblk(lblk.0 + 1));
    }
}

/// Whether a folio that a writer looked up before it locked it is the file's still.
///
/// # Locking
/// Requires: the folio lock, which `guard` is.
///
/// # Source
/// linux v7.0 mm/filemap.c `__filemap_get_folio`, which starts again if not.
pub fn folio_is_attached(guard: &FolioGuard<'_>) -> bool {
    guard.is_attached()
}

/// Whether the mapping that a writer looked up before it locked the folio is still true.
///
/// # Locking
/// Requires: the folio lock.
pub fn map_is_valid(inode: &Inode, cookie: Cookie) -> bool {
    inode.is_current(cookie)
}
