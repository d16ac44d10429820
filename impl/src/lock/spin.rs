//! A lock for sections so short that the whole section is one operation: no waiting inside, no
//! other lock taken inside.
//!
//! The kernel's counterparts are spinlocks (`i_es_lock`, the group lock). A thread that would spin
//! here sleeps instead, which is what user space should do.

use rt::sync::LeafMutex;
use rt::{Class, Key, Object, Op};

/// Data behind a spinlock.
#[derive(Debug)]
pub struct SpinLock<T> {
    object: Object,
    /// Each section is inside an operation of the lock's object, which orders it; those that are
    /// not are for invariants, or say at their caller what orders them.
    value: LeafMutex<T>,
}

impl<T> SpinLock<T> {
    /// A free lock.
    pub fn new(class: &'static Class, key: Key, value: T) -> SpinLock<T> {
        SpinLock {
            object: Object::new(class, key),
            value: LeafMutex::new(value),
        }
    }

    /// Runs a section that only reads. Such sections commute.
    pub fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        rt::op(
            &self.object,
            Op::Load,
            || true,
            || self.value.with(|value| section(value)),
        )
    }

    /// Runs a section that may write.
    pub fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        rt::op(
            &self.object,
            Op::Update,
            || true,
            || self.value.with(section),
        )
    }

    /// Runs a section that adds to the value in a way that does not show in which order such
    /// sections ran: a maximum, a sum. They commute with each other, and not with those that read.
    pub fn merge(&self, section: impl FnOnce(&mut T)) {
        rt::op(
            &self.object,
            Op::Merge,
            || true,
            || self.value.with(section),
        );
    }

    /// Reads for an invariant, or where another lock orders it: not an operation.
    pub fn peek<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        self.value.with(|value| section(value))
    }
}
