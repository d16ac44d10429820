//! Ordered data: an inode's membership in transactions that must not commit before its data.
//!
//! Handles say which bytes of an inode are ordered, and what the commit has to do about them. Who
//! has submitted the data already asks the commit only to wait. Who has not asks it to write too,
//! which it can do only for blocks that are mapped: it can start no handle, as it would wait for
//! itself.
//!
//! An inode can be with the committing transaction and with the running one. It has one range of
//! bytes for both, which only grows until no transaction has the inode any more. So a commit may
//! write more than it must.
//!
//! # Source
//! linux v7.0 include/linux/jbd2.h `struct jbd2_inode`; fs/jbd2/transaction.c
//! `jbd2_journal_file_inode`, `jbd2_journal_begin_ordered_truncate`; fs/jbd2/commit.c
//! `journal_submit_data_buffers`, `journal_finish_inode_data_buffers`. Departs from it in
//! forgetting what the commit had to do when no transaction has the inode any more, where the
//! kernel's flags stay.

use crate::lock::{Key, Mutex, MutexGuard, SpinLock, class};
use crate::units::{Ino, Tid};
use std::ops::Range;

/// What a commit has to do about data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// Write it, and wait for it: `jbd2_journal_inode_ranged_write`.
    Write,
    /// Wait for it: it has been submitted, or will be before the handle stops.
    /// `jbd2_journal_inode_ranged_wait`.
    Wait,
}

/// An inode as the journal sees it.
#[derive(Debug)]
pub struct JournalInode {
    ino: Ino,
    // The kernel's j_list_lock; here each inode has its own.
    state: SpinLock<State>,
    /// Held by a commit while it writes the inode's data or waits for it, and by who releases the
    /// inode. The kernel's is a bit with waiters.
    commit_running: Mutex<()>,
}

/// What the journal knows about an inode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The transaction that has it: the running one, or the committing one.
    pub transaction: Option<Tid>,
    /// If that is the committing one, the running one if that has it too.
    pub next_transaction: Option<Tid>,
    /// Whether the commit has to write the range.
    pub write_data: bool,
    /// Whether it has to wait for the range.
    pub wait_data: bool,
    /// The least range of bytes that holds everything ordered.
    pub dirty: Range<u64>,
}

impl JournalInode {
    /// An inode that no transaction has.
    pub fn new(ino: Ino) -> JournalInode {
        let key = Key::One(u64::from(ino.0));
        JournalInode {
            ino,
            state: SpinLock::new(&class::J_LIST_LOCK, key, State::default()),
            commit_running: Mutex::new(&class::COMMIT_RUNNING, key, ()),
        }
    }

    /// Its number.
    pub fn ino(&self) -> Ino {
        self.ino
    }

    /// Whether a transaction that is older than `tid` has the inode: then that one is committing.
    ///
    /// # Locking
    /// Takes: `j_list_lock`. The answer no stays true while the caller's handle in `tid` is open:
    /// an older transaction takes no more handles.
    pub fn is_committing_before(&self, tid: Tid) -> bool {
        self.state
            .read(|state| state.transaction.is_some_and(|of| tid.is_after(of)))
    }

    /// Whether a transaction has the inode.
    ///
    /// # Locking
    /// Takes: `j_list_lock`. The answer no stays true while nobody can order more data.
    pub fn is_ordered(&self) -> bool {
        self.state.read(|state| state.transaction.is_some())
    }

    /// What is known, for invariants and tests: not an operation.
    pub fn peek(&self) -> State {
        self.state.peek(State::clone)
    }

    /// Gives bytes to transaction `tid`, which is the running one.
    pub(super) fn file(&self, tid: Tid, what: Ordered, bytes: Range<u64>) {
        self.state.write(|state| {
            state.write_data |= what == Ordered::Write;
            state.wait_data = true;
            state.dirty = match state.dirty.is_empty() {
                true => bytes,
                false => state.dirty.start.min(bytes.start)..state.dirty.end.max(bytes.end),
            };
            match state.transaction {
                None => state.transaction = Some(tid),
                Some(of) if of != tid => state.next_transaction = Some(tid),
                Some(_) => {}
            }
        });
    }

    /// Marks the inode as one that a commit is working on, so that it does not go meanwhile. What
    /// the commit has to do is to be asked after that.
    ///
    /// # Locking
    /// Takes: `JI_COMMIT_RUNNING`.
    pub(super) fn start_commit(&self) -> MutexGuard<'_, ()> {
        self.commit_running.lock()
    }

    /// Takes the inode out of whatever transaction has it, before it leaves memory: waits until no
    /// commit is working on it, and none will from then on.
    ///
    /// The data need not be ordered any more. What of it was being written has completed, for who
    /// releases an inode has dropped its folios; and a commit that finds the inode released finds
    /// it under the lock that this takes, so what it flushes holds that data.
    ///
    /// # Locking
    /// Requires: that nobody can order data of the inode any more. Takes and drops:
    /// `JI_COMMIT_RUNNING`, which a commit holds while it waits for folios, and under it
    /// `j_list_lock`. A handle may be open: the commit is an older transaction's.
    ///
    /// # Source
    /// linux v7.0 fs/jbd2/journal.c `jbd2_journal_release_jbd_inode`.
    pub fn release(&self) {
        let _idle = self.commit_running.lock();
        self.state.write(|state| *state = State::default());
    }

    /// What the commit has to write.
    pub(super) fn to_submit(&self) -> Option<Range<u64>> {
        self.state
            .read(|state| state.write_data.then(|| state.dirty.clone()))
    }

    /// What the commit has to wait for.
    pub(super) fn to_wait_for(&self) -> Option<Range<u64>> {
        self.state
            .read(|state| state.wait_data.then(|| state.dirty.clone()))
    }

    /// The committing transaction is done with it: it goes to the next one, if that has it.
    pub(super) fn refile(&self) {
        self.state
            .write(|state| match state.next_transaction.take() {
                Some(next) => state.transaction = Some(next),
                None => *state = State::default(),
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INO: Ino = Ino(12);

    #[test]
    fn a_range_grows_until_no_transaction_has_the_inode() {
        let jinode = JournalInode::new(INO);
        jinode.file(Tid(5), Ordered::Wait, 1024..2048);
        assert_eq!(jinode.to_submit(), None);
        assert_eq!(jinode.to_wait_for(), Some(1024..2048));
        jinode.file(Tid(6), Ordered::Write, 0..10);
        assert_eq!(jinode.to_submit(), Some(0..2048));
        assert!(jinode.is_committing_before(Tid(6)));
        assert!(!jinode.is_committing_before(Tid(5)));
        jinode.refile();
        let state = jinode.peek();
        assert_eq!(state.transaction, Some(Tid(6)));
        assert_eq!(state.dirty, 0..2048);
        jinode.refile();
        assert_eq!(jinode.peek(), State::default());
    }

    #[test]
    fn a_released_inode_is_with_no_transaction_and_stays_so() {
        let jinode = JournalInode::new(INO);
        jinode.file(Tid(5), Ordered::Write, 0..1024);
        jinode.file(Tid(6), Ordered::Wait, 0..1024);
        jinode.release();
        assert_eq!(jinode.peek(), State::default());
        assert_eq!((jinode.to_submit(), jinode.to_wait_for()), (None, None));
        jinode.refile();
        assert_eq!(jinode.peek(), State::default());
    }

    #[test]
    fn a_transaction_number_that_wraps_around_is_after_the_last() {
        let jinode = JournalInode::new(INO);
        jinode.file(Tid(u32::MAX), Ordered::Wait, 0..1);
        assert!(jinode.is_committing_before(Tid(0)));
    }
}
