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

/// One side of a limit: an operation, or one that there is never.
#[derive(Clone, Copy, Debug)]
struct Side {
    /// Stands for task, kind and object.
    key: u64,
    nth: u32,
    /// How many operations like it were taken, or how many choices.
    taken: u32,
}

impl Side {
    /// Of a limit that is about no operation.
    const NONE: Side = Side {
        key: u64::MAX,
        nth: 0,
        taken: 0,
    };

    fn of(nth: &Nth) -> Side {
        Side {
            key: key(nth.task, nth.op, nth.object),
            nth: nth.nth,
            taken: 0,
        }
    }

    /// Whether an operation with this key would be the one.
    fn is_next(&self, key: u64) -> bool {
        self.key == key && self.taken + 1 == self.nth
    }

    /// Sees an operation with this key. Answers whether it was the one.
    fn take(&mut self, key: u64) -> bool {
        let is_like = self.key == key;
        self.taken += u32::from(is_like);
        is_like && self.taken == self.nth
    }
}

/// Stands for operations of this kind, by this task on this object.
fn key(task: u16, op: u8, object: u32) -> u64 {
    u64::from(task) << 40 | u64::from(op) << 32 | u64::from(object)
}

fn key_of(turn: &Move) -> u64 {
    key(turn.task.0, turn.op as u8, turn.object.0)
}

/// One of 64 bits for an operation.
fn bit(key: u64) -> u64 {
    1 << (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

/// What has not happened.
const NEVER: u32 = u32::MAX;

/// How far an execution has come with a limit.
#[derive(Clone, Copy, Debug)]
struct Progress {
    first: Side,
    second: Side,
    /// Which event the first operation was.
    first_at: u32,
    is_met: bool,
}

impl Progress {
    fn of(limit: &Limit) -> Progress {
        let (first, second) = match limit {
            Limit::Order { first, second, .. } => (Side::of(first), Side::of(second)),
            Limit::Choice { .. } => (Side::NONE, Side::NONE),
        };
        Progress {
            first,
            second,
            first_at: NEVER,
            is_met: false,
        }
    }
}

/// The limits of a search, with the progress of an execution. They are asked at every turn, so an
/// operation is compared as one number, and with few others.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    list: Vec<Limit>,
    progress: Vec<Progress>,
    /// The operations that are held back as things are, should their tasks want to make them.
    held_back: Vec<u64>,
    /// A bit for every operation that a limit is about. Several may share one.
    about: u64,
    /// Whether the execution has left the search at a choice.
    pub(super) is_left: bool,
}

impl Limits {
    pub(super) fn new(list: Vec<Limit>) -> Limits {
        let mut limits = Limits {
            progress: list.iter().map(Progress::of).collect(),
            list,
            held_back: Vec::new(),
            about: 0,
            is_left: false,
        };
        let sides = limits.progress.iter();
        let sides = sides.flat_map(|limit| [limit.first, limit.second]);
        limits.about = sides.fold(0, |about, side| about | bit(side.key));
        limits.begin();
        limits
    }

    pub(super) fn list(&self) -> &[Limit] {
        &self.list
    }

    /// Prepares for an execution.
    pub(super) fn begin(&mut self) {
        for progress in &mut self.progress {
            (progress.first.taken, progress.second.taken) = (0, 0);
            (progress.first_at, progress.is_met) = (NEVER, false);
        }
        self.is_left = false;
        self.note_held_back();
    }

    fn note_held_back(&mut self) {
        let limits = self.progress.iter();
        let seconds = limits.filter(|limit| limit.first_at == NEVER);
        let next = seconds.filter(|limit| limit.second.is_next(limit.second.key));
        self.held_back.clear();
        self.held_back.extend(next.map(|limit| limit.second.key));
    }

    /// Whether a waiting operation is held back.
    pub(super) fn hold_back(&self, turn: &Move) -> bool {
        !self.held_back.is_empty() && self.held_back.contains(&key_of(turn))
    }

    /// Whether operations of this kind, by this task on this object, may be held back.
    pub(super) fn concern(&self, task: TaskId, op: Op, object: ObjectId) -> bool {
        let key = key(task.0, op as u8, object.0);
        let mut limits = self.progress.iter();
        self.about & bit(key) != 0 && limits.any(|limit| limit.second.key == key)
    }

    /// Whether the event with this number had to happen before the waiting operation.
    pub(super) fn order(&self, number: u32, waiting: &Move) -> bool {
        let key = key_of(waiting);
        let mut limits = self.progress.iter();
        limits.any(|progress| progress.first_at == number && progress.second.is_next(key))
    }

    /// Sees the event with this number, an operation.
    pub(super) fn take(&mut self, number: u32, turn: &Move) {
        let key = key_of(turn);
        if self.about & bit(key) == 0 {
            return;
        }
        let mut changed = false;
        for progress in &mut self.progress {
            if progress.second.key == key {
                progress.second.take(key);
                changed = true;
            }
            if progress.first.take(key) {
                (progress.first_at, progress.is_met) = (number, true);
                changed = true;
            }
        }
        if changed {
            self.note_held_back();
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
                progress.second.taken += 1;
                if progress.second.taken == nth {
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
