//! The reader-writer semaphore, with the data that it protects.

use super::raw::RawRwSem;
use rt::cell::{ConstPtr, MutPtr, UnsafeCell};
use rt::{Class, Key, Object, Op};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// A sleeping reader-writer lock with fair waiting and downgrade.
pub struct RwSem<T> {
    object: Object,
    raw: RawRwSem,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands out `&T` to readers at the same time and `&mut T` to one writer at a time.
unsafe impl<T: Send + Sync> Sync for RwSem<T> {}
// SAFETY: the lock owns the value.
unsafe impl<T: Send> Send for RwSem<T> {}

/// A shared hold.
#[must_use = "the lock is released when the guard is dropped"]
pub struct ReadGuard<'a, T> {
    sem: &'a RwSem<T>,
    // Dropped before the lock is released, so that the runtime sees the access end.
    value: ManuallyDrop<ConstPtr<T>>,
}

/// An exclusive hold.
#[must_use = "the lock is released when the guard is dropped"]
pub struct WriteGuard<'a, T> {
    sem: &'a RwSem<T>,
    value: ManuallyDrop<MutPtr<T>>,
}

impl<T> RwSem<T> {
    /// A free lock.
    pub fn new(class: &'static Class, key: Key, value: T) -> RwSem<T> {
        RwSem {
            object: Object::new(class, key),
            raw: RawRwSem::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for a shared hold.
    ///
    /// # Locking
    /// Takes: this lock, shared.
    pub fn read(&self) -> ReadGuard<'_, T> {
        rt::op(
            &self.object,
            Op::AcquireShared,
            || self.raw.is_free_for_shared(),
            || self.raw.acquire_shared(),
        );
        ReadGuard {
            sem: self,
            value: ManuallyDrop::new(self.value.get()),
        }
    }

    /// Waits for an exclusive hold.
    ///
    /// # Locking
    /// Takes: this lock, exclusive.
    pub fn write(&self) -> WriteGuard<'_, T> {
        rt::op(
            &self.object,
            Op::AcquireExclusive,
            || self.raw.is_free_for_exclusive(),
            || self.raw.acquire_exclusive(),
        );
        WriteGuard {
            sem: self,
            value: ManuallyDrop::new(self.value.get_mut()),
        }
    }

    /// Whether somebody holds the lock exclusively, for assertions: not an operation.
    pub fn peek_exclusive(&self) -> bool {
        self.raw.peek_exclusive()
    }
}

impl<'a, T> WriteGuard<'a, T> {
    /// Lets readers in without letting the lock go.
    pub fn downgrade(mut guard: WriteGuard<'a, T>) -> ReadGuard<'a, T> {
        let sem = guard.sem;
        // SAFETY: dropped once: `forget` keeps the guard from doing it again.
        unsafe { ManuallyDrop::drop(&mut guard.value) };
        std::mem::forget(guard);
        rt::op(&sem.object, Op::Downgrade, || true, || sem.raw.downgrade());
        ReadGuard {
            sem,
            value: ManuallyDrop::new(sem.value.get()),
        }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while this guard lives there is no writer.
        unsafe { ConstPtr::deref(&self.value) }
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one.
        unsafe { MutPtr::deref(&self.value) }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and it is borrowed exclusively.
        unsafe { MutPtr::deref(&self.value) }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.value) };
        let sem = self.sem;
        rt::op(
            &sem.object,
            Op::ReleaseShared,
            || true,
            || sem.raw.release_shared(),
        );
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.value) };
        let sem = self.sem;
        rt::op(
            &sem.object,
            Op::ReleaseExclusive,
            || true,
            || sem.raw.release_exclusive(),
        );
    }
}

impl<T> fmt::Debug for RwSem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwSem")
            .field("object", &self.object)
            .finish_non_exhaustive()
    }
}
