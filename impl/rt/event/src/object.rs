//! What operations act on, with names that are stable across executions.

use std::fmt;

/// The number of an object in one execution, in order of creation. Two executions that create
/// objects in different orders number them differently; [`ObjectName`] is the stable identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// A class of objects that play the same part, like every inode's `i_data_sem`.
///
/// Classes are declared as statics; lock-order analysis works per class.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// The field's name for it.
    pub name: &'static str,
    /// What its objects are parts of, like "folio": two objects of classes that say the same, and
    /// whose keys are equal, are parts of one folio.
    pub part_of: Option<&'static str>,
}

impl Class {
    /// A class. It has no rank of its own: in which order locks may be taken is known to those who
    /// take them, and may be a matter of configuration.
    pub const fn new(name: &'static str) -> Class {
        Class {
            name,
            part_of: None,
        }
    }

    /// The same class, of parts of such a thing. Its objects have keys.
    pub const fn part_of(self, thing: &'static str) -> Class {
        Class {
            part_of: Some(thing),
            ..self
        }
    }
}

/// Which object of its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The only one.
    #[default]
    Only,
    /// Identified by one number, like an inode's.
    One(u64),
    /// Identified by two numbers, like an inode's and a folio's index.
    Two(u64, u64),
}

/// The identity of an object across executions: class, key, and which one if several had both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The class.
    pub class: &'static Class,
    /// Which object of the class.
    pub key: Key,
    /// How many objects of this class and key were created before it: a folio that was dropped
    /// and brought in again is another object.
    pub generation: u32,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.name)?;
        match self.key {
            Key::Only => {}
            Key::One(a) => write!(f, " {a}")?,
            Key::Two(a, b) => write!(f, " {a}:{b}")?,
        }
        if self.generation > 0 {
            write!(f, " #{}", self.generation + 1)?;
        }
        Ok(())
    }
}
