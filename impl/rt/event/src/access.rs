//! Accesses to memory that are no operations.
//!
//! What a lock protects is looked at and changed between two operations, where no explorer looks.
//! Where the code says what it uses ([`Access`]), it can be found out afterwards whether everything
//! that conflicts was ordered by operations, which does not depend on who happened to run first.

use crate::event::TaskId;
use std::fmt;
use std::ops::Range;

/// A piece of memory that tasks share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// What it is, like "buffer".
    pub class: &'static str,
    /// Which of those.
    pub number: u64,
}

/// What is done with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is looked at. Such accesses do not conflict.
    Read,
    /// It is given another content.
    Change,
}

/// An access of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who.
    pub task: TaskId,
    /// Of what.
    pub memory: Memory,
    /// Which of its bytes.
    pub bytes: Range<usize>,
    /// What is done with them.
    pub kind: Use,
    /// How many events the log had.
    pub events: usize,
    /// Whether it is part of an operation, which is the task's next in the log.
    pub is_in_operation: bool,
}

impl Access {
    /// Whether it matters which of the two comes first, if nothing orders them.
    pub fn conflicts(&self, other: &Access) -> bool {
        self.task != other.task
            && self.memory == other.memory
            && (self.kind == Use::Change || other.kind == Use::Change)
            && self.bytes.start < other.bytes.end
            && other.bytes.start < self.bytes.end
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.class, self.number)
    }
}
