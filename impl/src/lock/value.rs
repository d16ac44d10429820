//! Values that are read without a lock: the in-core size and the validity cookie.

use rt::sync::atomic::{AtomicU64, Ordering, Peek};
use rt::{Class, Key, Object, Op};

/// The in-core size of a file, in bytes. Written under `i_rwsem` or a folio lock, read by anyone.
#[derive(Debug)]
pub struct LocklessSize {
    object: Object,
    bytes: AtomicU64,
}

impl LocklessSize {
    /// A size.
    pub fn new(class: &'static Class, key: Key, bytes: u64) -> LocklessSize {
        LocklessSize {
            object: Object::new(class, key),
            bytes: AtomicU64::new(bytes),
        }
    }

    /// Reads the size.
    pub fn get(&self) -> u64 {
        // Acquire: who sees a size also sees the folios that were filled before it was raised.
        rt::op(
            &self.object,
            Op::Load,
            || true,
            || self.bytes.load(Ordering::Acquire),
        )
    }

    /// Changes the size.
    ///
    /// # Locking
    /// Requires: `i_rwsem` exclusive, or the lock of the folio that the new end lies in.
    pub fn set(&self, bytes: u64) {
        // Release: pairs with `get`.
        rt::op(
            &self.object,
            Op::Store,
            || true,
            || self.bytes.store(bytes, Ordering::Release),
        );
    }

    /// Reads the size for an invariant: not an operation.
    pub fn peek(&self) -> u64 {
        self.bytes.peek()
    }
}

/// A counter of mapping changes. A copy of it, taken with a mapping, is the *validity cookie*: as
/// long as the counter still equals it, the mapping is true.
#[derive(Debug)]
pub struct Sequence {
    object: Object,
    changes: AtomicU64,
}

impl Sequence {
    /// A counter at 0.
    pub fn new(class: &'static Class, key: Key) -> Sequence {
        Sequence {
            object: Object::new(class, key),
            changes: AtomicU64::new(0),
        }
    }

    /// The cookie for a mapping read now, or the counter to compare one with.
    pub fn cookie(&self) -> u64 {
        // Acquire: a reader that sees the change counted sees the change.
        rt::op(
            &self.object,
            Op::Load,
            || true,
            || self.changes.load(Ordering::Acquire),
        )
    }

    /// Counts a mapping change.
    ///
    /// # Locking
    /// Requires: the lock on what is mapped, exclusive, so that two changes can not be counted as
    /// one.
    pub fn advance(&self) {
        rt::op(
            &self.object,
            Op::Update,
            || true,
            || {
                // Release: pairs with `cookie`.
                self.changes.fetch_add(1, Ordering::Release)
            },
        );
    }

    /// Reads the counter for an invariant: not an operation.
    pub fn peek(&self) -> u64 {
        self.changes.peek()
    }
}
