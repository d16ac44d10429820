//! One entry of the log.

use crate::object::ObjectId;
use crate::op::Op;
use std::fmt;
use std::sync::Arc;

/// The number of a task in one execution; the main task is 0. Tasks are numbered in order of
/// creation, which scenarios keep fixed by spawning from the main task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u16);

/// An event, with the task that caused it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Who.
    pub task: TaskId,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An operation on a synchronisation object. Only these order tasks against each other.
    Op {
        /// Its kind.
        op: Op,
        /// What it acted on.
        object: ObjectId,
    },
    /// A named step of the protocol, for people, oracles and conformance. Orders nothing.
    Step {
        /// The kernel's word for it.
        name: &'static str,
        /// What it found or did.
        args: Args,
    },
    /// A call that returned to its user with a promise, like a completed fsync. Orders nothing;
    /// a power cut after it must keep the promise.
    Acknowledged {
        /// The promise.
        name: &'static str,
        /// What it covers.
        args: Args,
    },
    /// A write was submitted to a device.
    Write {
        /// Identifies the request within the execution.
        request: u64,
        /// The device block.
        block: u64,
        /// The data.
        data: Arc<[u8]>,
        /// Whether it is durable once complete.
        fua: bool,
    },
    /// A submitted write completed.
    Completed {
        /// The request.
        request: u64,
        /// Whether it succeeded.
        ok: bool,
    },
    /// A flush returned: writes that completed before it are durable.
    Flushed {
        /// Whether it succeeded.
        ok: bool,
    },
    /// A value was chosen by the explorer.
    Chosen {
        /// What for.
        name: &'static str,
        /// Out of how many.
        of: u64,
        /// Which, counting from 0.
        value: u64,
    },
}

/// Up to [`Args::MAX`] named values, without allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Args {
    len: u8,
    items: [Arg; Args::MAX],
}

/// A named value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Arg {
    /// Its name, or "" where the step's name says enough.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
}

/// A value in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    None,
    /// A number.
    Number(i64),
    /// A half-open range.
    Range(u64, u64),
    /// A word.
    Word(&'static str),
    /// Yes or no.
    Bool(bool),
}

impl Args {
    /// How many values a step can carry.
    pub const MAX: usize = 5;

    /// The values as given.
    ///
    /// # Panics
    /// If there are more than [`Args::MAX`].
    pub fn new(list: &[Arg]) -> Args {
        let mut items = [Arg::default(); Args::MAX];
        items[..list.len()].copy_from_slice(list);
        Args {
            len: list.len() as u8,
            items,
        }
    }

    /// The values.
    pub fn as_slice(&self) -> &[Arg] {
        &self.items[..usize::from(self.len)]
    }

    /// The value named `key`, if there is one.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.as_slice()
            .iter()
            .find(|arg| arg.key == key)
            .map(|arg| arg.value)
    }

    /// The number named `key`, if there is one.
    pub fn number(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Value::Number(n) => Some(n),
            _ => None,
        }
    }

    /// The range named `key`, if there is one.
    pub fn range(&self, key: &str) -> Option<(u64, u64)> {
        match self.get(key)? {
            Value::Range(start, end) => Some((start, end)),
            _ => None,
        }
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl fmt::Display for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.as_slice().iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            if !arg.key.is_empty() {
                write!(f, "{}=", arg.key)?;
            }
            write!(f, "{}", arg.value)?;
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => f.write_str("none"),
            Value::Number(n) => write!(f, "{n}"),
            Value::Range(start, end) => write!(f, "[{start},{end})"),
            Value::Word(word) => f.write_str(word),
            Value::Bool(yes) => write!(f, "{yes}"),
        }
    }
}

macro_rules! value_from_number {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Value {
            fn from(n: $ty) -> Value {
                Value::Number(n as i64)
            }
        }
    )*};
}
value_from_number!(u16, u32, u64, usize, i32, i64);

impl From<bool> for Value {
    fn from(yes: bool) -> Value {
        Value::Bool(yes)
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Value {
        Value::Word(word)
    }
}

impl From<std::ops::Range<u64>> for Value {
    fn from(range: std::ops::Range<u64>) -> Value {
        Value::Range(range.start, range.end)
    }
}

impl From<std::ops::Range<u32>> for Value {
    fn from(range: std::ops::Range<u32>) -> Value {
        Value::Range(u64::from(range.start), u64::from(range.end))
    }
}
