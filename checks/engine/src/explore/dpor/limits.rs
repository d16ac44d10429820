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
    /// Which event the first operation was.
    first_at: u32,
    /// How many choices the task has made.
    choices: u32,
    is_met: bool,
}

impl Progress {
    const NONE: Progress = Progress {
        first_at: NEVER,
        choices: 0,
        is_met: false,
    };
}

/// Something that the limits saw.
#[derive(Clone, Copy, Debug)]
enum Saw {
    /// An operation of the subject at this place.
    Operation(usize),
    /// A choice of this task.
    Choice(TaskId),
}

/// What one operation is to one limit.
#[derive(Clone, Copy, Debug)]
struct Role {
    /// The place of the limit.
    limit: usize,
    nth: u32,
    /// The subject that waits for this one; `None` if this is the one that waits.
    waiting: Option<usize>,
}

/// Operations of one kind, by one task on one object, that limits are about.
#[derive(Clone, Debug)]
struct Subject {
    /// In the order of the operations.
    roles: Vec<Role>,
    /// How many of the roles are those of operations that were taken.
    done: usize,
    /// How many of them were taken.
    taken: u32,
    /// Whether the next one has to wait.
    is_held_back: bool,
}

impl Subject {
    /// The limits that are about the next of them, if it is to come second.
    fn orders_of_next(&self) -> impl Iterator<Item = usize> {
        let roles = self.roles[self.done..].iter();
        let next = roles.take_while(|role| role.nth == self.taken + 1);
        let second = next.filter(|role| role.waiting.is_none());
        second.map(|role| role.limit)
    }
}

/// The limits of a search, with the progress of an execution. What one execution has in common with
/// the one before is not looked at again: what came after it is undone. They are asked at every
/// other turn, so an operation is compared as one number, and with few others.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    list: Vec<Limit>,
    progress: Vec<Progress>,
    subjects: Vec<Subject>,
    /// Stand for the subjects, in their order.
    keys: Vec<u64>,
    /// How many subjects are held back.
    held_back: usize,
    /// The number of events that the progress is that of.
    seen: usize,
    /// What made the progress, each with the number of its event.
    trail: Vec<(usize, Saw)>,
    /// A bit for every subject. Several may share one.
    about: u64,
    /// Whether the execution has left the search at a choice.
    pub(super) is_left: bool,
}

impl Limits {
    pub(super) fn new(list: Vec<Limit>) -> Limits {
        let mut limits = Limits {
            progress: vec![Progress::NONE; list.len()],
            ..Limits::default()
        };
        for (limit, order) in list.iter().enumerate() {
            if let Limit::Order { first, second, .. } = order {
                let waiting = limits.add(second, limit, None);
                limits.add(first, limit, Some(waiting));
            }
        }
        for subject in &mut limits.subjects {
            subject.roles.sort_by_key(|role| role.nth);
        }
        limits.list = list;
        for place in 0..limits.subjects.len() {
            limits.note_held_back(place);
        }
        limits
    }

    /// Adds what an operation is to a limit. Answers with the place of its subject.
    fn add(&mut self, operation: &Nth, limit: usize, waiting: Option<usize>) -> usize {
        let key = key(operation.task, operation.op, operation.object);
        let role = Role {
            limit,
            nth: operation.nth,
            waiting,
        };
        let place = self.find(key).unwrap_or_else(|| {
            self.about |= bit(key);
            self.keys.push(key);
            self.subjects.push(Subject {
                roles: Vec::new(),
                done: 0,
                taken: 0,
                is_held_back: false,
            });
            self.subjects.len() - 1
        });
        self.subjects[place].roles.push(role);
        place
    }

    fn find(&self, key: u64) -> Option<usize> {
        if self.about & bit(key) == 0 {
            return None;
        }
        self.keys.iter().position(|subject| *subject == key)
    }

    pub(super) fn list(&self) -> &[Limit] {
        &self.list
    }

    /// Prepares for an execution whose first `kept` events are those of the one before.
    pub(super) fn begin(&mut self, kept: usize) {
        self.is_left = false;
        self.seen = self.seen.min(kept);
        while let Some((_, saw)) = self.trail.pop_if(|(number, _)| *number >= kept) {
            match saw {
                Saw::Operation(place) => self.undo_operation(place),
                Saw::Choice(task) => self.undo_choice(task),
            }
        }
    }

    fn undo_operation(&mut self, place: usize) {
        let taken = self.subjects[place].taken;
        self.subjects[place].taken -= 1;
        while let Some(before) = self.subjects[place].done.checked_sub(1)
            && self.subjects[place].roles[before].nth == taken
        {
            self.subjects[place].done = before;
            let role = self.subjects[place].roles[before];
            if let Some(waiting) = role.waiting {
                self.progress[role.limit] = Progress::NONE;
                self.note_held_back(waiting);
            }
        }
        self.note_held_back(place);
    }

    fn undo_choice(&mut self, by: TaskId) {
        for (limit, progress) in self.list.iter().zip(&mut self.progress) {
            if let Limit::Choice { task, nth, .. } = *limit
                && task == by.0
            {
                progress.is_met &= progress.choices != nth;
                progress.choices -= 1;
            }
        }
    }

    /// Notices whether the next operation of a subject has to wait.
    fn note_held_back(&mut self, place: usize) {
        let subject = &self.subjects[place];
        let was = subject.is_held_back;
        let mut orders = subject.orders_of_next();
        let is = orders.any(|limit| self.progress[limit].first_at == NEVER);
        drop(orders);
        self.held_back = self.held_back + usize::from(is) - usize::from(was);
        self.subjects[place].is_held_back = is;
    }

    /// Whether a waiting operation is held back.
    pub(super) fn hold_back(&self, turn: &Move) -> bool {
        let find = || self.find(key_of(turn));
        self.held_back != 0 && find().is_some_and(|place| self.subjects[place].is_held_back)
    }

    /// Whether operations of this kind, by this task on this object, may be held back.
    pub(super) fn concern(&self, task: TaskId, op: Op, object: ObjectId) -> bool {
        let subject = self.find(key(task.0, op as u8, object.0));
        subject.is_some_and(|place| {
            let mut roles = self.subjects[place].roles.iter();
            roles.any(|role| role.waiting.is_none())
        })
    }

    /// Whether the event with this number had to happen before the waiting operation.
    pub(super) fn order(&self, number: u32, waiting: &Move) -> bool {
        let subject = self.find(key_of(waiting));
        subject.is_some_and(|place| {
            let mut orders = self.subjects[place].orders_of_next();
            orders.any(|limit| self.progress[limit].first_at == number)
        })
    }

    /// Sees the event with this number, an operation.
    pub(super) fn take(&mut self, number: usize, turn: &Move) {
        if number < self.seen {
            return;
        }
        self.seen = number + 1;
        let Some(place) = self.find(key_of(turn)) else {
            return;
        };
        self.trail.push((number, Saw::Operation(place)));
        let subject = &mut self.subjects[place];
        subject.taken += 1;
        let taken = subject.taken;
        while let Some(&role) = self.subjects[place].roles.get(self.subjects[place].done)
            && role.nth == taken
        {
            self.subjects[place].done += 1;
            if let Some(waiting) = role.waiting {
                self.progress[role.limit].first_at = number as u32;
                self.progress[role.limit].is_met = true;
                self.note_held_back(waiting);
            }
        }
        self.note_held_back(place);
    }

    /// Sees that a task chooses, in the event with this number. Answers whether a value is allowed;
    /// where the choice is a repetition, that was decided before, and every value is.
    pub(super) fn choose(&mut self, number: usize, by: TaskId) -> impl Fn(u64) -> bool + use<> {
        let mut only = None;
        let is_new = number >= self.seen;
        self.seen = self.seen.max(number + 1);
        for (limit, progress) in self.list.iter().zip(&mut self.progress) {
            if let Limit::Choice {
                task,
                nth,
                of,
                value,
            } = *limit
                && is_new
                && task == by.0
            {
                progress.choices += 1;
                if progress.choices == nth {
                    progress.is_met = true;
                    only = Some((value, of));
                }
            }
        }
        if is_new && !self.list.is_empty() {
            self.trail.push((number, Saw::Choice(by)));
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
