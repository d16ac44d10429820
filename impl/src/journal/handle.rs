//! The handle: one atomic update of the file system.
//!
//! Whatever is changed between start and stop of a handle is in one transaction, so after a crash
//! either all of it is there or none.
//!
//! Departs from jbd2 in that a task's second handle is another handle (callers pass theirs down),
//! and that a credit also pays for a revoke record.
//!
//! # Source
//! linux v7.0 fs/jbd2/transaction.c `start_this_handle`, `jbd2_journal_extend`,
//! `jbd2__journal_restart`, `jbd2_journal_get_write_access`,
//! `jbd2_journal_dirty_metadata`, `jbd2_journal_forget`, `jbd2_journal_stop`;
//! fs/jbd2/revoke.c `jbd2_journal_revoke`, `jbd2_journal_cancel_revoke`.

use crate::buffer::Buffer;
use crate::journal::error::JournalError;
use crate::journal::jinode::{JournalInode, Ordered};
use crate::journal::transaction::Shared;
use crate::units::{Block, Pblk, Tid};
use rt::sync::Arc;
use rt::{Arg, Args};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// The journal as a handle needs it, to begin again.
pub(super) trait Join {
    /// Joins the running transaction, after making room where there is none.
    fn join(&self, credits: u32) -> Result<Tid, JournalError>;
}

/// An open handle.
///
/// A handle that is dropped stops, as if [`Handle::stop`] had been called. When it is dropped by a
/// panic it stays open instead: its update is incomplete, so its transaction must not commit.
#[must_use = "a handle that is dropped at once protects nothing"]
pub struct Handle<'j> {
    shared: &'j Shared,
    journal: &'j dyn Join,
    /// Whether it has a place in the transaction. Not after a restart that failed.
    is_open: bool,
    tid: Tid,
    /// Blocks that the handle may change or revoke.
    credits: u32,
    /// Blocks that it has changed or revoked.
    touched: BTreeSet<Pblk>,
}

impl<'j> Handle<'j> {
    /// A handle that has been admitted.
    pub(super) fn new(
        shared: &'j Shared,
        journal: &'j dyn Join,
        tid: Tid,
        credits: u32,
    ) -> Handle<'j> {
        rt::step("handle start", || {
            Args::new(&[arg("tid", tid.0), arg("credits", credits)])
        });
        Handle {
            shared,
            journal,
            is_open: true,
            tid,
            credits,
            touched: BTreeSet::new(),
        }
    }

    /// Asks for `more` credits in the same transaction. Says whether it got them: not if the
    /// transaction or the log has no room for them. Never waits: who has a handle open may not
    /// wait for a commit.
    ///
    /// Departs from jbd2 in that also a transaction that a commit has closed to newcomers is
    /// extended: the commit counts only when all handles have stopped.
    ///
    /// # Source
    /// linux v7.0 fs/jbd2/transaction.c `jbd2_journal_extend`.
    pub fn extend(&mut self, more: u32) -> bool {
        let is_extended = self.shared.with(|running| running.extend(more));
        if is_extended {
            rt::step("handle extend", || {
                Args::new(&[arg("tid", self.tid.0), arg("credits", more)])
            });
            self.credits += more;
        }
        is_extended
    }

    /// Ends the update and begins another one with `credits`, in whatever transaction is running
    /// then. What has been changed so far must be right on its own.
    ///
    /// # Locking
    /// Requires: that the caller holds nothing that somebody with a handle open waits for.
    /// Drops and retakes: the place in the transaction, as
    /// [`Journal::start`](crate::journal::Journal::start).
    ///
    /// # Crash
    /// The two updates may be in different transactions, so that a crash leaves the first alone.
    ///
    /// # Errors
    /// As [`Journal::start`](crate::journal::Journal::start); then the handle has stopped.
    ///
    /// # Source
    /// linux v7.0 fs/jbd2/transaction.c `jbd2__journal_restart`.
    pub fn restart(&mut self, credits: u32) -> Result<(), JournalError> {
        self.leave();
        self.touched.clear();
        self.credits = 0;
        self.tid = self.journal.join(credits)?;
        self.credits = credits;
        self.is_open = true;
        rt::step("handle restart", || {
            Args::new(&[arg("tid", self.tid.0), arg("credits", credits)])
        });
        Ok(())
    }

    fn leave(&mut self) {
        rt::step("handle stop", || Args::new(&[arg("tid", self.tid.0)]));
        self.is_open = false;
        self.shared.with(|running| running.dismiss(self.credits));
        self.shared.barrier.exit();
    }

    /// The transaction that the update belongs to. It is durable once
    /// [`Journal::wait_commit`](crate::journal::Journal::wait_commit) has returned for it.
    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// How many more blocks the handle may change.
    pub fn credits_left(&self) -> u32 {
        self.credits - self.touched.len() as u32
    }

    /// Changes a buffer as part of this update.
    ///
    /// # Errors
    /// [`JournalError::OutOfCredits`]; then nothing is changed.
    ///
    /// # Locking
    /// Requires: the lock that protects the bytes which `change` reads and writes. `change` must
    /// not wait for anything. Changes to different bytes of one block commute.
    ///
    /// # Crash
    /// The change reaches the log with the transaction, and its home after that.
    pub fn modify<R>(
        &mut self,
        buffer: &Arc<Buffer>,
        change: impl FnOnce(&mut Block) -> R,
    ) -> Result<R, JournalError> {
        self.modify_sealed(buffer, &[], change)
    }

    /// As [`Handle::modify`], for bytes with a checksum over more than the lock protects: what is
    /// `sealed` follows from the other bytes, and is written by who changes any of them.
    ///
    /// # Errors
    /// As [`Handle::modify`].
    ///
    /// # Locking
    /// As [`Handle::modify`], but for the bytes that are sealed.
    pub fn modify_sealed<R>(
        &mut self,
        buffer: &Arc<Buffer>,
        sealed: &[Range<usize>],
        change: impl FnOnce(&mut Block) -> R,
    ) -> Result<R, JournalError> {
        self.charge(buffer.pblk())?;
        let result = buffer.change(sealed, change);
        self.dirty_metadata(buffer);
        Ok(result)
    }

    /// Files the buffer with the transaction, and takes back a revocation: the block is metadata
    /// again, and its new copy must be replayed.
    fn dirty_metadata(&mut self, buffer: &Arc<Buffer>) {
        let pblk = buffer.pblk();
        self.shared.with(|running| {
            let transaction = &mut running.transaction;
            debug_assert_eq!(
                transaction.tid, self.tid,
                "the transaction closed under a handle"
            );
            transaction.revoked.remove(&pblk);
            transaction
                .buffers
                .entry(pblk)
                .or_insert_with(|| Arc::clone(buffer));
        });
    }

    /// Takes a buffer out of the transaction: its block is being freed, so its content does not
    /// matter any more. Older copies in the log still do; see [`Handle::revoke`].
    ///
    /// # Locking
    /// Requires: that nobody else uses the block.
    pub fn forget(&mut self, buffer: &Buffer) {
        let pblk = buffer.pblk();
        self.shared
            .with(|running| running.transaction.buffers.remove(&pblk));
    }

    /// Forbids replaying any copy of the block that is in the log so far, this transaction's
    /// included. To be called for every metadata block that is freed, before its bit is cleared in
    /// the bitmap: the block may become file data, which the log must not overwrite.
    ///
    /// # Errors
    /// [`JournalError::OutOfCredits`]; then nothing is changed.
    ///
    /// # Locking
    /// Requires: that nobody else uses the block.
    pub fn revoke(&mut self, pblk: Pblk) -> Result<(), JournalError> {
        self.charge(pblk)?;
        rt::step("revoke", || {
            Args::new(&[arg("tid", self.tid.0), arg("block", pblk.0)])
        });
        self.shared.with(|running| {
            running.transaction.buffers.remove(&pblk);
            running.transaction.revoked.insert(pblk);
        });
        Ok(())
    }

    /// Names blocks that this update frees. They are handed to
    /// [`CommitHooks::freed`](crate::journal::CommitHooks::freed) once the transaction has
    /// committed, and must not be used for anything before: until then a crash gives them back to
    /// their old owner.
    pub fn free_on_commit(&mut self, blocks: impl IntoIterator<Item = Pblk>) {
        self.shared
            .with(|running| running.transaction.freed.extend(blocks));
    }

    /// Orders some bytes of an inode before this update: the transaction commits only once they are
    /// on disk, as far as they lie in blocks that are mapped.
    ///
    /// # Locking
    /// Takes: `j_list_lock`.
    ///
    /// # Crash
    /// If the update is there, so are the bytes.
    pub fn order_data(&mut self, inode: &Arc<JournalInode>, what: Ordered, bytes: Range<u64>) {
        rt::step("order data", || {
            let what = match what {
                Ordered::Write => "add write",
                Ordered::Wait => "add wait",
            };
            Args::new(&[
                arg("tid", self.tid.0),
                arg("ino", inode.ino().0),
                arg("", bytes.clone()),
                arg("", what),
            ])
        });
        inode.file(self.tid, what, bytes);
        self.shared.with(|running| {
            let inodes = &mut running.transaction.inodes;
            // What was there is the same, or of a file that is no more.
            inodes.insert(inode.ino(), Arc::clone(inode));
        });
    }

    /// Ends the update. Never waits.
    ///
    /// # Locking
    /// Drops: the place in the transaction.
    pub fn stop(self) {
        drop(self);
    }

    /// Pays for a block, once.
    fn charge(&mut self, pblk: Pblk) -> Result<(), JournalError> {
        if !self.touched.contains(&pblk) && self.credits_left() == 0 {
            let credits = self.credits;
            return Err(JournalError::OutOfCredits { credits });
        }
        self.touched.insert(pblk);
        Ok(())
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.is_open {
            self.leave();
        }
    }
}

impl fmt::Debug for Handle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("tid", &self.tid)
            .field("is_open", &self.is_open)
            .field("credits", &self.credits)
            .field("touched", &self.touched)
            .finish_non_exhaustive()
    }
}

/// A named value of a step.
pub(super) fn arg(key: &'static str, value: impl Into<rt::Value>) -> Arg {
    Arg {
        key,
        value: value.into(),
    }
}
