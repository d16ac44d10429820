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

/// A task, a kind of operation and an object in one number, for quick comparisons.
fn key(task: u16, op: u8, object: u32) -> u64 {
    u64::from(task) << 40 | u64::from(op) << 32 | u64::from(object)
}

fn key_of(turn: &Move) -> u64 {
    key(turn.task.0, turn.op as u8, turn.object.0)
}

/// One bit of 64 for a key, for quick answers of no.
fn bit(key: u64) -> u64 {
    let spread = (key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    1 << (spread >> 58)
}

impl Nth {
    fn key(&self) -> u64 {
        key(self.task, self.op, self.object)
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

/// An order to be kept, and how far an execution has come with it.
#[derive(Clone, Copy, Debug)]
struct Order {
    /// The two operations, and which of their tasks' operations like them they are.
    first: (u64, u32),
    second: (u64, u32),
    must_happen: bool,
    /// How many operations like the first one were taken, and which event the first one was.
    firsts: u32,
    first_at: Option<u32>,
    /// How many operations like the second one were taken.
    seconds: u32,
}

impl Order {
    /// Whether the operation with this key, if it is taken next, is the second one.
    fn is_second(&self, key: u64) -> bool {
        self.second.0 == key && self.seconds + 1 == self.second.1
    }
}

/// A choice whose value is fixed, and how far an execution has come with it.
#[derive(Clone, Copy, Debug)]
struct Choice {
    task: u16,
    nth: u32,
    of: u64,
    value: u64,
    /// How many choices the task made.
    made: u32,
}

/// The limits of a search, with the progress of an execution.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    list: Vec<Limit>,
    orders: Vec<Order>,
    choices: Vec<Choice>,
    /// The bits of all first and second operations; of all second ones; and of those that would be
    /// held back now.
    concerned: u64,
    may_be_held: u64,
    held: u64,
    /// Whether the execution has left the search at a choice.
    pub(super) is_left: bool,
}

impl Limits {
    pub(super) fn new(list: Vec<Limit>) -> Limits {
        let orders = list.iter().filter_map(|limit| match limit {
            Limit::Order {
                first,
                second,
                must_happen,
            } => Some(Order {
                first: (first.key(), first.nth),
                second: (second.key(), second.nth),
                must_happen: *must_happen,
                firsts: 0,
                first_at: None,
                seconds: 0,
            }),
            Limit::Choice { .. } => None,
        });
        let choices = list.iter().filter_map(|limit| match *limit {
            Limit::Choice {
                task,
                nth,
                of,
                value,
            } => Some(Choice {
                task,
                nth,
                of,
                value,
                made: 0,
            }),
            Limit::Order { .. } => None,
        });
        let mut limits = Limits {
            orders: orders.collect(),
            choices: choices.collect(),
            list,
            ..Limits::default()
        };
        for order in &limits.orders {
            limits.concerned |= bit(order.first.0) | bit(order.second.0);
            limits.may_be_held |= bit(order.second.0);
        }
        limits.hold();
        limits
    }

    pub(super) fn list(&self) -> &[Limit] {
        &self.list
    }

    /// Prepares for an execution.
    pub(super) fn begin(&mut self) {
        for order in &mut self.orders {
            (order.firsts, order.first_at, order.seconds) = (0, None, 0);
        }
        self.hold();
        self.choices.iter_mut().for_each(|choice| choice.made = 0);
        self.is_left = false;
    }

    /// Finds out what would be held back now.
    fn hold(&mut self) {
        let waits = |order: &&Order| order.first_at.is_none() && order.is_second(order.second.0);
        let orders = self.orders.iter().filter(waits);
        self.held = orders.fold(0, |held, order| held | bit(order.second.0));
    }

    /// Whether a waiting operation is held back.
    pub(super) fn hold_back(&self, turn: &Move) -> bool {
        let key = key_of(turn);
        if self.held & bit(key) == 0 {
            return false;
        }
        let mut orders = self.orders.iter();
        orders.any(|order| order.is_second(key) && order.first_at.is_none())
    }

    /// Whether operations of this kind, by this task on this object, may be held back.
    pub(super) fn concern(&self, task: TaskId, op: Op, object: ObjectId) -> bool {
        let key = key(task.0, op as u8, object.0);
        self.may_be_held & bit(key) != 0 && self.orders.iter().any(|order| order.second.0 == key)
    }

    /// Whether the event with this number had to happen before the waiting operation.
    pub(super) fn order(&self, number: u32, waiting: &Move) -> bool {
        let key = key_of(waiting);
        let mut orders = self.orders.iter();
        self.may_be_held & bit(key) != 0
            && orders.any(|order| order.is_second(key) && order.first_at == Some(number))
    }

    /// Sees the event with this number, an operation.
    pub(super) fn take(&mut self, number: u32, turn: &Move) {
        let key = key_of(turn);
        if self.concerned & bit(key) == 0 {
            return;
        }
        for order in &mut self.orders {
            order.seconds += u32::from(order.second.0 == key);
            if order.first.0 == key {
                order.firsts += 1;
                if order.firsts == order.first.1 {
                    order.first_at = Some(number);
                }
            }
        }
        self.hold();
    }

    /// Sees that a task chooses. Answers whether a value is allowed.
    pub(super) fn choose(&mut self, by: TaskId) -> impl Fn(u64) -> bool + use<> {
        let mut only = None;
        for choice in self.choices.iter_mut().filter(|choice| choice.task == by.0) {
            choice.made += 1;
            if choice.made == choice.nth {
                only = Some((choice.value, choice.of));
            }
        }
        move |value| only.is_none_or(|(only, of)| value == only || (only == 0 && value >= of))
    }

    /// Whether an execution that is over is one of this search.
    pub(super) fn are_met(&self) -> bool {
        let mut orders = self.orders.iter();
        let mut choices = self.choices.iter();
        orders.all(|order| !order.must_happen || order.first_at.is_some())
            && choices.all(|choice| choice.value == 0 || choice.made >= choice.nth)
    }
}
