//! Shared memory.

pub use crate::lock::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use rt_std::sync::LeafMutex;
pub use std::sync::{Arc, Weak};

/// Atomics. At atomic granularity they are loom's, with loom's memory model; at lock granularity
/// every access outside an operation is an operation of the atomic's own object.
pub mod atomic {
    use crate::switch::{always_op, is_controlled};
    use crate::{Class, Key, Object, Op};
    use cutpoint_event::log;
    use cutpoint_event::pending::{self, Granularity};
    pub use rt_std::sync::atomic::Peek;
    use std::sync::OnceLock;
    pub use std::sync::atomic::Ordering;
    use std::sync::atomic::Ordering::SeqCst;

    static ATOMIC: Class = Class::new("atomic");

    /// An atomic fence.
    pub fn fence(ordering: Ordering) {
        if is_controlled() && pending::granularity() == Granularity::Atomic {
            loom::sync::atomic::fence(ordering);
        }
    }

    macro_rules! atomic {
        ($(#[$doc:meta])* $name:ident, $value:ty) => {
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name(held::$name);

            impl Default for $name {
                fn default() -> $name {
                    $name::new(Default::default())
                }
            }

            impl $name {
                /// An atomic with a value.
                pub fn new(value: $value) -> $name {
                    $name(match pending::granularity() {
                        Granularity::Lock => held::$name::Opaque {
                            value: std::sync::atomic::$name::new(value),
                            object: OnceLock::new(),
                        },
                        Granularity::Atomic => {
                            held::$name::Modelled(loom::sync::atomic::$name::new(value))
                        }
                    })
                }

                fn access<R>(
                    &self,
                    kind: Op,
                    opaque: impl FnOnce(&std::sync::atomic::$name) -> R,
                    modelled: impl FnOnce(&loom::sync::atomic::$name) -> R,
                ) -> R {
                    match &self.0 {
                        held::$name::Opaque { value, object } => {
                            let object = object.get_or_init(|| Object::new(&ATOMIC, Key::Only));
                            always_op(object, kind, || true, || opaque(value))
                        }
                        held::$name::Modelled(value) => {
                            let task = log::current_task();
                            let result = modelled(value);
                            log::set_current_task(task);
                            result
                        }
                    }
                }

                /// Reads the value.
                pub fn load(&self, ordering: Ordering) -> $value {
                    self.access(Op::Load, |v| v.load(SeqCst), |v| v.load(ordering))
                }

                /// Overwrites the value.
                pub fn store(&self, value: $value, ordering: Ordering) {
                    let opaque = |v: &std::sync::atomic::$name| v.store(value, SeqCst);
                    self.access(Op::Store, opaque, |v| v.store(value, ordering));
                }

                /// Overwrites the value and returns the old one.
                pub fn swap(&self, value: $value, ordering: Ordering) -> $value {
                    let opaque = |v: &std::sync::atomic::$name| v.swap(value, SeqCst);
                    self.access(Op::Update, opaque, |v| v.swap(value, ordering))
                }

                /// Replaces `current` by `new`, or reports what there is instead.
                ///
                /// # Errors
                /// The value found, if it was not `current`.
                pub fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.access(
                        Op::Update,
                        |v| v.compare_exchange(current, new, SeqCst, SeqCst),
                        |v| v.compare_exchange(current, new, success, failure),
                    )
                }
            }

            impl Peek for $name {
                type Value = $value;

                fn peek(&self) -> $value {
                    match &self.0 {
                        held::$name::Opaque { value, .. } => value.load(SeqCst),
                        // SAFETY: only reached at lock granularity, where this is not the variant,
                        // or by the sole task; loom reports a race otherwise.
                        held::$name::Modelled(value) => unsafe { value.unsync_load() },
                    }
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
                pub fn fetch_add(&self, value: $value, ordering: Ordering) -> $value {
                    let opaque = |v: &std::sync::atomic::$name| v.fetch_add(value, SeqCst);
                    self.access(Op::Update, opaque, |v| v.fetch_add(value, ordering))
                }

                /// Subtracts, wrapping around, and returns the old value.
                pub fn fetch_sub(&self, value: $value, ordering: Ordering) -> $value {
                    let opaque = |v: &std::sync::atomic::$name| v.fetch_sub(value, SeqCst);
                    self.access(Op::Update, opaque, |v| v.fetch_sub(value, ordering))
                }

                /// Sets bits and returns the old value.
                pub fn fetch_or(&self, value: $value, ordering: Ordering) -> $value {
                    let opaque = |v: &std::sync::atomic::$name| v.fetch_or(value, SeqCst);
                    self.access(Op::Update, opaque, |v| v.fetch_or(value, ordering))
                }

                /// Clears the bits that `value` lacks and returns the old value.
                pub fn fetch_and(&self, value: $value, ordering: Ordering) -> $value {
                    let opaque = |v: &std::sync::atomic::$name| v.fetch_and(value, SeqCst);
                    self.access(Op::Update, opaque, |v| v.fetch_and(value, ordering))
                }
            }
        };
    }

    /// How each atomic is held, by granularity.
    mod held {
        use super::{Object, OnceLock};

        macro_rules! hold {
            ($($name:ident),*) => {$(
                #[derive(Debug)]
                pub enum $name {
                    Opaque { value: std::sync::atomic::$name, object: OnceLock<Object> },
                    Modelled(loom::sync::atomic::$name),
                }
            )*};
        }
        hold!(AtomicBool, AtomicU32, AtomicU64, AtomicUsize);
    }

    atomic! {
        /// A truth value that threads share.
        AtomicBool, bool
    }
    atomic_number!(AtomicU32, u32);
    atomic_number!(AtomicU64, u64);
    atomic_number!(AtomicUsize, usize);
}
