//! Generated programs on shuttle.

use rt_shuttle as rt;

#[path = "world.rs"]
#[expect(clippy::duplicate_mod, reason = "one source for both runtimes")]
mod world;

pub use world::body;

mod plain {
    //! Types of shuttle's own, which announce nothing.

    use shuttle::sync::Mutex;
    use shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use shuttle::thread::{self, Thread};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    pub struct Plain {
        mutex: Mutex<u64>,
        count: AtomicU64,
        main: Thread,
        /// Spawned tasks that have not ended. Looked at and changed in turns of shuttle's own.
        others: AtomicUsize,
    }

    impl Plain {
        pub fn new(others: usize) -> Plain {
            Plain {
                mutex: Mutex::new(0),
                count: AtomicU64::new(0),
                main: thread::current(),
                others: AtomicUsize::new(others),
            }
        }

        pub fn lock(&self) {
            // A task that unwinds poisons the mutex; the others unwind, too.
            if let Ok(mut value) = self.mutex.lock() {
                *value += 1;
            }
        }

        pub fn add(&self) {
            self.count.fetch_add(1, SeqCst);
        }

        pub fn park(&self) {
            if self.others.load(Relaxed) > 0 {
                thread::park();
            }
        }

        pub fn unpark(&self) {
            self.main.unpark();
        }

        /// A spawned task has ended.
        pub fn end(&self) {
            self.main.unpark();
            self.others.fetch_sub(1, Relaxed);
        }
    }
}
