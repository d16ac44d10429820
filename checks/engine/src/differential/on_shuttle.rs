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

    pub struct Plain {
        mutex: Mutex<u64>,
        count: AtomicU64,
    }

    impl Plain {
        pub fn new() -> Plain {
            Plain {
                mutex: Mutex::new(0),
                count: AtomicU64::new(0),
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
    }
}
