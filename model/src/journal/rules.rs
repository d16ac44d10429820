//! The rules of the journal.

use crate::rule::rules;

rules! {
    /// A commit closes the transaction only when no handle is open in it. Without the rule half of
    /// an update is committed and the other half is not.
    ///
    /// # Source
    ///
    /// fs/jbd2/commit.c `jbd2_journal_commit_transaction`, state *locked*: it waits until
    /// `t_updates` is zero.
    CloseWithoutHandles,
    /// The log gets each block as it was when the transaction was closed. Without the rule a
    /// handle of the next transaction changes what this one commits.
    ///
    /// # Source
    ///
    /// fs/jbd2/transaction.c `do_get_write_access`, which makes a frozen copy.
    FreezeCopies,
    /// The commit block is written only after the transaction's ordered data has completed.
    /// Without the rule a file owns a block whose old bytes are still there.
    ///
    /// # Source
    ///
    /// fs/jbd2/commit.c `journal_finish_inode_data_buffers`.
    WaitForOrderedData,
    /// The commit block is written only after the log blocks have completed. Without the rule the
    /// flush before it does not cover them.
    ///
    /// # Source
    ///
    /// fs/jbd2/commit.c: the waits for `io_bufs` and `log_bufs`.
    WaitForLogBlocks,
    /// A flush of the device precedes the commit block. Without the rule the commit block can be
    /// durable before what it commits.
    ///
    /// # Source
    ///
    /// fs/jbd2/commit.c `journal_submit_commit_record`: `REQ_PREFLUSH`.
    FlushBeforeCommitBlock,
    /// The commit block is durable before the commit is announced. Without the rule a transaction
    /// that fsync has promised can be lost.
    ///
    /// # Source
    ///
    /// fs/jbd2/commit.c `journal_submit_commit_record`: `REQ_FUA`.
    CommitBlockIsDurable,
    /// A transaction whose log blocks could not be written is not committed, and none after it.
    /// Without the rule a commit block vouches for copies that are not there.
    ///
    /// # Source
    ///
    /// fs/jbd2/commit.c: `jbd2_journal_abort` after the wait for `log_bufs`.
    AbortOnLogError,
    /// Freeing a metadata block writes a revoke record. Without the rule a replay writes an old
    /// copy of the block over what it is used for now.
    ///
    /// # Source
    ///
    /// fs/jbd2/revoke.c `jbd2_journal_revoke`.
    RevokeFreedMetadata,
    /// A commit that frees a block takes it off the checkpoint lists. Without the rule a checkpoint
    /// writes an old copy of the block over what it is used for now.
    ///
    /// # Source
    ///
    /// fs/jbd2/commit.c: the forget list, `__jbd2_journal_remove_checkpoint`.
    ForgetFreedBlocks,
    /// A block is not written for its new owner while a write for its old one is in flight.
    /// Without the rule the device may finish them in the other order.
    ///
    /// # Source
    ///
    /// fs/buffer.c `clean_bdev_aliases`, which waits for the old buffer.
    WaitForOldOwnersWrites,
    /// A block goes home only if no transaction that has not committed has changed it. Without the
    /// rule a crash finds half a transaction at home, and nothing in the log to complete it.
    ///
    /// # Source
    ///
    /// fs/jbd2/checkpoint.c `jbd2_log_do_checkpoint`: a buffer in a newer transaction waits for
    /// that transaction's commit.
    WriteHomeAfterCommit,
    /// The tail passes a transaction only when its blocks have been written home. Without the rule
    /// replay skips a transaction that exists nowhere else.
    ///
    /// # Source
    ///
    /// fs/jbd2/checkpoint.c `jbd2_cleanup_journal_tail`.
    WriteHomeBeforeTail,
    /// The tail passes a transaction only when its blocks are durable at home, which they are by a
    /// flush after they have completed. Without the rule the device's cache can lose them.
    ///
    /// # Source
    ///
    /// fs/jbd2/checkpoint.c `jbd2_cleanup_journal_tail`: `blkdev_issue_flush`.
    FlushHomeBeforeTail,
    /// A failed write to a home location stops the journal. Without the rule the tail passes a
    /// transaction that is not at home.
    ///
    /// # Source
    ///
    /// fs/jbd2/checkpoint.c `jbd2_log_do_checkpoint` and `JBD2_CHECKPOINT_IO_ERROR`.
    AbortOnHomeError,
    /// A handle waits for space in the log before it joins a transaction. Without the rule the
    /// commit waits for it, and the checkpoint that would make the space waits for that commit.
    ///
    /// # Source
    ///
    /// fs/jbd2/transaction.c `add_transaction_credits`.
    WaitForSpaceBeforeJoining,
    /// The log's space is used again only when the tail on the disk has passed it. Without the
    /// rule a new transaction overwrites one that a recovery still needs.
    ///
    /// # Source
    ///
    /// fs/jbd2/journal.c `__jbd2_update_log_tail`: the superblock first, `j_free` after it.
    ReuseLogAfterTail,
    /// Recovery stops at the first transaction without its commit block. Without the rule it
    /// replays copies that were still being written.
    ///
    /// # Source
    ///
    /// fs/jbd2/recovery.c `do_one_pass`, `PASS_SCAN`.
    ReplayCommittedOnly,
    /// Recovery stops at a block with another sequence number than the one expected. Without the
    /// rule it takes what an earlier round of the log left for a transaction.
    ///
    /// # Source
    ///
    /// fs/jbd2/recovery.c `do_one_pass`: `sequence != next_commit_ID`.
    CheckSequence,
    /// Recovery does not replay a copy of a block that was revoked in the same transaction or
    /// later.
    ///
    /// # Source
    ///
    /// fs/jbd2/revoke.c `jbd2_journal_test_revoke`.
    SkipRevokedCopies,
    /// Recovery does replay a copy that is newer than the block's last revocation. Without the
    /// rule a block that became metadata again loses it.
    ///
    /// # Source
    ///
    /// fs/jbd2/revoke.c `jbd2_journal_test_revoke`: `tid_gt(sequence, record->sequence)`.
    ReplayCopiesAfterRevoke,
    /// The replayed blocks are durable before the log is marked empty. Without the rule a second
    /// power cut loses them, and there is nothing left to replay.
    ///
    /// # Source
    ///
    /// fs/jbd2/recovery.c `jbd2_journal_recover`: `sync_blockdev` and a flush.
    FlushReplayBeforeReset,
}
