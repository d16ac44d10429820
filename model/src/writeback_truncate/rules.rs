//! The rules of writeback against truncate.

use crate::rule::rules;

rules! {
    /// Writeback looks the mapping up again in the same `i_data_sem` critical section in which it
    /// allocates. The first look needs no lock that a truncate would respect: writeback holds the
    /// lock of one folio, but the delayed extent that it found reaches past that folio. Without
    /// the rule, the blocks that a truncate removed in between are allocated, yet the claim is
    /// sized by the delayed blocks that are left, so the others are never charged.
    ///
    /// # Source
    ///
    /// The race table in the reply of 22 June 2026 to "[PATCH v4 09/23] ext4: implement writeback
    /// path using iomap", and `ext4_iomap_map_one_extent` in that patch.
    LookupAndAllocateUnderOneLock,
    /// Writeback uses its cached map for the next folio only if the map's cookie still equals the
    /// inode's sequence counter, compared under that folio's lock. Without the rule it writes to
    /// blocks which a truncate has freed since.
    ///
    /// # Source
    ///
    /// `ext4_iomap_map_writeback_range` in the same patch; fs/xfs/xfs_aops.c `xfs_imap_valid`.
    CheckCookieBeforeUse,
    /// `i_disksize` is raised when the data has reached the device, not with the allocation.
    /// There is no ordered data in this design, so nothing else keeps the larger size from being
    /// committed first. Without the rule a crash leaves a file of the new size full of zeroes.
    ///
    /// # Source
    ///
    /// "i_disksize update is postponed until I/O completion" in the same patch.
    RaiseDisksizeAfterIo,
    /// The completion worker raises `i_disksize` no further than `i_size`. Without the rule, a
    /// write that a truncate overtook moves the size on disk past the end of the file.
    ///
    /// # Source
    ///
    /// The end I/O worker of the same patch; fs/xfs/xfs_aops.c `xfs_setfilesize`, which takes the
    /// new size from `xfs_new_eof`.
    ClampRaiseToSize,
    /// Writeback allocates unwritten extents, which read as zeroes until the data is there.
    /// Without the rule the bytes of an earlier owner become readable by a crash.
    ///
    /// # Source
    ///
    /// "new blocks are always allocated as unwritten extents" in the same patch.
    AllocateUnwritten,
    /// The completion worker converts the extent and raises the size first, and ends the folio's
    /// writeback after that. Without the rule a truncate which waited for writeback still meets a
    /// conversion to come, and a clean folio can be dropped and read back as zeroes.
    ///
    /// # Source
    ///
    /// fs/iomap/ioend.c `iomap_finish_ioends`, called after the file system's own work in
    /// fs/xfs/xfs_aops.c `xfs_end_ioend`.
    ConvertBeforeEndWriteback,
    /// The completion worker needs no folio lock. Without the rule it waits for a truncate that
    /// holds the lock and waits for the worker to end the folio's writeback.
    ///
    /// # Source
    ///
    /// mm/truncate.c `truncate_inode_pages_range` waits for writeback under the folio lock.
    CompleteWithoutFolioLock,
    /// A truncate waits until a folio is not under writeback before it drops it. Without the rule
    /// it frees blocks which the device is about to write.
    ///
    /// # Source
    ///
    /// mm/truncate.c `truncate_inode_pages_range`.
    TruncateWaitsForWriteback,
    /// A truncate drops the folios past the new size before it removes their extents, so that the
    /// folio lock excludes writeback. Without the rule writeback can hold a map of blocks that are
    /// being freed.
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `ext4_setattr`: `truncate_pagecache` before `ext4_truncate`.
    DropFoliosBeforeExtents,
    /// The orphan record is in the same transaction as the smaller size, or in an earlier one.
    /// Without the rule a crash in mid-truncate leaves blocks past the end of the file, and nothing
    /// on the disk says that there is something left to do.
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `ext4_setattr`: `ext4_orphan_add` before the sizes, in one handle.
    OrphanBeforeSizes,
    /// The orphan record stays until the extents are removed. Without the rule the end of a
    /// truncate has the gap that its beginning has without [`Self::OrphanBeforeSizes`].
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `ext4_truncate`: `ext4_orphan_del` is its last change.
    OrphanUntilExtentsRemoved,
    /// Removing a delayed block gives its reservation back. Without the rule the reserved count
    /// never returns to zero.
    ///
    /// # Source
    ///
    /// fs/ext4/extents_status.c `ext4_es_remove_extent`.
    ReleaseReservationOnRemove,
    /// A freed block becomes allocatable only when the transaction that freed it has committed.
    /// Without the rule new data overwrites a block that the committed file still owns.
    ///
    /// # Source
    ///
    /// fs/ext4/mballoc.c `ext4_process_freed_data`, run from the journal's commit callback.
    ReuseFreedBlocksAfterCommit,
    /// A mount finishes the truncate of every file on the orphan list. Without the rule the
    /// orphan record protects nothing.
    ///
    /// # Source
    ///
    /// fs/ext4/orphan.c `ext4_orphan_cleanup`.
    CleanUpOrphansAtMount,
}
