//! A flag that is waited out: a folio under writeback, a commit in progress.

use super::wait::WaitQueue;
use rt::sync::atomic::{AtomicBool, Ordering, Peek};
use rt::{Class, Key, Object, Op};

/// A flag with waiters.
#[derive(Debug)]
pub struct Flag {
    object: Object,
    raised: AtomicBool,
    waiting: WaitQueue,
}

impl Flag {
    /// A flag that is not raised.
    pub fn new(class: &'static Class, key: Key) -> Flag {
        Flag {
            object: Object::new(class, key),
            raised: AtomicBool::new(false),
            waiting: WaitQueue::new(),
        }
    }

    /// Raises it.
    pub fn raise(&self) {
        rt::op(
            &self.object,
            Op::FlagRaise,
            || true,
            || {
                // Relaxed: who raises a flag holds the lock that orders it before any wait; raising
                // publishes nothing.
                self.raised.store(true, Ordering::Relaxed);
            },
        );
    }

    /// Clears it and wakes its waiters.
    pub fn clear(&self) {
        rt::op(
            &self.object,
            Op::FlagClear,
            || true,
            || {
                // Release: what was done while it was raised is visible to who waited it out.
                self.raised.store(false, Ordering::Release);
                self.waiting.wake_all();
            },
        );
    }

    /// Waits until it is clear.
    pub fn wait_clear(&self) {
        rt::op(
            &self.object,
            Op::FlagAwait,
            || !self.raised.peek(),
            || {
                // Acquire: pairs with the Release of `clear`.
                self.waiting
                    .wait_until(|| (!self.raised.load(Ordering::Acquire)).then_some(()));
            },
        );
    }

    /// Whether it is raised now.
    pub fn test(&self) -> bool {
        // Acquire: who finds it clear sees what was done while it was raised.
        rt::op(
            &self.object,
            Op::Load,
            || true,
            || self.raised.load(Ordering::Acquire),
        )
    }

    /// Whether it is raised, for invariants: not an operation.
    pub fn peek(&self) -> bool {
        self.raised.peek()
    }
}
