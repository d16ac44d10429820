//! The number of the last committed transaction, for who asks without waiting.
//!
//! # Source
//! linux v7.0 include/linux/jbd2.h `j_commit_sequence`; fs/jbd2/journal.c
//! `jbd2_log_wait_commit`, which reads it in the condition of a wait.

use crate::units::Tid;
use rt::sync::atomic::{AtomicU32, Ordering, Peek};
use rt::{Class, Key, Object, Op};

static COMMITTED: Class = Class::new("committed tid");

/// The last transaction whose commit is known to be durable.
#[derive(Debug)]
pub struct CommittedTid {
    object: Object,
    tid: AtomicU32,
}

impl CommittedTid {
    /// A journal whose last committed transaction is `tid`.
    pub(super) fn new(tid: Tid) -> CommittedTid {
        CommittedTid {
            object: Object::new(&COMMITTED, Key::Only),
            tid: AtomicU32::new(tid.0),
        }
    }

    /// The number.
    pub fn load(&self) -> Tid {
        // Acquire: who sees the number also sees what the commit did before, such as freeing
        // blocks.
        let load = || self.tid.load(Ordering::Acquire);
        Tid(rt::op(&self.object, Op::Load, || true, load))
    }

    /// The number, for an assertion or an invariant: not an operation.
    pub fn peek(&self) -> Tid {
        Tid(self.tid.peek())
    }

    /// Publishes the number of a transaction whose commit block is durable.
    ///
    /// # Locking
    /// Requires: the commit mutex, so that numbers are published in their order.
    pub(super) fn store(&self, tid: Tid) {
        // Release: pairs with `load`.
        let store = || self.tid.store(tid.0, Ordering::Release);
        rt::op(&self.object, Op::Store, || true, store);
    }
}
