//! Shared memory.
//!
//! shuttle runs every atomic as sequentially consistent, and so does this façade: orderings are
//! accepted and ignored. Weak memory is loom's to explore.

pub use crate::lock::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use rt_std::sync::LeafMutex;
pub use std::sync::{Arc, Weak};

/// Atomics; every access is an operation of the atomic's own object.
pub mod atomic {
    use crate::switch::always_op;
    use crate::{Class, Key, Object, Op};
    pub use rt_std::sync::atomic::Peek;
    use std::sync::OnceLock;
    pub use std::sync::atomic::Ordering;
    use std::sync::atomic::Ordering::SeqCst;

    static ATOMIC: Class = Class::new("atomic");

    /// An atomic fence: with sequentially consistent atomics it orders nothing more.
    pub fn fence(_ordering: Ordering) {}

    macro_rules! atomic {
        ($(#[$doc:meta])* $name:ident, $value:ty) => {
            $(#[$doc])*
            #[derive(Debug, Default)]
            pub struct $name {
                value: std::sync::atomic::$name,
                // Named when it is first used as an operation of its own: atomics inside locks
                // never are, at lock granularity.
                object: OnceLock<Object>,
            }

            impl $name {
                /// An atomic with a value.
                pub const fn new(value: $value) -> $name {
                    $name {
                        value: std::sync::atomic::$name::new(value),
                        object: OnceLock::new(),
                    }
                }

                fn op<R>(&self, kind: Op, body: impl FnOnce() -> R) -> R {
                    let object = self.object.get_or_init(|| Object::new(&ATOMIC, Key::Only));
                    always_op(object, kind, || true, body)
                }

                /// Reads the value.
                pub fn load(&self, _ordering: Ordering) -> $value {
                    self.op(Op::Load, || self.value.load(SeqCst))
                }

                /// Overwrites the value.
                pub fn store(&self, value: $value, _ordering: Ordering) {
                    self.op(Op::Store, || self.value.store(value, SeqCst));
                }

                /// Overwrites the value and returns the old one.
                pub fn swap(&self, value: $value, _ordering: Ordering) -> $value {
                    self.op(Op::Update, || self.value.swap(value, SeqCst))
                }

                /// Replaces `current` by `new`, or reports what there is instead.
                ///
                /// # Errors
                /// The value found, if it was not `current`.
                pub fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    _success: Ordering,
                    _failure: Ordering,
                ) -> Result<$value, $value> {
                    self.op(Op::Update, || {
                        self.value.compare_exchange(current, new, SeqCst, SeqCst)
                    })
                }
            }

            impl Peek for $name {
                type Value = $value;

                fn peek(&self) -> $value {
                    self.value.load(SeqCst)
                }
            }
        };
    }

    macro_rules! atomic_number {
        ($name:ident, $value:ty) => {
            atomic! {
                /// A number that threads share.
                $name, $value
            }

            impl $name {
                /// Adds, wrapping around, and returns the old value.
                pub fn fetch_add(&self, value: $value, _ordering: Ordering) -> $value {
                    self.op(Op::Update, || self.value.fetch_add(value, SeqCst))
                }

                /// Subtracts, wrapping around, and returns the old value.
                pub fn fetch_sub(&self, value: $value, _ordering: Ordering) -> $value {
                    self.op(Op::Update, || self.value.fetch_sub(value, SeqCst))
                }

                /// Sets bits and returns the old value.
                pub fn fetch_or(&self, value: $value, _ordering: Ordering) -> $value {
                    self.op(Op::Update, || self.value.fetch_or(value, SeqCst))
                }

                /// Clears the bits that `value` lacks and returns the old value.
                pub fn fetch_and(&self, value: $value, _ordering: Ordering) -> $value {
                    self.op(Op::Update, || self.value.fetch_and(value, SeqCst))
                }
            }
        };
    }

    atomic! {
        /// A truth value that threads share.
        AtomicBool, bool
    }
    atomic_number!(AtomicU32, u32);
    atomic_number!(AtomicU64, u64);
    atomic_number!(AtomicUsize, usize);
}
