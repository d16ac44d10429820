//! The designs, the locks, the tasks, and which of them take part.

use crate::invariants::Invariant;
use crate::rule::{Rule, Rules};
use crate::step::Actor;
use std::fmt;

/// A way to write file data back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// The folio before the handle, no ordered data.
    Iomap,
    /// The handle before the folio, ordered data.
    BufferHead,
}

/// A lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lock {
    /// `i_rwsem`.
    Inode,
    /// `mmap_lock`.
    Mmap,
    /// `invalidate_lock`.
    Invalidate,
    /// The folio lock.
    Folio,
    /// `i_data_sem`.
    DataSem,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inode => "i_rwsem",
            Self::Mmap => "mmap_lock",
            Self::Invalidate => "invalidate_lock",
            Self::Folio => "folio",
            Self::DataSem => "i_data_sem",
        })
    }
}

/// A kind of task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// A buffered write.
    Write,
    /// A store to a mapped page.
    Fault,
    /// A call like `mmap`, which changes the address space.
    Map,
    /// Writeback of the folio.
    Writeback,
    /// The worker that completes it.
    Completion,
    /// A truncate.
    Truncate,
    /// A direct write that waits for its I/O.
    DirectWrite,
    /// The worker that completes it.
    DirectCompletion,
    /// An allocation that forces a commit.
    Fallocate,
    /// The commit.
    Commit,
}

impl Task {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Write,
        Self::Fault,
        Self::Map,
        Self::Writeback,
        Self::Completion,
        Self::Truncate,
        Self::DirectWrite,
        Self::DirectCompletion,
        Self::Fallocate,
        Self::Commit,
    ];

    pub(super) fn actor(self) -> Actor {
        match self {
            Self::Write => Actor::Writer,
            Self::Fault => Actor::Fault,
            Self::Map => Actor::Mapper,
            Self::Writeback => Actor::Writeback,
            Self::Completion => Actor::Worker,
            Self::Truncate => Actor::Truncate,
            Self::DirectWrite => Actor::DirectWriter(0),
            Self::DirectCompletion => Actor::DirectWorker,
            Self::Fallocate => Actor::Fallocate,
            Self::Commit => Actor::Journal,
        }
    }
}

/// The size of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The design.
    pub design: Design,
    /// The tasks; tasks of one kind stand together, and at most one of each kind but
    /// [`Task::Write`], [`Task::Fault`] and [`Task::Map`]. At most 16.
    pub tasks: Vec<Task>,
    /// Whether the log is full from the moment that the commit switches transactions until it has
    /// finished. Otherwise there is always space.
    pub full_log: bool,
    /// The rules in force.
    pub rules: Rules,
    /// Check this invariant only.
    pub only: Option<Invariant>,
}

impl Config {
    /// A write, a fault, a mapping call, writeback, a truncate and a commit.
    pub fn of(design: Design) -> Self {
        Self {
            design,
            tasks: vec![
                Task::Write,
                Task::Fault,
                Task::Map,
                Task::Writeback,
                Task::Completion,
                Task::Truncate,
                Task::Commit,
            ],
            full_log: true,
            rules: Rules::all(),
            only: None,
        }
    }

    /// Every kind of task, and two that change the address space: more than a million states.
    pub fn wide(design: Design) -> Self {
        let mut tasks = Task::ALL.to_vec();
        let at = tasks.iter().position(|task| *task == Task::Map);
        tasks.insert(at.unwrap_or(0), Task::Map);
        Self {
            tasks,
            ..Self::of(design)
        }
    }

    /// A configuration that needs `rule`, with that rule switched off.
    pub fn without(design: Design, rule: Rule) -> Self {
        let mut config = Self::of(design);
        if rule == Rule::WaitForDirectIoWithoutHandle {
            config.tasks = vec![Task::DirectWrite, Task::DirectCompletion, Task::Commit];
        } else if rule == Rule::ForceCommitWithoutHandle {
            config.tasks = vec![Task::Fallocate, Task::Commit];
        }
        config.rules = Rules::without([rule]);
        config
    }
}

/// How many faults [`Config::crowd`] has.
pub const CROWD: usize = 3;

impl Config {
    /// Several faults against writeback, truncate and a commit.
    pub fn crowd(design: Design) -> Self {
        let mut tasks = vec![Task::Fault; CROWD];
        tasks.extend([
            Task::Writeback,
            Task::Completion,
            Task::Truncate,
            Task::Commit,
        ]);
        Self {
            tasks,
            ..Self::of(design)
        }
    }
}
