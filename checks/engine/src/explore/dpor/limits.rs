//! Limits that make a smaller search of a search: all executions in which some pairs of operations
//! come in a given order, and some choices have a given value.
//!
//! A limit is a statement about traces, not about executions: it orders operations that depend on
//! each other, so every execution of a trace fulfils it or none does. It is kept by holding an
//! operation back until another one is done, as if its object demanded that. So a search under
//! limits is a search of another program, and needs nothing else to be right; but where a task is
//! held back for ever, the execution is given up.

use crate::explore::turns::Move;
use cutpoint_event::{ObjectId, Op, TaskId};
use serde::{Deserialize, Serialize};

/// An operation, the same one in every execution that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Nth {
    /// The task's number.
    pub(super) task: u16,
    /// The discriminant of its kind.
    pub(super) op: u8,
    /// The number of an object that there is in every execution.
    pub(super) object: u32,
    /// Which of the task's operations of this kind on this object, counting from 1.
    pub(super) nth: u32,
}

impl Nth {
    fn is_of(&self, task: TaskId, op: Op, object: ObjectId) -> bool {
        (self.task, self.op, self.object) == (task.0, op as u8, object.0)
    }

    fn is_like(&self, turn: &Move) -> bool {
        self.is_of(turn.task, turn.op, turn.object)
    }
}

/// What the executions of a smaller search have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Limit {
    /// `second` does not happen before `first`.
    Order {
        first: Nth,
        second: Nth,
        /// Whether `first` must have happened. Of two operations in both orders, one limit has
        /// this and the other does not, so that executions with neither are in one search only.
        must_happen: bool,
    },
    /// The task's choice of this number, counting from 1, has this value. The value 0 stands also
    /// for values from `of` on, and for no such choice.
    Choice {
        task: u16,
        nth: u32,
        of: u64,
        value: u64,
    },
}

/// How far an execution has come with a limit.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// How many operations like the first one were taken, and which event the first one was.
    firsts: u32,
    first_at: Option<u32>,
    /// How many operations like the second one were taken, or how many choices.
    seconds: u32,
    is_met: bool,
}

/// The limits of a search, with the progress of an execution.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    list: Vec<Limit>,
    progress: Vec<Progress>,
    /// Whether the execution has left the search at a choice.
    pub(super) is_left: bool,
}

impl Limits {
    pub(super) fn new(list: Vec<Limit>) -> Limits {
        Limits {
            progress: vec![Progress::default(); list.len()],
            list,
            is_left: false,
        }
    }

    pub(super) fn list(&self) -> &[Limit] {
        &self.list
    }

    /// Prepares for an execution.
    pub(super) fn begin(&mut self) {
        self.progress.fill(Progress::default());
        self.is_left = false;
    }

    /// Whether a waiting operation is held back.
    pub(super) fn hold_back(&self, turn: &Move) -> bool {
        let mut limits = self.list.iter().zip(&self.progress);
        limits.any(|(limit, progress)| match limit {
            Limit::Order { second, .. } => {
                progress.first_at.is_none()
                    && second.is_like(turn)
                    && progress.seconds + 1 == second.nth
            }
            Limit::Choice { .. } => false,
        })
    }

    /// Whether operations of this kind, by this task on this object, may be held back.
    pub(super) fn concern(&self, task: TaskId, op: Op, object: ObjectId) -> bool {
        self.list.iter().any(|limit| match limit {
            Limit::Order { second, .. } => second.is_of(task, op, object),
            Limit::Choice { .. } => false,
        })
    }

    /// Whether the event with this number had to happen before the waiting operation.
    pub(super) fn order(&self, number: u32, waiting: &Move) -> bool {
        let mut limits = self.list.iter().zip(&self.progress);
        limits.any(|(limit, progress)| match limit {
            Limit::Order { second, .. } => {
                progress.first_at == Some(number)
                    && second.is_like(waiting)
                    && progress.seconds + 1 == second.nth
            }
            Limit::Choice { .. } => false,
        })
    }

    /// Sees the event with this number, an operation.
    pub(super) fn take(&mut self, number: u32, turn: &Move) {
        for (limit, progress) in self.list.iter().zip(&mut self.progress) {
            let Limit::Order { first, second, .. } = limit else {
                continue;
            };
            progress.seconds += u32::from(second.is_like(turn));
            if first.is_like(turn) {
                progress.firsts += 1;
                if progress.firsts == first.nth {
                    progress.first_at = Some(number);
                    progress.is_met = true;
                }
            }
        }
    }

    /// Sees that a task chooses. Answers whether a value is allowed.
    pub(super) fn choose(&mut self, by: TaskId) -> impl Fn(u64) -> bool + use<> {
        let mut only = None;
        for (limit, progress) in self.list.iter().zip(&mut self.progress) {
            if let Limit::Choice {
                task,
                nth,
                of,
                value,
            } = *limit
                && task == by.0
            {
                progress.seconds += 1;
                if progress.seconds == nth {
                    progress.is_met = true;
                    only = Some((value, of));
                }
            }
        }
        move |value| only.is_none_or(|(only, of)| value == only || (only == 0 && value >= of))
    }

    /// Whether an execution that is over is one of this search.
    pub(super) fn are_met(&self) -> bool {
        let mut limits = self.list.iter().zip(&self.progress);
        limits.all(|(limit, progress)| match limit {
            Limit::Order { must_happen, .. } => !must_happen || progress.is_met,
            Limit::Choice { value, .. } => *value == 0 || progress.is_met,
        })
    }
}
