//! Buffered writing with delayed allocation in the BH design.
//!
//! Each block is looked up and reserved under the lock of its folio, so no mapping can become stale
//! before it is used. Where allocation does not wait, a handle is started before the folio is
//! locked, the block is allocated as written, and the size on disk moves in the same handle.
//!
//! What a copy that came to nothing leaves behind is made good block by block: inside the file a
//! block that was reserved for it is zero and dirty, as a hole would read; beyond the end
//! everything is cut off.
//!
//! # Source
//! linux v7.0 mm/filemap.c `generic_perform_write`; fs/ext4/inode.c `ext4_da_write_begin`,
//! `ext4_da_do_write_end`, `ext4_da_should_update_i_disksize`, `ext4_write_begin`,
//! `ext4_write_end`; fs/buffer.c `folio_zero_new_buffers`; fs/ext4/truncate.h
//! `ext4_truncate_failed_write`. Copies block by block, each with a handle of its own.

use crate::allocate::{self, Kind};
use crate::cache::FolioGuard;
use crate::delalloc::Iomap;
use crate::device::Device;
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fallocate::fill_hole;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::journal::Handle;
use crate::orphan;
use crate::units::{BLOCK_SIZE, Lblk};
use crate::user::UserBuffer;
use crate::write::{Progress, forget_beyond_eof, write_block};
use crate::writeback::buffer_head::convert_to_initialized;
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
pub(crate) fn write_range<D: Device>(
    fs: &Filesystem<D>,
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
fn write_once<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    at: u64,
    user: &UserBuffer<'_>,
    from: usize,
    len: usize,
) -> Result<Copied, FsError> {
    // Before the folio is locked, because the order is transaction, then folio.
    match (fs.protocol.nonda_switch)(fs) {
        false => write_through(fs, inode, None, at, user, from, len),
        true => allocate::retry_after_commit(fs, || {
            let handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
            write_through(fs, inode, Some(handle), at, user, from, len)
        }),
    }
}

/// Copies once. With a handle the block is allocated, without one it is reserved.
fn write_through<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    mut handle: Option<Handle<'_>>,
    at: u64,
    user: &UserBuffer<'_>,
    from: usize,
    len: usize,
) -> Result<Copied, FsError> {
    let lblk = Lblk::containing(at);
    let folio = inode.cache.grab(lblk);
    let mut guard = folio.lock();
    if !(fs.protocol.write_folio_is_attached)(&guard) {
        return Ok(Copied::Detached);
    }
    let iomap = match &mut handle {
        Some(handle) => (fs.protocol.get_block)(fs, handle, inode, lblk)?,
        None => (fs.protocol.buffered_write_begin)(fs, inode, lblk..Lblk(lblk.0 + 1))?,
    };
    let copied = user.copy_atomic(from, len);
    let outcome = write_block(fs, &mut guard, &iomap, at, copied, len);
    if !matches!(outcome, Ok(true)) {
        let is_beyond = lblk.offset() >= inode.size.get();
        after_failed_copy(inode, &mut guard, &iomap, lblk, is_beyond);
        drop(guard);
        if is_beyond && iomap.is_new {
            cut_off(fs, inode, handle)?;
        }
        outcome?;
        return Ok(Copied::Nothing(match copied.len() {
            0 => len,
            some => some,
        }));
    }
    let end = at + copied.len() as u64;
    let size = inode.size.get();
    let mut raises_disksize = if end > size {
        inode.size.set(end);
        (fs.protocol.da_should_update_i_disksize)(inode, lblk)
    } else {
        let is_allocated = iomap.is_new && handle.is_some();
        let is_mapped = is_allocated || matches!(iomap.mapping.status, Status::Written(_));
        is_mapped && passes_disksize(inode, end)
    };
    drop(guard);
    if end > size {
        (fs.protocol.pagecache_isize_extended)(inode, size, at);
    }
    if raises_disksize && let Some(mut handle) = handle {
        (fs.protocol.update_disksize)(fs, &mut handle, inode, end)?;
        raises_disksize = false;
    }
    Ok(Copied::Some(copied.len(), raises_disksize))
}

/// Frees what lies beyond the end. What has been allocated there is in the handle's transaction, so
/// that has an orphan record too.
fn cut_off<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    handle: Option<Handle<'_>>,
) -> Result<(), FsError> {
    if let Some(mut handle) = handle {
        (fs.protocol.orphan_add)(fs, &mut handle, inode)?;
        handle.stop();
    }
    (fs.protocol.truncate_failed_write)(fs, inode)
}

/// Maps a block for writing at once: a hole is allocated, as written, and what is unwritten becomes
/// written. The data is not on its way yet, so the commit is to write it.
///
/// # Locking
/// Requires: a handle, and the folio lock. Takes: `i_data_sem`.
///
/// # Crash
/// The handle's transaction commits once the block has been written, if it is dirty when the folio
/// is unlocked.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooManyExtents`], [`FsError::Journal`].
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `ext4_get_block`, `ext4_map_create_blocks`.
pub fn get_block<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    lblk: Lblk,
) -> Result<Iomap, FsError> {
    let block = lblk..Lblk(lblk.0 + 1);
    let mut data = inode.lock_data();
    let (found, cookie) = inode.query_locked(&data, lblk);
    let found = found.clipped(block).unwrap_or(found);
    let mapping = match found.status {
        Status::Written(_) | Status::Delayed => {
            return Ok(Iomap {
                mapping: found,
                cookie,
                is_new: false,
            });
        }
        Status::Hole => fill_hole(fs, handle, inode, &mut data, found, Kind::Written)?,
        Status::Unwritten(_) => convert_to_initialized(fs, handle, inode, &mut data, found)?,
    };
    let cookie = data.cookie();
    drop(data);
    (fs.protocol.inode_add_write)(
        handle,
        inode,
        lblk.offset()..lblk.offset() + BLOCK_SIZE as u64,
    );
    Ok(Iomap {
        // What it held before, or what was left in it, is not the file's.
        mapping: Mapping {
            status: found.status,
            ..mapping
        },
        cookie,
        is_new: true,
    })
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
    if iomap.is_new && !guard.is_dirty(lblk) {
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

/// Whether a write that ends at byte `end`, inside the file and in a block that needs no allocation
/// any more, must raise the size on disk itself. It must if that is smaller, as it is while the
/// file reaches further by blocks that are still delayed: a synchronous write waits for the blocks
/// that it has written, and for no others.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and the folio lock. The size on disk may grow meanwhile.
///
/// # Source
/// None. linux v7.0 fs/ext4/inode.c `ext4_da_do_write_end` leaves it to the writeback of what is
/// delayed, and says so. But `generic_write_sync` writes back no more than its own range, so an
/// `O_DSYNC` write over the rest of the last block on disk returns, and a power cut takes its end.
fn passes_disksize(inode: &Inode, end: u64) -> bool {
    end > inode.disksize.get()
}

/// Raises the size on disk to `end` bytes, in a handle of its own.
///
/// # Crash
/// The block is written in place, and nothing orders that: a crash may show, of the bytes that the
/// file has gained in it, the zeroes that were there.
fn raise_disksize<D: Device>(fs: &Filesystem<D>, inode: &Inode, end: u64) -> Result<(), FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    (fs.protocol.update_disksize)(fs, &mut handle, inode, end)?;
    handle.stop();
    Ok(())
}
