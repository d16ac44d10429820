//! Mapping for direct I/O, and allocating where there is a hole.
//!
//! Blocks inside the file are allocated unwritten: until they have been converted, which is after
//! their I/O, they read as zeroes. Blocks from the end of the file on are allocated written: nobody
//! can read them before the size is raised, and the orphan record frees them if that never comes.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_iomap_begin`, `ext4_iomap_alloc`. Unwritten blocks that are
//! overwritten are not split beforehand, as there: completion splits them.

use crate::allocate::{self, Kind};
use crate::device::Device;
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fallocate::fill_hole;
use crate::fs::Filesystem;
use crate::fsync::Sync;
use crate::inode::Inode;
use crate::units::Lblk;
use std::ops::Range;

/// Maps the beginning of a range of blocks that is to be written. Says also whether the blocks are
/// new, so that they hold what an earlier owner left. `None` if they must be written through the
/// page cache: `ENOTBLK`.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive unless the range is allocated. Takes: where there is a hole, a
/// handle, then `i_data_sem`, and looks up again.
///
/// # Crash
/// New blocks are unwritten, or lie beyond the end of a file with an orphan record.
///
/// # Errors
/// [`FsError::RacedWithStore`] if the block is delayed: the range was written back before, so a
/// store has made it so since. [`FsError::NoSpace`], [`FsError::TooManyExtents`],
/// [`FsError::Journal`].
pub fn map_for_write<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<Option<(Mapping, bool)>, FsError> {
    let (mapping, _) = inode.query(range.start);
    let mapping = mapping.clipped(range.clone()).unwrap_or(mapping);
    match mapping.status {
        Status::Written(_) | Status::Unwritten(_) => Ok(Some((mapping, false))),
        Status::Delayed => Err(FsError::RacedWithStore),
        Status::Hole if !(fs.protocol.dio_fills_hole)(inode, range.start) => Ok(None),
        Status::Hole => {
            allocate::retry_after_commit(fs, || allocate_hole(fs, inode, &range)).map(Some)
        }
    }
}

/// Whether a direct write may allocate a hole from `lblk` on. Not where the file is mapped by
/// pointers and the hole lies inside it: the blocks would be written ones before they have been
/// written, and a crash would show what they held.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, so that the size stays.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `ext4_iomap_alloc`, which returns `ENOTBLK`.
pub fn dio_fills_hole(inode: &Inode, lblk: Lblk) -> bool {
    !inode.is_block_mapped() || lblk.offset() >= inode.size.get()
}

fn allocate_hole<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: &Range<Lblk>,
) -> Result<(Mapping, bool), FsError> {
    let kind = (fs.protocol.dio_kind_of_new_blocks)(inode, range.start);
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let mut data = inode.lock_data();
    let (mapping, _) = inode.query_locked(&data, range.start);
    let mapping = mapping.clipped(range.clone()).unwrap_or(mapping);
    match mapping.status {
        Status::Written(_) | Status::Unwritten(_) => Ok((mapping, false)),
        Status::Delayed => Err(FsError::RacedWithStore),
        Status::Hole => {
            let mapping = fill_hole(fs, &mut handle, inode, &mut data, mapping, kind)?;
            Ok((mapping, true))
        }
    }
}

/// What new blocks from `lblk` on are to be. The size asked is the file's, not the one on disk:
/// writeback of other blocks may raise that one beyond these at any moment, and they would be read
/// before they are written. Pointers know no unwritten blocks.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, so that the size stays.
pub fn kind_of_new_blocks(inode: &Inode, lblk: Lblk) -> Kind {
    if inode.is_block_mapped() || lblk.offset() >= inode.size.get() {
        Kind::Written
    } else {
        Kind::Unwritten
    }
}

/// Whether there is something about the file that must be committed before data written up to byte
/// `end` can be found: its size or its blocks have changed, or the write ends beyond the size on
/// disk, so that its own completion will raise that.
///
/// # Locking
/// Requires: `i_rwsem`. Takes: `i_data_sem`, shared, so that a size on disk that has been raised is
/// seen with the transaction that it is raised in.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `ext4_set_iomap`, `ext4_inode_datasync_dirty`: `IOMAP_F_DIRTY`. It
/// compares with `i_size`. Where the file reaches further by blocks that are still delayed, a write
/// over the rest of the last block on disk then goes through the device's cache, and the size that
/// it needs waits for the next commit: a power cut takes the end of what was acknowledged.
pub fn iomap_is_dirty<D: Device>(fs: &Filesystem<D>, inode: &Inode, end: u64) -> bool {
    let _data = inode.read_data();
    let is_committed = |tid| fs.journal().committed().is_at_or_after(tid);
    let is_dirty = inode
        .sync_tid(Sync::Data)
        .is_some_and(|tid| !is_committed(tid));
    is_dirty || end > inode.disksize.get()
}
