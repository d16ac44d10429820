//! The rules of short writes and faults.

use crate::rule::rules;

rules! {
    /// A write that copies less than it reserved for gives the rest back. Without the rule a
    /// delayed block stays under a clean folio: nothing ever writes it back, and its reservation
    /// is lost until the inode is evicted.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `iomap_write_delalloc_release`; "Implement buffered write iomap
    /// path" (linux-ext4, May 2024): delalloc extents without dirty page cache pages over them
    /// cannot be allowed to exist.
    PunchUnusedReservation,
    /// The punch excludes faults by `invalidate_lock`. Without the rule a fault finds a block
    /// reserved and dirties its folio, and the punch takes the reservation away from under it.
    ///
    /// # Source
    ///
    /// "xfs: punching delalloc extents on write failure is racy" (November 2022).
    PunchUnderInvalidateLock,
    /// The punch spares blocks under dirty folios: somebody else's data needs them.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `iomap_write_delalloc_scan`.
    PunchCleanOnly,
    /// The punch looks at a folio under its lock. Without the rule it takes a folio for clean
    /// which writeback has just taken up and not yet mapped.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `iomap_write_delalloc_scan`: `filemap_lock_folio`.
    ScanUnderFolioLock,
    /// A write gives back only what it has reserved itself: a second line of defence.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c: "If we didn't reserve the blocks, we're not allowed to punch them".
    PunchOnlyNew,
    /// The unused part begins after the block that the copy ended in: a second line of defence.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `iomap_last_written_block`.
    RoundUpUnused,
    /// The folio is unlocked before the punch. Without the rule the write waits for a fault that
    /// waits for the folio, or for itself.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `iomap_write_iter` unlocks it; `iomap_end` comes after that.
    UnlockFolioBeforePunch,
    /// The punch removes delayed blocks only. Without the rule it removes what writeback has
    /// allocated since, and the data in it.
    ///
    /// # Source
    ///
    /// The same mail: the punch callback must not use a plain `ext4_es_remove_extent`.
    PunchDelayedOnly,
    /// The punch holds `i_data_sem`. Without the rule it comes between writeback's look-up and
    /// its allocation.
    ///
    /// # Source
    ///
    /// fs/ext4/extents_status.c `ext4_es_remove_extent`, whose callers hold `i_data_sem`.
    PunchUnderDataSem,
    /// A write compares the cookie of its map when it has locked the folio. Without the rule it
    /// zeroes the rest of a block that has been written and reclaimed since it looked.
    ///
    /// # Source
    ///
    /// "iomap: write iomap validity checks", fs/iomap/buffered-io.c `iomap_write_begin`.
    CheckCookieAfterFolioLock,
    /// A short copy into a block that is not uptodate counts as no copy. Without the rule the
    /// part that was not copied becomes content.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `__iomap_write_end`.
    ShortCopyIntoStaleBlockIsNothing,
    /// A write that covers a part of a block that is not uptodate fills in the rest first: from
    /// the disk if it is written there, else with zeroes.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `__iomap_write_begin`.
    FillUncoveredPart,
    /// A write looks the mapping up again in the critical section in which it reserves. Without
    /// the rule it reserves a second time what a fault has reserved in between.
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `ext4_da_map_blocks`.
    LookupAndReserveUnderOneLock,
}
