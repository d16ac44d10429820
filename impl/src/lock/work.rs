//! A list of work for a background thread, which sleeps while there is none.

use super::mutex::Mutex;
use super::wait::WaitQueue;
use rt::sync::atomic::{AtomicUsize, Ordering, Peek};
use rt::{Class, Key, Object, Op};
use std::collections::VecDeque;

/// The bit of [`WorkList::available`] that says that no more work will come.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Work in order of arrival.
#[derive(Debug)]
pub struct WorkList<T> {
    available_object: Object,
    /// Items not yet taken, and whether the list is closed.
    available: AtomicUsize,
    waiting: WaitQueue,
    items: Mutex<VecDeque<T>>,
}

impl<T> WorkList<T> {
    /// An empty, open list.
    pub fn new(class: &'static Class, key: Key) -> WorkList<T> {
        WorkList {
            available_object: Object::new(class, key),
            available: AtomicUsize::new(0),
            waiting: WaitQueue::new(),
            items: Mutex::new(class, key, VecDeque::new()),
        }
    }

    /// Adds work and wakes a sleeping worker.
    pub fn push(&self, item: T) {
        self.items.lock().push_back(item);
        rt::op(
            &self.available_object,
            Op::CountUp,
            || true,
            || {
                // The items are published by their mutex; the counter only says when to look.
                self.available.fetch_add(1, Ordering::Release);
                self.waiting.wake_all();
            },
        );
    }

    /// Says that no more work will come.
    pub fn close(&self) {
        rt::op(
            &self.available_object,
            Op::CountUp,
            || true,
            || {
                self.available.fetch_or(CLOSED, Ordering::Release);
                self.waiting.wake_all();
            },
        );
    }

    /// Takes the oldest item, waiting for one. `None` once the list is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let some = rt::op(
            &self.available_object,
            Op::CountAwaitSome,
            || self.available.peek() != 0,
            || {
                self.waiting
                    .wait_until(|| match self.available.load(Ordering::Acquire) {
                        0 => None,
                        CLOSED => Some(false),
                        _ => {
                            self.available.fetch_sub(1, Ordering::Relaxed);
                            Some(true)
                        }
                    })
            },
        );
        if some {
            self.items.lock().pop_front()
        } else {
            None
        }
    }

    /// Takes the oldest item if there is one.
    pub fn try_pop(&self) -> Option<T> {
        let item = self.items.lock().pop_front();
        if item.is_some() {
            rt::op(
                &self.available_object,
                Op::CountDown,
                || true,
                || {
                    self.available.fetch_sub(1, Ordering::Relaxed);
                },
            );
        }
        item
    }
}
