//! The reader-writer semaphore without its data: a state word and a queue.
//!
//! Waiting is fair: who queues gets the lock in order of arrival, a writer alone, readers in
//! batches. A release hands the lock over to the head of the queue before it wakes it, so nobody
//! who arrives in between can steal it.
//!
//! # Source
//! The handoff scheme of linux v7.0 kernel/locking/rwsem.c, always on; optimistic spinning and
//! timed handoff are left out.

use rt::sync::atomic::{AtomicBool, AtomicU32, Ordering, Peek};
use rt::sync::{Arc, Mutex};
use rt::thread::{self, Thread};
use std::collections::VecDeque;

/// A writer holds the lock.
const WRITER: u32 = 1 << 31;
/// Somebody waits: newcomers must queue, releases must look at the queue.
const WAITERS: u32 = 1 << 30;
/// The low bits count readers.
const READERS: u32 = WAITERS - 1;

#[derive(Debug)]
pub(crate) struct RawRwSem {
    state: AtomicU32,
    queue: Mutex<VecDeque<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    exclusive: bool,
    thread: Thread,
    granted: Arc<AtomicBool>,
}

impl RawRwSem {
    pub(crate) fn new() -> RawRwSem {
        RawRwSem {
            state: AtomicU32::new(0),
            queue: Mutex::new(VecDeque::new()),
        }
    }

    /// Whether a writer holds the lock now.
    pub(crate) fn peek_exclusive(&self) -> bool {
        self.state.peek() & WRITER != 0
    }

    /// Whether a shared acquisition could succeed now.
    pub(crate) fn is_free_for_shared(&self) -> bool {
        self.state.peek() & (WRITER | WAITERS) == 0
    }

    /// Whether an exclusive acquisition could succeed now.
    pub(crate) fn is_free_for_exclusive(&self) -> bool {
        self.state.peek() == 0
    }

    pub(crate) fn acquire_shared(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | WAITERS) == 0 {
            // Acquire: pairs with the release of the writer before.
            match self.state.compare_exchange(
                state,
                state + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(found) => state = found,
            }
        }
        self.wait(false);
    }

    pub(crate) fn acquire_exclusive(&self) {
        // Acquire: pairs with the release of whoever held the lock before.
        let free = self
            .state
            .compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() {
            self.wait(true);
        }
    }

    pub(crate) fn release_shared(&self) {
        // Release: what was read under the lock was read before the next writer writes. A grant
        // below gathers what others released.
        let before = self.state.fetch_sub(1, Ordering::Release);
        if before & WAITERS != 0 && before & READERS == 1 {
            self.grant(&mut self.queue.lock());
        }
    }

    pub(crate) fn release_exclusive(&self) {
        // Release publishes the section. If nobody waits that is all.
        let before = self.state.fetch_and(!WRITER, Ordering::Release);
        if before & WAITERS != 0 {
            self.grant(&mut self.queue.lock());
        }
    }

    /// Turns the caller's exclusive hold into a shared one, and lets queued readers in.
    pub(crate) fn downgrade(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let shared = (state & !WRITER) + 1;
            // Release publishes the section to the readers that get in.
            match self
                .state
                .compare_exchange(state, shared, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(found) => state = found,
            }
        }
        if state & WAITERS != 0 {
            self.grant(&mut self.queue.lock());
        }
    }

    /// Queues up and waits to be granted the lock.
    fn wait(&self, exclusive: bool) {
        let granted = Arc::new(AtomicBool::new(false));
        {
            let mut queue = self.queue.lock();
            queue.push_back(Waiter {
                exclusive,
                thread: thread::current(),
                granted: granted.clone(),
            });
            self.state.fetch_or(WAITERS, Ordering::Relaxed);
            // The lock may have become free before the bit was set: nobody else would grant it.
            self.grant(&mut queue);
        }
        // Acquire: pairs with the Release of the grant, and through it with the sections before.
        while !granted.load(Ordering::Acquire) {
            thread::park();
        }
    }

    /// Hands the lock to the head of the queue if it is free for it: to one writer, or to every
    /// reader up to the next writer.
    fn grant(&self, queue: &mut VecDeque<Waiter>) {
        while let Some(head) = queue.front() {
            // While the bit is set only the queue's holder adds holds, so a failed exchange means
            // that somebody released: look again.
            let state = self.state.load(Ordering::Relaxed);
            let (is_free, held) = match head.exclusive {
                true => (state & (WRITER | READERS) == 0, state | WRITER),
                false => (state & WRITER == 0, state + 1),
            };
            if !is_free {
                break;
            }
            let next = if queue.len() == 1 {
                held & !WAITERS
            } else {
                held
            };
            // Acquire gathers what everybody released who held the lock, for the Release below to
            // pass on. The exchange itself publishes nothing.
            let exchanged =
                self.state
                    .compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed);
            if exchanged.is_ok()
                && let Some(waiter) = queue.pop_front()
            {
                waiter.granted.store(true, Ordering::Release);
                waiter.thread.unpark();
            }
        }
        if queue.is_empty() {
            self.state.fetch_and(!WAITERS, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_that_waited_keep_writers_out_until_the_last_has_left() {
        // Elsewhere only an explorer can start threads.
        if rt::RUNTIME != "std" {
            return;
        }
        let sem = Arc::new(RawRwSem::new());
        sem.acquire_exclusive();
        let readers = ["first", "second"].map(|name| {
            let sem = sem.clone();
            thread::spawn(name, move || sem.acquire_shared())
        });
        while sem.queue.lock().len() < readers.len() {
            thread::yield_now();
        }
        sem.release_exclusive();
        // They have the lock when they end, and nobody has let it go for them.
        readers.into_iter().for_each(|reader| reader.join());
        for _ in 0..2 {
            assert!(sem.is_free_for_shared() && !sem.is_free_for_exclusive());
            sem.release_shared();
        }
        assert!(sem.is_free_for_exclusive());
    }
}
