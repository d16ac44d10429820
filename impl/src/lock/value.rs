//! Values that are read without a lock: the sizes of a file.

use rt::sync::atomic::{AtomicU64, Ordering, Peek};
use rt::{Class, Key, Object, Op};

/// A size of a file, in bytes, that anyone may read while the holder of a lock changes it.
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
    /// Requires: for the in-core size `i_rwsem` exclusive, or the lock of the folio that the new
    /// end lies in; for the size on disk `i_data_sem` exclusive.
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
