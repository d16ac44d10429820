//! The identity of what operations act on.

use crate::{Class, Key};
use cutpoint_event::{ObjectId, log};

/// A synchronisation object's identity, registered with the recorder.
#[derive(Debug)]
pub struct Object(ObjectId);

impl Object {
    /// Registers an object of a class.
    pub fn new(class: &'static Class, key: Key) -> Object {
        Object(log::register(class, key))
    }

    /// Its number in this execution.
    pub fn id(&self) -> ObjectId {
        self.0
    }
}
