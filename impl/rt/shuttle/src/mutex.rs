//! The mutex on which the locks of the checked code build their wait queues.

use crate::switch::always_op;
use crate::{Class, Key, Object, Op};
use std::cell::{Cell, UnsafeCell};
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

static MUTEX: Class = Class::unranked("mutex");

/// A mutex without poisoning: a section that panicked is a bug that the panic itself reports.
#[derive(Debug, Default)]
pub struct Mutex<T> {
    object: OnceLock<Object>,
    locked: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: the mutex hands out the value to one holder at a time, and shuttle runs every task of an
// execution on one OS thread.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// A hold on a [`Mutex`].
#[derive(Debug)]
pub struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Mutex<T> {
        Mutex {
            object: OnceLock::new(),
            locked: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    fn object(&self) -> &Object {
        self.object.get_or_init(|| Object::new(&MUTEX, Key::Only))
    }

    /// Waits for the mutex.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let is_free = || !self.locked.get();
        always_op(self.object(), Op::AcquireExclusive, is_free, || {
            self.locked.set(true)
        });
        MutexGuard(self)
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the only holder.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the only holder.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        let free = || self.0.locked.set(false);
        always_op(self.0.object(), Op::ReleaseExclusive, || true, free);
    }
}
