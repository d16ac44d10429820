//! The transaction barrier: handles pass an open gate; a commit closes it, waits for those inside,
//! and opens it again for the next transaction.
//!
//! Passing and leaving commute with one another, which is why handles cost the explorer so little:
//! only closing shuts newcomers out.
//!
//! # Source
//! linux v7.0 fs/jbd2/transaction.c `start_this_handle`, `jbd2_journal_stop`;
//! fs/jbd2/commit.c, the wait for updates in state *locked*.

use super::wait::WaitQueue;
use rt::sync::atomic::{AtomicU32, Ordering, Peek};
use rt::{Class, Key, Object, Op};

const CLOSED: u32 = 1 << 31;

/// A gate that many may be inside of.
#[derive(Debug)]
pub struct Gate {
    object: Object,
    /// How many are inside, and whether the gate is closed.
    state: AtomicU32,
    waiting: WaitQueue,
}

impl Gate {
    /// An open gate with nobody inside.
    pub fn new(class: &'static Class, key: Key) -> Gate {
        Gate {
            object: Object::new(class, key),
            state: AtomicU32::new(0),
            waiting: WaitQueue::new(),
        }
    }

    /// Passes the gate, waiting while it is closed.
    ///
    /// # Locking
    /// Takes: a place inside, until [`Gate::exit`].
    pub fn enter(&self) {
        let is_open = || self.state.peek() & CLOSED == 0;
        rt::op(&self.object, Op::GateEnter, is_open, || {
            self.waiting
                .wait_until(|| self.change(|state| (state & CLOSED == 0).then_some(state + 1)));
        });
    }

    /// Leaves.
    pub fn exit(&self) {
        rt::op(
            &self.object,
            Op::GateExit,
            || true,
            || {
                // Release: what was done inside is visible after `drain`.
                let before = self.state.fetch_sub(1, Ordering::Release);
                debug_assert_ne!(before & !CLOSED, 0, "left a gate with nobody inside");
                if before == CLOSED | 1 {
                    self.waiting.wake_all();
                }
            },
        );
    }

    /// Closes the gate to newcomers. Waits while somebody else has it closed.
    pub fn close(&self) {
        let is_open = || self.state.peek() & CLOSED == 0;
        rt::op(&self.object, Op::GateClose, is_open, || {
            self.waiting.wait_until(|| {
                self.change(|state| (state & CLOSED == 0).then_some(state | CLOSED))
            });
        });
    }

    /// Waits until nobody is inside. Only for who closed the gate.
    pub fn drain(&self) {
        let is_empty = || self.state.peek() == CLOSED;
        rt::op(&self.object, Op::GateDrain, is_empty, || {
            // Acquire: pairs with the Release of every exit; the exits form one release sequence.
            self.waiting
                .wait_until(|| (self.state.load(Ordering::Acquire) == CLOSED).then_some(()));
        });
    }

    /// Opens the gate again. Only for who closed it.
    pub fn open(&self) {
        rt::op(
            &self.object,
            Op::GateOpen,
            || true,
            || {
                // Release: what was done while it was closed is visible to who passes or closes it.
                let before = self.state.fetch_and(!CLOSED, Ordering::Release);
                debug_assert_ne!(before & CLOSED, 0, "opened a gate that was open");
                self.waiting.wake_all();
            },
        );
    }

    fn change(&self, next: impl Fn(u32) -> Option<u32>) -> Option<()> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let new = next(state)?;
            // Acquire: pairs with the Release of `open`. Nothing is published on the way in.
            match self
                .state
                .compare_exchange(state, new, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Some(()),
                Err(found) => state = found,
            }
        }
    }
}
