//! General locks for code that has none of its own: std's, without poisoning.
//!
//! A section that panicked has been reported; here as in the kernel there is no second chance, so
//! the next holder just goes on.

use crate::{Class, Key};
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

/// A lock with one holder.
#[derive(Debug, Default)]
pub struct Mutex<T>(std::sync::Mutex<T>);

/// Access to a locked value.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(std::sync::MutexGuard<'a, T>);

impl<T> Mutex<T> {
    /// An unlocked mutex.
    #[inline]
    pub fn new(value: T) -> Mutex<T> {
        Mutex(std::sync::Mutex::new(value))
    }

    /// An unlocked mutex with a name of its own, which this runtime forgets.
    #[inline]
    pub fn named(_class: &'static Class, _key: Key, value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    /// Locks it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks it, if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(MutexGuard(guard)),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => {
                Some(MutexGuard(poisoned.into_inner()))
            }
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// The value, when nobody shares it any more.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock with one writer or many readers.
#[derive(Debug, Default)]
pub struct RwLock<T>(std::sync::RwLock<T>);

/// Shared access to a value.
#[derive(Debug)]
pub struct RwLockReadGuard<'a, T>(std::sync::RwLockReadGuard<'a, T>);

/// Exclusive access to a value.
#[derive(Debug)]
pub struct RwLockWriteGuard<'a, T>(std::sync::RwLockWriteGuard<'a, T>);

impl<T> RwLock<T> {
    /// An unlocked lock.
    #[inline]
    pub fn new(value: T) -> RwLock<T> {
        RwLock(std::sync::RwLock::new(value))
    }

    /// An unlocked lock with a name of its own, which this runtime forgets.
    #[inline]
    pub fn named(_class: &'static Class, _key: Key, value: T) -> RwLock<T> {
        RwLock::new(value)
    }

    /// Locks it for reading.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks it for writing.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard(self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The value, when nobody shares it any more.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Turns the exclusive hold into a shared one without letting go.
    #[inline]
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard(std::sync::RwLockWriteGuard::downgrade(self.0))
    }
}

macro_rules! deref {
    ($($name:ident),*) => {$(
        impl<T> Deref for $name<'_, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.0
            }
        }
    )*};
}
deref!(MutexGuard, RwLockReadGuard, RwLockWriteGuard);

macro_rules! deref_mut {
    ($($name:ident),*) => {$(
        impl<T> DerefMut for $name<'_, T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }
    )*};
}
deref_mut!(MutexGuard, RwLockWriteGuard);

/// A condition that threads wait for.
#[derive(Debug, Default)]
pub struct Condvar(std::sync::Condvar);

impl Condvar {
    /// A condition nobody waits for.
    #[inline]
    pub fn new() -> Condvar {
        Condvar::default()
    }

    /// A condition with a name of its own, which this runtime forgets.
    #[inline]
    pub fn named(_class: &'static Class, _key: Key) -> Condvar {
        Condvar::new()
    }

    /// Gives the lock back, waits to be notified, and takes the lock again. May return without a
    /// notification.
    #[inline]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let guard = self.0.wait(guard.0);
        MutexGuard(guard.unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes a thread that waits, if any does.
    #[inline]
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes every thread that waits.
    #[inline]
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
