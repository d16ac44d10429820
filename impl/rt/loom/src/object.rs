//! The identity of what operations act on, and loom's stand-in for it.

use crate::{Class, Key};
use cutpoint_event::{ObjectId, log};
use std::cell::{Cell, OnceCell};

/// A synchronisation object's identity, registered with the recorder.
#[derive(Debug)]
pub struct Object {
    id: ObjectId,
    companion: OnceCell<Companion>,
}

// SAFETY: a loom execution runs all its tasks on one OS thread, and objects never leave it.
unsafe impl Sync for Object {}

/// What makes an operation a scheduling point to loom, and lets it wait until it is enabled.
#[derive(Debug)]
pub(crate) struct Companion {
    pub(crate) mutex: loom::sync::Mutex<()>,
    pub(crate) changed: loom::sync::Condvar,
    /// How many tasks wait for a change: notifying nobody would only cost a scheduling point.
    pub(crate) waiters: Cell<u32>,
}

impl Object {
    /// Registers an object of a class.
    pub fn new(class: &'static Class, key: Key) -> Object {
        Object {
            id: log::register(class, key),
            companion: OnceCell::new(),
        }
    }

    /// Its number in this execution.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    pub(crate) fn companion(&self) -> &Companion {
        self.companion.get_or_init(|| Companion {
            mutex: loom::sync::Mutex::new(()),
            changed: loom::sync::Condvar::new(),
            waiters: Cell::new(0),
        })
    }
}
