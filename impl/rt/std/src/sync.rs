//! Shared memory.

pub use crate::lock::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::{Arc, Weak};

/// Atomics with explicit orderings.
pub mod atomic {
    pub use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

    /// Reading an atomic as a scheduler does, to find out whether an operation is enabled: without
    /// an operation, and without an ordering that anyone may rely on.
    pub trait Peek {
        /// What the atomic holds.
        type Value;

        /// The value.
        fn peek(&self) -> Self::Value;
    }

    macro_rules! peek {
        ($($name:ident: $value:ty),*) => {$(
            impl Peek for $name {
                type Value = $value;

                #[inline(always)]
                fn peek(&self) -> $value {
                    self.load(Ordering::Relaxed)
                }
            }
        )*};
    }
    peek!(AtomicBool: bool, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);
}

/// A mutex for short sections that hold no scheduling point. The explorer does not see it: use it
/// only where every pair of sections commutes or is ordered by other means, and say which.
#[derive(Debug, Default)]
pub struct LeafMutex<T>(std::sync::Mutex<T>);

impl<T> LeafMutex<T> {
    /// An unlocked mutex.
    pub const fn new(value: T) -> LeafMutex<T> {
        LeafMutex(std::sync::Mutex::new(value))
    }

    /// Locks it for as long as `section` runs.
    #[inline]
    pub fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        // A section that panicked is a bug of ours, and the panic has been reported.
        section(
            &mut self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// The value, when nobody shares it any more.
    pub fn into_inner(self) -> T {
        self.0
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
