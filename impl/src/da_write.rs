//! Buffered writing with delayed allocation in the BH design.
//!
//! Each block is looked up and reserved under the lock of its folio, so no mapping can become stale
//! before it is used. What a copy that came to nothing leaves behind is made good block by block:
//! inside the file a block that was reserved for it is zero and dirty, as a hole would read;
//! beyond the end everything is cut off.
//!
//! # Source
//! linux v7.0 mm/filemap.c `generic_perform_write`; fs/ext4/inode.c `ext4_da_write_begin`,
//! `ext4_da_do_write_end`, `ext4_da_should_update_i_disksize`; fs/buffer.c
//! `folio_zero_new_buffers`; fs/ext4/truncate.h `ext4_truncate_failed_write`. Copies block by block.

use crate::allocate;
use crate::cache::FolioGuard;
use crate::delalloc::Iomap;
use crate::device::Device;
use crate::error::FsError;
use crate::extent::Status;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::protocol::Protocol;
use crate::units::{BLOCK_SIZE, Lblk};
use crate::user::UserBuffer;
use crate::write::{Progress, forget_beyond_eof, write_block};
use std::ops::Range;

/// What became of one copy.
enum Copied {
    /// So many bytes are in the cache. The size on disk must follow if it says so.
    Some(usize, bool),
    /// Nothing that counts. The next copy is to be no longer than this.
    Nothing(usize),
    /// The folio had left the file.
    Detached,
}

/// Writes a range of bytes into the page cache.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive. Takes: one folio lock at a time, under it `i_data_sem`; and at
/// other times handles. After a copy that failed beyond the end, `invalidate_lock`, exclusive.
pub(crate) fn write_range<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Inode,
    range: Range<u64>,
    user: &UserBuffer<'_>,
) -> Progress {
    let mut written = 0;
    // A copy that stopped short is made again, and no longer than it got.
    let mut len_max = BLOCK_SIZE;
    while written < user.len() {
        let at = range.start + written as u64;
        if !user.fault_in(written) {
            return (written, Err(FsError::BadAddress));
        }
        let block_end = Lblk::containing(at).offset() + BLOCK_SIZE as u64;
        let len = ((block_end.min(range.end) - at) as usize).min(len_max);
        match write_once(fs, inode, at, user, written, len) {
            Ok(Copied::Some(copied, raises_disksize)) => {
                written += copied;
                len_max = BLOCK_SIZE;
                let end = at + copied as u64;
                if raises_disksize && let Err(error) = raise_disksize(fs, inode, end) {
                    return (written, Err(error));
                }
            }
            Ok(Copied::Nothing(max)) => len_max = max,
            Ok(Copied::Detached) => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Copies once, at byte `at` of the file and byte `from` of the caller's buffer.
fn write_once<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Inode,
    at: u64,
    user: &UserBuffer<'_>,
    from: usize,
    len: usize,
) -> Result<Copied, FsError> {
    let lblk = Lblk::containing(at);
    let folio = inode.cache.grab(lblk);
    let mut guard = folio.lock();
    if !guard.is_attached() {
        return Ok(Copied::Detached);
    }
    let iomap = P::buffered_write_begin(fs, inode, lblk..Lblk(lblk.0 + 1))?;
    let copied = user.copy_atomic(from, len);
    let outcome = write_block(fs, &mut guard, &iomap, at, copied, len);
    if !matches!(outcome, Ok(true)) {
        let is_beyond = lblk.offset() >= inode.size.get();
        after_failed_copy(inode, &mut guard, &iomap, lblk, is_beyond);
        drop(guard);
        if is_beyond && iomap.is_new {
            P::truncate_failed_write(fs, inode)?;
        }
        outcome?;
        return Ok(Copied::Nothing(match copied.len() {
            0 => len,
            some => some,
        }));
    }
    let end = at + copied.len() as u64;
    let size = inode.size.get();
    let mut raises_disksize = false;
    if end > size {
        inode.size.set(end);
        raises_disksize = P::da_should_update_i_disksize(inode, lblk);
    }
    drop(guard);
    if end > size {
        P::pagecache_isize_extended(inode, size, at);
    }
    Ok(Copied::Some(copied.len(), raises_disksize))
}

/// Makes good what a copy that came to nothing has left in the folio. What was reserved inside the
/// file must lie under dirty data, or nothing would ever allocate or release it.
fn after_failed_copy(
    inode: &Inode,
    guard: &mut FolioGuard<'_>,
    iomap: &Iomap,
    lblk: Lblk,
    is_beyond: bool,
) {
    if is_beyond {
        return forget_beyond_eof(inode, guard, lblk);
    }
    if iomap.is_new {
        if !guard.is_uptodate(lblk) {
            guard.fill(lblk, &[0; BLOCK_SIZE]);
        }
        guard.mark_dirty(lblk);
    }
}

/// Whether a write that has moved the end of the file into block `lblk` must raise the size on disk
/// itself: nobody else does where the block needs no allocation. Where it is delayed or unwritten,
/// writeback does.
///
/// # Locking
/// Requires: the folio lock.
pub fn da_should_update_i_disksize(inode: &Inode, lblk: Lblk) -> bool {
    matches!(inode.query(lblk).0.status, Status::Written(_))
}

/// Raises the size on disk to `end` bytes, in a handle of its own.
///
/// # Crash
/// The block is written in place, and nothing orders that: a crash may show, of the bytes that the
/// file has gained in it, the zeroes that were there.
fn raise_disksize<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Inode,
    end: u64,
) -> Result<(), FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    P::update_disksize(fs, &mut handle, inode, end)?;
    handle.stop();
    Ok(())
}
