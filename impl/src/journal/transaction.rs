//! The running transaction, and what is shared between handles and commit.
//!
//! # Source
//! linux v7.0 include/linux/jbd2.h `struct transaction_s`; fs/jbd2/transaction.c
//! `jbd2_get_transaction`, `add_transaction_credits`.

use crate::buffer::Buffer;
use crate::journal::abort::Abort;
use crate::journal::error::JournalError;
use crate::journal::jinode::JournalInode;
use crate::journal::log_space::{self, LogSpace};
use crate::lock::{Gate, Key, class};
use crate::units::{Ino, Pblk, Tid};
use rt::sync::{Arc, LeafMutex};
use rt::{Class, Object, Op};
use std::collections::{BTreeMap, BTreeSet};

static ROOM: Class = Class::new("log space");

/// How far the commit of a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// Handles may finish, no new ones join.
    Locked,
    /// No handle is open; the transaction is being detached.
    Switch,
    /// It is the committing transaction; ordered data is being written.
    Flush,
    /// Its blocks are being written to the log.
    Commit,
    /// The log blocks have completed and are being made durable.
    Dflush,
    /// The commit block is being written.
    Jflush,
    /// It has happened; what waited for that is being told.
    Callback,
    /// Nothing is left to do but the checkpoint.
    Finished,
}

impl TransactionState {
    /// The state's name in jbd2's words.
    pub fn name(self) -> &'static str {
        match self {
            TransactionState::Locked => "locked",
            TransactionState::Switch => "switch",
            TransactionState::Flush => "flush",
            TransactionState::Commit => "commit",
            TransactionState::Dflush => "dflush",
            TransactionState::Jflush => "jflush",
            TransactionState::Callback => "callback",
            TransactionState::Finished => "finished",
        }
    }
}

/// What handles have put into the running transaction so far.
///
/// All of it is sets and sums, so the order in which handles add to it does not show.
#[derive(Debug)]
pub struct Transaction {
    /// Its number.
    pub tid: Tid,
    /// Open handles.
    pub(super) updates: u32,
    /// Credits of open handles, in blocks.
    pub(super) outstanding_credits: u32,
    /// Buffers changed.
    pub(super) buffers: BTreeMap<Pblk, Arc<Buffer>>,
    /// Blocks revoked.
    pub(super) revoked: BTreeSet<Pblk>,
    /// Blocks freed, to be allocatable again once the transaction has committed.
    pub(super) freed: BTreeSet<Pblk>,
    /// Inodes with ordered data.
    pub(super) inodes: BTreeMap<Ino, Arc<JournalInode>>,
}

impl Transaction {
    /// A transaction that nothing has joined.
    pub(super) fn new(tid: Tid) -> Transaction {
        Transaction {
            tid,
            updates: 0,
            outstanding_credits: 0,
            buffers: BTreeMap::new(),
            revoked: BTreeSet::new(),
            freed: BTreeSet::new(),
            inodes: BTreeMap::new(),
        }
    }

    /// Whether there is nothing to commit. Ordered data alone is nothing: there is nothing that it
    /// would have to come before.
    pub(super) fn is_empty(&self) -> bool {
        self.buffers.is_empty() && self.revoked.is_empty() && self.freed.is_empty()
    }

    /// The log blocks that it would take to commit, if every open handle used its credits and
    /// `more` credits came on top. A credit may be used for a changed block or a revoked one; a
    /// changed block takes more of the log.
    fn log_blocks_max(&self, more: u32) -> u32 {
        let copies = (self.buffers.len() as u32)
            .saturating_add(self.outstanding_credits)
            .saturating_add(more);
        log_space::blocks_needed(copies, self.revoked.len() as u32)
    }
}

/// What handles and commit share.
#[derive(Debug)]
pub struct Shared {
    /// Handles are inside; a commit closes it while it detaches the running transaction.
    pub(super) barrier: Gate,
    /// Whether the journal has stopped.
    pub(super) abort: Abort,
    /// The running transaction and the room it has.
    ///
    /// Sections by handles of one transaction commute with one another: they add to sets and sums,
    /// and read nothing but the transaction's number, which is fixed. Sections that take the same
    /// block out of one set and put it into another are ordered by what makes the block the
    /// caller's: the lock of the file it belongs to, and the group lock. Commit replaces the
    /// transaction while the barrier is closed and drained, so the barrier orders that against the
    /// handles.
    ///
    /// The one exception is a handle that is refused for want of room, when it starts, is extended
    /// or restarts, because that depends on who came first, and on whether a checkpoint has given
    /// room back. With a log of usual size that takes hundreds of credits in one transaction. An
    /// execution in which a start or a restart is refused has the step "wait for log space".
    running: LeafMutex<Running>,
    /// Where the use of the log is capped, refusals are what is being looked at: then every section
    /// is an operation of its own, and none commutes.
    room: Option<Object>,
}

/// The running transaction and the room it has.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) transaction: Transaction,
    pub(super) space: LogSpace,
}

/// Why a handle can not join the running transaction.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It never can.
    Failed(JournalError),
    /// The running transaction is as large as one may be: it must commit first.
    TransactionFull,
    /// The log has no room: transactions must be checkpointed first.
    LogFull,
}

impl Shared {
    /// With `is_capped`, sections are visible operations.
    pub(super) fn new(tid: Tid, space: LogSpace, is_capped: bool) -> Shared {
        Shared {
            barrier: Gate::new(&class::TRANSACTION, Key::Only),
            abort: Abort::new(),
            room: is_capped.then(|| Object::new(&ROOM, Key::Only)),
            running: LeafMutex::new(Running {
                transaction: Transaction::new(tid),
                space,
            }),
        }
    }

    /// Works on the running transaction. `section` must not wait for anything.
    pub(super) fn with<R>(&self, section: impl FnOnce(&mut Running) -> R) -> R {
        match &self.room {
            None => self.running.with(section),
            Some(room) => rt::op(room, Op::Update, || true, || self.running.with(section)),
        }
    }

    /// Looks at the running transaction for an assertion or an invariant: not an operation.
    pub(super) fn peek<R>(&self, look: impl FnOnce(&Running) -> R) -> R {
        self.running.with(|running| look(running))
    }
}

impl Running {
    /// Lets a handle join, and returns the transaction's number.
    pub(super) fn admit(&mut self, credits: u32) -> Result<Tid, Refusal> {
        let max = self.space.transaction_credits_max();
        if credits > max {
            return Err(Refusal::Failed(JournalError::TooLarge { credits, max }));
        }
        let transaction = &mut self.transaction;
        let needed = transaction.log_blocks_max(credits);
        if needed > log_space::blocks_needed(max, 0) {
            return Err(Refusal::TransactionFull);
        }
        if needed > self.space.free_blocks() {
            return Err(Refusal::LogFull);
        }
        transaction.updates += 1;
        transaction.outstanding_credits += credits;
        Ok(transaction.tid)
    }

    /// Gives a handle more credits, if transaction and log have room for them.
    pub(super) fn extend(&mut self, more: u32) -> bool {
        let needed = self.transaction.log_blocks_max(more);
        let max = log_space::blocks_needed(self.space.transaction_credits_max(), 0);
        let has_room = needed <= max.min(self.space.free_blocks());
        if has_room {
            self.transaction.outstanding_credits += more;
        }
        has_room
    }

    /// Takes a handle's leave.
    pub(super) fn dismiss(&mut self, credits: u32) {
        self.transaction.updates -= 1;
        self.transaction.outstanding_credits -= credits;
    }
}
