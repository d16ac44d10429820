//! A count of things under way, and the wait until there are none: direct I/O to a file.
//!
//! # Source
//! linux v7.0 include/linux/fs.h `inode_dio_begin`, `inode_dio_end`; fs/inode.c `inode_dio_wait`.

use super::wait::WaitQueue;
use rt::sync::atomic::{AtomicU32, Ordering, Peek};
use rt::{Class, Key, Object, Op};

/// A count with waiters.
#[derive(Debug)]
pub struct Outstanding {
    object: Object,
    count: AtomicU32,
    waiting: WaitQueue,
}

impl Outstanding {
    /// Nothing is under way.
    pub fn new(class: &'static Class, key: Key) -> Outstanding {
        Outstanding {
            object: Object::new(class, key),
            count: AtomicU32::new(0),
            waiting: WaitQueue::new(),
        }
    }

    /// Counts one more.
    ///
    /// # Locking
    /// Requires: a lock that who waits holds exclusively, or the wait may end too early.
    pub fn begin(&self) {
        rt::op(
            &self.object,
            Op::CountUp,
            || true,
            || {
                // Relaxed: the lock orders it before any wait; counting up publishes nothing.
                self.count.fetch_add(1, Ordering::Relaxed);
            },
        );
    }

    /// Counts one less, and wakes the waiters if that was the last.
    pub fn end(&self) {
        rt::op(
            &self.object,
            Op::CountDown,
            || true,
            || {
                // Release: what was done is visible to who waited for it. Later changes of the
                // count, by whomever, continue the release sequence, so the last one passes on
                // what all others published.
                let before = self.count.fetch_sub(1, Ordering::Release);
                debug_assert_ne!(before, 0, "ended what had not begun");
                if before == 1 {
                    self.waiting.wake_all();
                }
            },
        );
    }

    /// Waits until nothing is under way.
    pub fn wait_none(&self) {
        rt::op(
            &self.object,
            Op::CountAwaitZero,
            || self.count.peek() == 0,
            || {
                // Acquire: pairs with the Release of every `end`.
                self.waiting
                    .wait_until(|| (self.count.load(Ordering::Acquire) == 0).then_some(()));
            },
        );
    }

    /// How many are under way, for invariants: not an operation.
    pub fn peek(&self) -> u32 {
        self.count.peek()
    }
}
