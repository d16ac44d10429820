//! The order in which locks are taken, waits included: deadlocks that did not happen.
//!
//! Every execution says which locks a task held when it waited for another. The union of that over
//! all executions is a graph; a cycle in it is a deadlock that some timing, or some other caller,
//! may meet, whether or not any execution did. The idea is Havelund's GoodLock (SPIN 2000), with
//! lock classes as in Linux's lockdep (kernel/locking/lockdep.c). Where this departs from them:
//!
//! - *Waits are locks.* Who is inside a gate holds it, and a commit that drains it waits for it;
//!   who closed a gate holds it against newcomers. A flag or a count is held by the task that
//!   clears it, as far back as it was raised: not by program order but by happens-before, so that
//!   the answer does not depend on which order of independent events was run.
//! - *Modes.* A shared wait is not blocked by a shared hold, so a cycle must alternate.
//! - *Gate locks.* Two edges of a cycle whose tasks hold one lock in modes that exclude each other
//!   can not be reached at once: such a cycle is not reported.
//! - *Same class.* Nodes are classes. Waiting for an object while holding another of the same class
//!   would always be a cycle, so these edges are between the objects themselves: taking folios in
//!   ascending order is none, taking two in both orders is one. Objects without a key are nodes of
//!   their own, told apart by order of creation.
//!
//! Two edges of a cycle may come from one task, or from executions apart: the code that made them
//! may well be run by two tasks at once, as lockdep argues.
//!
//! # What is not seen
//! Who would wake a condition or a parked task, or put work on a list, is not known in advance, so
//! these waits are no edges; nor are joins. A reader that queues behind a waiting writer of a fair
//! lock is not seen either: shared never blocks shared here. Tries wait for nobody, but what they
//! take is held. At least one execution must have got past a wait for it to be known.
//!
//! # Memory
//! One witness for every edge, mode and set of locks held that is not a superset of another: it
//! depends on the scenario, not on the number of executions.

mod cycle;
mod dot;
mod holds;
mod state;

#[cfg(test)]
mod tests;

pub use cycle::Cycle;
pub use holds::Mode;
pub use state::GraphState;

use cutpoint_event::{Key, Log, ObjectId, ObjectName};
use holds::{Kind, Sweep, Wait};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A node: a class of locks, or one lock where its class alone says too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "state::LockState")]
pub struct Lock {
    /// The class's name.
    pub class: &'static str,
    /// Which object of the class, and how many of its name were created before it, if the node is
    /// an object.
    pub object: Option<(Key, u32)>,
}

impl Lock {
    fn object(name: &ObjectName) -> Lock {
        Lock {
            class: name.class.name,
            object: Some((name.key, name.generation)),
        }
    }

    fn class(name: &ObjectName) -> Lock {
        match name.key {
            Key::Only => Lock::object(name),
            _ => Lock {
                class: name.class.name,
                object: None,
            },
        }
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class)?;
        let Some((key, generation)) = self.object else {
            return Ok(());
        };
        match key {
            Key::Only => {}
            Key::One(a) => write!(f, " {a}")?,
            Key::Two(a, b) => write!(f, " {a}:{b}")?,
        }
        match generation {
            0 => Ok(()),
            _ => write!(f, " #{}", generation + 1),
        }
    }
}

/// An edge: somebody waited for one lock while holding another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The lock held.
    pub held: Lock,
    /// How.
    pub hold: Mode,
    /// The lock waited for.
    pub awaited: Lock,
    /// What the wait was for.
    pub wait: Mode,
}

/// The execution that shows an edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The number of the execution.
    pub execution: u64,
    /// The task's name.
    pub task: String,
    /// The object held.
    pub held: String,
    /// The event, by index in the execution's log, since when it was held.
    pub since: usize,
    /// The object waited for.
    pub awaited: String,
    /// The event that ended the wait.
    pub at: usize,
    /// The locks that the task held then, this one included, that exclude others.
    #[serde(with = "state::pairs")]
    locks: BTreeMap<Lock, Mode>,
}

/// The graph of all executions seen.
#[derive(Debug, Default)]
pub struct LockGraph {
    /// Every edge with its witnesses: one for each least set of locks held.
    edges: BTreeMap<Edge, Vec<Witness>>,
    /// Locks that somebody waited for, with or without holding another.
    awaited: BTreeSet<Lock>,
    /// Locks that were held exclusively.
    exclusive: BTreeSet<Lock>,
    sweep: Sweep,
}

impl LockGraph {
    /// A graph without executions.
    pub fn new() -> LockGraph {
        LockGraph::default()
    }

    /// Adds an execution. Answers whether it brought a new edge or a new witness, without which no
    /// new cycle can be.
    pub fn add(&mut self, execution: u64, log: &Log) -> bool {
        let mut sweep = std::mem::take(&mut self.sweep);
        let mut is_new = false;
        sweep.run(log, |wait| is_new |= self.wait(execution, log, wait));
        self.sweep = sweep;
        is_new
    }

    /// The locks that somebody waited for, in order.
    pub fn locks(&self) -> impl Iterator<Item = Lock> {
        self.awaited.iter().copied()
    }

    /// The edges between locks that somebody waited for, in order, each with its first witness.
    /// The others can not be part of a cycle.
    pub fn edges(&self) -> impl Iterator<Item = (Edge, &Witness)> {
        let edges = self.edges.iter();
        let known = edges.filter(|(edge, _)| self.awaited.contains(&edge.held));
        known.filter_map(|(edge, witnesses)| Some((*edge, witnesses.first()?)))
    }

    /// Whether a wait like this one can block at all: not if it is for a share of what nobody ever
    /// held exclusively.
    pub fn may_block(&self, edge: &Edge) -> bool {
        edge.wait == Mode::Exclusive || self.exclusive.contains(&edge.awaited)
    }

    /// The cycles: a shortest one of each strongly connected part.
    pub fn cycles(&self) -> Vec<Cycle> {
        cycle::find(&self.edges)
    }

    /// The graph for Graphviz: edges that can not block dashed, edges of cycles red.
    pub fn dot(&self) -> String {
        dot::render(self)
    }

    /// Adds what one wait shows. Answers whether that was new.
    fn wait(&mut self, execution: u64, log: &Log, wait: &Wait<'_>) -> bool {
        let Some(awaited) = name(log, wait.object) else {
            return false;
        };
        self.awaited.insert(Lock::class(awaited));
        if wait.keeps_exclusively {
            self.exclusive.insert(Lock::class(awaited));
        }
        if wait.holds.is_empty() {
            return false;
        }
        let locks = locks_held(log, wait);
        let mut is_new = false;
        for hold in wait.holds {
            let is_same = hold.object == wait.object;
            // Who closed a gate waits for those inside, and who is inside for who closed it. To
            // wait for a lock that one holds is a deadlock in every execution.
            let (Some(held), true) = (name(log, hold.object), !is_same || hold.kind == Kind::Gate)
            else {
                continue;
            };
            let (mut from, mut to) = (Lock::class(held), Lock::class(awaited));
            if from == to && !is_same {
                (from, to) = (Lock::object(held), Lock::object(awaited));
                self.awaited.extend([from, to]);
            }
            if hold.mode == Mode::Exclusive {
                self.exclusive.insert(from);
            }
            let edge = Edge {
                held: from,
                hold: hold.mode,
                awaited: to,
                wait: wait.mode,
            };
            let witnesses = self.edges.entry(edge).or_default();
            if witnesses.iter().any(|old| is_subset(&old.locks, &locks)) {
                continue;
            }
            is_new = true;
            witnesses.retain(|old| !is_subset(&locks, &old.locks));
            let task = log.tasks.get(usize::from(wait.task.0));
            witnesses.push(Witness {
                execution,
                task: task.map_or_else(|| format!("task {}", wait.task.0), String::clone),
                held: held.to_string(),
                since: hold.since,
                awaited: awaited.to_string(),
                at: wait.event,
                locks: locks.clone(),
            });
        }
        is_new
    }
}

fn name(log: &Log, object: ObjectId) -> Option<&ObjectName> {
    log.objects.get(object.0 as usize)
}

/// The locks that a waiting task holds and that exclude others.
fn locks_held(log: &Log, wait: &Wait<'_>) -> BTreeMap<Lock, Mode> {
    let of_locks = wait.holds.iter().filter(|hold| hold.kind == Kind::Lock);
    let mut locks = BTreeMap::new();
    for hold in of_locks {
        if let Some(name) = name(log, hold.object) {
            let mode = locks.entry(Lock::object(name)).or_insert(hold.mode);
            *mode = (*mode).max(hold.mode);
        }
    }
    locks
}

/// Whether whoever is kept out by `a` is kept out by `b`.
fn is_subset(a: &BTreeMap<Lock, Mode>, b: &BTreeMap<Lock, Mode>) -> bool {
    a.iter()
        .all(|(lock, mode)| b.get(lock).is_some_and(|other| mode <= other))
}
