//! Wakeup trees: what is still to be explored below the nodes of the path.
//!
//! Abdulla, Aronis, Jonsson and Sagonas (POPL 2014; J. ACM 64, 2017), section on wakeup trees. A
//! tree is a list of branches, explored from the first to the last; a leaf stands for every
//! execution that goes on from there. Where this departs from the paper:
//!
//! - *Only what is needed* of a sequence is kept: the events that make it differ from what is
//!   explored elsewhere, and their causes. The rest would follow anyhow, in all its orders.
//! - *Choices* are events like turns, next in order after the turn of their task. Two values of one
//!   choice exclude each other, and a choice commutes with everything that other tasks do.
//! - *Objects created after the node* may be numbered differently in two executions. They count as
//!   the same if their class and key are the same, which errs on the side of exploring more.

use crate::clock::place;
use crate::explore::turns::Move;
use cutpoint_event::{Key, ObjectId, ObjectName, Op, Relation, TaskId};

/// The number of a node in its pool, or [`NONE`].
pub(super) type Link = u32;

/// No node.
pub(super) const NONE: Link = u32::MAX;

/// What has a level of its own: a task's turn, or a choice that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) task: TaskId,
    pub(super) action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Turn {
        op: Op,
        object: ObjectId,
        /// Stands for the object's class and key.
        name: u64,
    },
    Choice {
        value: u64,
    },
}

impl Event {
    /// The operation that a task waits to make.
    pub(super) fn of(turn: &Move, name: u64) -> Event {
        Event {
            task: turn.task,
            action: Action::Turn {
                op: turn.op,
                object: turn.object,
                name,
            },
        }
    }

    /// Whether this event and another task's can be swapped without anyone noticing. Objects up to
    /// the place `known` existed where the tree is rooted.
    fn commutes(&self, other: &Event, known: usize) -> bool {
        let Action::Turn { op, object, name } = self.action else {
            return true;
        };
        let Action::Turn {
            op: other_op,
            object: other_object,
            name: other_name,
        } = other.action
        else {
            return true;
        };
        let same = match (place(object) < known, place(other_object) < known) {
            (true, true) => object == other_object,
            (false, false) => name == other_name,
            _ => false,
        };
        !same || independent(op, other_op)
    }

    /// Whether this event, earlier in one execution, is a direct cause of the other.
    pub(super) fn causes(&self, later: &Event) -> bool {
        if self.task == later.task {
            return true;
        }
        match (self.action, later.action) {
            (
                Action::Turn { op, object, .. },
                Action::Turn {
                    op: later_op,
                    object: later_object,
                    ..
                },
            ) => object == later_object && later_op.predecessors() & (1 << op as usize) != 0,
            _ => false,
        }
    }
}

/// Whether two operations on the same object commute.
pub(super) fn independent(a: Op, b: Op) -> bool {
    a.before(b) == Relation::Independent && b.before(a) == Relation::Independent
}

/// A number for an object's class and key, the same in every process. Two that are equal by
/// accident cost an execution.
pub(super) fn name_of(name: &ObjectName) -> u64 {
    let words = name.class.name.as_bytes().chunks(8);
    let class = words.fold(0, |class, word| {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        mix(class, u64::from_le_bytes(bytes))
    });
    match name.key {
        Key::Only => mix(class, 1),
        Key::One(a) => mix(mix(class, 2), a),
        Key::Two(a, b) => mix(mix(mix(class, 3), a), b),
    }
}

/// Mixes two numbers into one that stands for both, in this order.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let x = (a.rotate_left(29) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ (x >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ a
}

/// How an event relates to a sequence that might begin with it.
enum Fit {
    /// It is in the sequence, here, and nothing before it stands in its way.
    Initial(usize),
    /// It is not, and commutes with all of it.
    Independent,
    /// This event of the sequence excludes it, or must come before it.
    Conflict(usize),
}

/// A sequence of events that is to be explored from some node on.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    pub(super) events: Vec<Event>,
    /// Events that the tree has already.
    gone: Vec<bool>,
    /// Events without which the sequence would be one that is explored elsewhere.
    needed: Vec<bool>,
}

impl Sequence {
    /// Prepares for a look at the tree of a node. `needed` is the event that is new.
    pub(super) fn start(&mut self, needed: usize) {
        self.gone.clear();
        self.gone.resize(self.events.len(), false);
        self.needed.clear();
        self.needed.resize(self.events.len(), false);
        self.needed[needed] = true;
    }

    fn fit(&self, event: &Event, known: usize) -> Fit {
        for (i, other) in self.events.iter().enumerate() {
            if self.gone[i] {
                continue;
            }
            if other.task == event.task {
                return match (event.action, other.action) {
                    (Action::Turn { .. }, Action::Turn { .. }) => Fit::Initial(i),
                    (Action::Choice { value: a }, Action::Choice { value: b }) if a == b => {
                        Fit::Initial(i)
                    }
                    _ => Fit::Conflict(i),
                };
            }
            if !event.commutes(other, known) {
                return Fit::Conflict(i);
            }
        }
        Fit::Independent
    }

    /// Whether exploring `event` first covers the sequence. If not, what it differs in is needed.
    pub(super) fn is_covered_by(&mut self, event: &Event, known: usize) -> bool {
        match self.fit(event, known) {
            Fit::Conflict(at) => {
                self.needed[at] = true;
                false
            }
            Fit::Initial(_) | Fit::Independent => true,
        }
    }

    /// Completes the needed events by their causes. `causes` says whether one event of the sequence
    /// is a cause of a later one.
    fn close(&mut self, causes: impl Fn(usize, usize) -> bool) {
        for i in (0..self.events.len()).rev() {
            let later = i + 1..self.events.len();
            let is_cause = |mut later: std::ops::Range<usize>| {
                later.any(|other| self.needed[other] && causes(i, other))
            };
            self.needed[i] = !self.gone[i] && (self.needed[i] || is_cause(later));
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Node {
    event: Event,
    /// The first branch after this event.
    children: Link,
    /// The next branch beside this event.
    next: Link,
}

/// The nodes of all trees, with those that are free in a list of their own.
#[derive(Debug)]
pub(super) struct Pool {
    nodes: Vec<Node>,
    free: Link,
    unvisited: Vec<Link>,
}

impl Pool {
    pub(super) fn new() -> Pool {
        Pool {
            nodes: Vec::new(),
            free: NONE,
            unvisited: Vec::new(),
        }
    }

    /// Takes the first of some branches: its event, and the branches behind it. `branches` keeps
    /// the others.
    pub(super) fn take(&mut self, branches: &mut Link) -> Option<(Event, Link)> {
        let node = *self.nodes.get(*branches as usize)?;
        self.release(*branches);
        *branches = node.next;
        Some((node.event, node.children))
    }

    /// Puts a branch of one event before the others.
    pub(super) fn push(&mut self, branches: &mut Link, event: Event) {
        *branches = self.node(Node {
            event,
            children: NONE,
            next: *branches,
        });
    }

    /// The events that some branches begin with.
    pub(super) fn firsts(&self, branches: Link) -> impl Iterator<Item = Event> {
        let mut branch = branches;
        std::iter::from_fn(move || {
            let node = self.nodes.get(branch as usize)?;
            branch = node.next;
            Some(node.event)
        })
    }

    /// Gives up all of some branches.
    pub(super) fn discard(&mut self, branches: &mut Link) {
        self.unvisited.push(std::mem::replace(branches, NONE));
        while let Some(link) = self.unvisited.pop() {
            if link != NONE {
                let node = self.nodes[link as usize];
                self.unvisited.extend([node.children, node.next]);
                self.release(link);
            }
        }
    }

    /// The nodes of some branches with their depths, every node before what is behind it.
    pub(super) fn walk(&self, branches: Link) -> impl Iterator<Item = (u32, Event)> {
        let mut left = vec![(0, branches)];
        std::iter::from_fn(move || {
            while let Some((depth, link)) = left.pop() {
                if let Some(node) = self.nodes.get(link as usize) {
                    left.extend([(depth, node.next), (depth + 1, node.children)]);
                    return Some((depth, node.event));
                }
            }
            None
        })
    }

    /// A node of its own.
    pub(super) fn leaf(&mut self, event: Event) -> Link {
        self.node(Node {
            event,
            children: NONE,
            next: NONE,
        })
    }

    /// Puts a node beside one that is the last so far.
    pub(super) fn put_beside(&mut self, last: Link, node: Link) {
        self.nodes[last as usize].next = node;
    }

    /// Puts a node behind one that is a leaf so far.
    pub(super) fn put_behind(&mut self, leaf: Link, node: Link) {
        self.nodes[leaf as usize].children = node;
    }

    /// Sees to it that the tree covers the sequence: goes down as far as the tree agrees with it,
    /// and adds what is needed of the rest as the last branch there. A leaf covers everything.
    /// `causes` says whether one event of the sequence is a cause of a later one.
    pub(super) fn insert(
        &mut self,
        root: &mut Link,
        sequence: &mut Sequence,
        known: usize,
        causes: impl Fn(usize, usize) -> bool,
    ) {
        let mut parent = NONE;
        let mut branch = *root;
        let mut last = NONE;
        while branch != NONE {
            let Node {
                event,
                children,
                next,
            } = self.nodes[branch as usize];
            match sequence.fit(&event, known) {
                Fit::Conflict(at) => {
                    sequence.needed[at] = true;
                    last = branch;
                    branch = next;
                    continue;
                }
                Fit::Initial(at) => sequence.gone[at] = true,
                Fit::Independent => {}
            }
            if children == NONE {
                return;
            }
            (parent, branch, last) = (branch, children, NONE);
        }
        sequence.close(causes);
        let added = self.chain(sequence);
        if last != NONE {
            self.nodes[last as usize].next = added;
        } else if parent != NONE {
            self.nodes[parent as usize].children = added;
        } else {
            *root = added;
        }
    }

    /// The needed events as one branch.
    fn chain(&mut self, sequence: &Sequence) -> Link {
        let mut branch = NONE;
        for (event, needed) in sequence.events.iter().zip(&sequence.needed).rev() {
            if *needed {
                branch = self.node(Node {
                    event: *event,
                    children: branch,
                    next: NONE,
                });
            }
        }
        branch
    }

    fn node(&mut self, node: Node) -> Link {
        if self.free == NONE {
            self.nodes.push(node);
            return self.nodes.len() as Link - 1;
        }
        let link = self.free;
        self.free = self.nodes[link as usize].next;
        self.nodes[link as usize] = node;
        link
    }

    fn release(&mut self, link: Link) {
        self.nodes[link as usize].next = self.free;
        self.free = link;
    }
}
