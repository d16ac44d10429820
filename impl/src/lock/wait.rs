//! A wait queue: threads parked until a condition that others change may hold.

use rt::sync::Mutex;
use rt::thread::{self, Thread};

/// Threads that wait for one condition.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    waiting: Mutex<Vec<Thread>>,
}

impl WaitQueue {
    pub(crate) fn new() -> WaitQueue {
        WaitQueue {
            waiting: Mutex::new(Vec::new()),
        }
    }

    /// Waits until `attempt` gives a value.
    ///
    /// No wake-up is lost: the thread queues itself and *then* tries again before it parks. A
    /// change made before the queue's mutex was taken is seen by that attempt, because the changer
    /// takes the same mutex after its change; one made later finds the thread in the queue.
    pub(crate) fn wait_until<R>(&self, mut attempt: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Some(result) = attempt() {
                return result;
            }
            self.waiting.lock().push(thread::current());
            if let Some(result) = attempt() {
                // Left in the queue, the thread gets at most one wake-up too many, which every
                // parking loop here tolerates.
                return result;
            }
            thread::park();
        }
    }

    /// Wakes every waiter. Called after the change that they wait for.
    pub(crate) fn wake_all(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        for thread in waiting {
            thread.unpark();
        }
    }
}
