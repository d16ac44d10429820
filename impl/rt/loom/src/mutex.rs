//! The mutex on which the locks of the checked code build their wait queues.

use crate::switch::is_controlled;
use cutpoint_event::log;
use cutpoint_event::pending::{self, Granularity};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// A mutex without poisoning: loom's at atomic granularity. At lock granularity it is only ever
/// taken inside an operation, where nobody contends for it.
#[derive(Debug)]
pub struct Mutex<T>(Held<T>);

#[derive(Debug)]
enum Held<T> {
    Opaque(std::sync::Mutex<T>),
    Modelled(loom::sync::Mutex<T>),
}

/// A hold on a [`Mutex`].
#[derive(Debug)]
pub enum MutexGuard<'a, T> {
    /// At lock granularity.
    Opaque(std::sync::MutexGuard<'a, T>),
    /// At atomic granularity. Dropping it after a panic could abort the process, so it is not.
    Modelled(ManuallyDrop<loom::sync::MutexGuard<'a, T>>),
}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Mutex<T> {
        Mutex(match pending::granularity() {
            Granularity::Lock => Held::Opaque(std::sync::Mutex::new(value)),
            Granularity::Atomic => Held::Modelled(loom::sync::Mutex::new(value)),
        })
    }

    /// Waits for the mutex.
    ///
    /// # Panics
    /// At lock granularity, when taken outside an operation while another task holds it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match &self.0 {
            Held::Opaque(mutex) => {
                debug_assert!(!is_controlled(), "taken outside an operation");
                MutexGuard::Opaque(
                    mutex
                        .try_lock()
                        .expect("nobody contends inside an operation"),
                )
            }
            Held::Modelled(mutex) => {
                let task = log::current_task();
                let guard = mutex
                    .lock()
                    .expect("guards are never dropped while panicking");
                log::set_current_task(task);
                MutexGuard::Modelled(ManuallyDrop::new(guard))
            }
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            MutexGuard::Opaque(guard) => guard,
            MutexGuard::Modelled(guard) => guard,
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            MutexGuard::Opaque(guard) => guard,
            MutexGuard::Modelled(guard) => guard,
        }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if let MutexGuard::Modelled(guard) = self
            && !std::thread::panicking()
        {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(guard) };
        }
    }
}
