//! Threads.

pub use std::thread::{Thread, current, park, yield_now};

/// A spawned thread.
#[derive(Debug)]
pub struct JoinHandle<T>(std::thread::JoinHandle<T>);

/// Starts a thread with a name.
///
/// # Panics
/// If the system can not start another thread.
pub fn spawn<T, F>(name: &'static str, body: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let builder = std::thread::Builder::new().name(name.into());
    JoinHandle(builder.spawn(body).expect("the system starts a thread"))
}

impl<T> JoinHandle<T> {
    /// Waits until the thread has ended.
    ///
    /// # Panics
    /// Where the thread panicked, with its payload.
    pub fn join(self) -> T {
        self.0
            .join()
            .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }
}
