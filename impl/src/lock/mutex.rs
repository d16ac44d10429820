//! The sleeping mutex: a semaphore that is only ever taken exclusively.

use super::rwsem::{RwSem, WriteGuard};
use rt::{Class, Key};

/// A mutex with fair waiting.
#[derive(Debug)]
pub struct Mutex<T>(RwSem<T>);

/// A hold on a [`Mutex`].
pub type MutexGuard<'a, T> = WriteGuard<'a, T>;

impl<T> Mutex<T> {
    /// A free mutex.
    pub fn new(class: &'static Class, key: Key, value: T) -> Mutex<T> {
        Mutex(RwSem::new(class, key, value))
    }

    /// Waits for the mutex.
    ///
    /// # Locking
    /// Takes: this mutex.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.write()
    }
}
