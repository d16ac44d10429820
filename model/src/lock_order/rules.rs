//! The rules of the lock order.

use crate::rule::rules;

rules! {
    /// All paths take the folio lock and the handle in one order: the folio first in the iomap
    /// design, the handle first in the buffer_head design. Without the rule one path has the
    /// other design's order.
    ///
    /// # Source
    ///
    /// The locking comment of fs/ext4/super.c; "[PATCH v4 09/23] ext4: implement writeback path
    /// using iomap" for the reversed order.
    OneOrderOfFolioAndHandle,
    /// A commit waits for nothing that needs a folio lock, as long as a folio's owner may wait for
    /// a handle. So the iomap design has no ordered data.
    ///
    /// # Source
    ///
    /// The cover letter of the same series: data=ordered is not supported.
    NoOrderedDataUnderFolioLock,
    /// The data that a commit writes itself needs no handle, not even a reserved one: it is mapped
    /// already. Without the rule the commit waits for itself.
    ///
    /// # Source
    ///
    /// fs/ext4/super.c `ext4_normal_submit_inode_data_buffers`.
    OrderedDataNeedsNoHandle,
    /// A folio that is under writeback has been submitted before anything waits for another
    /// handle. Without the rule the commit waits for the folio and the folio for the commit.
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `mpage_map_and_submit_extent`.
    SubmitBeforeNextHandle,
    /// The completion of ordered data has its credits reserved beforehand. Without the rule it
    /// waits for log space, which the commit that waits for it would make.
    ///
    /// # Source
    ///
    /// fs/ext4/page-io.c: `ext4_init_io_end` and the reserved handle `handle` of `ext4_io_end`.
    ReserveHandleForCompletion,
    /// A truncate zeroes a part of a block in the page cache outside of any handle, where the
    /// folio comes before the handle.
    ///
    /// # Source
    ///
    /// "ext4: don't zero partial block under an active handle when truncating down".
    ZeroOutsideHandle,
    /// A writer stops its handle before it is throttled. Without the rule writeback, which it
    /// waits for, waits for a commit that waits for the handle.
    ///
    /// # Source
    ///
    /// mm/page-writeback.c `balance_dirty_pages`; the series' cover letter.
    StopHandleBeforeThrottle,
    /// A writer faults the user's pages in before it locks the folio. Without the rule it can
    /// meet the folio that it holds in the user's buffer.
    ///
    /// # Source
    ///
    /// fs/iomap/buffered-io.c `iomap_write_iter`: `fault_in_iov_iter_readable`.
    FaultInBeforeFolioLock,
    /// A page fault never takes `i_rwsem`. A write holds it while it faults in the user's buffer.
    ///
    /// # Source
    ///
    /// mm/filemap.c, the lock order at the top of the file.
    FaultWithoutInodeLock,
    /// `invalidate_lock` is taken before a handle is started, as a fault does.
    ///
    /// # Source
    ///
    /// The locking comment of fs/ext4/super.c.
    InvalidateLockBeforeHandle,
    /// `i_data_sem` is taken under the handle and not the other way round.
    ///
    /// # Source
    ///
    /// The locking comment of fs/ext4/super.c.
    HandleBeforeDataSem,
    /// A task that forces a commit has no handle open.
    ///
    /// # Source
    ///
    /// fs/ext4/balloc.c `ext4_should_retry_alloc`, called after `ext4_journal_stop`.
    ForceCommitWithoutHandle,
    /// A direct write has stopped its handle before it waits for its I/O, whose completion needs
    /// one.
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `ext4_iomap_alloc`: the handle ends with the mapping.
    WaitForDirectIoWithoutHandle,
}
