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
//! - *Queues.* In a fair lock a reader waits behind a writer that waits, though only readers hold
//!   it. A lock whose class is said to be fair ([`LockGraph::with_fair`]) has a second node, its
//!   queue: a writer that waits holds the queue, and a reader waits for the queue. So two shares in
//!   opposite orders are a cycle if writers of both locks are known, and so is taking one twice.
//! - *Same class.* Nodes are classes. Waiting for an object while holding another of the same class
//!   would always be a cycle, so these edges are between the objects themselves: taking folios in
//!   ascending order is none, taking two in both orders is one. Objects without a key are nodes of
//!   their own, told apart by order of creation.
//! - *Parts of one thing*, like a folio's lock and its writeback flag ([`Class::part_of`]). A task
//!   that locks one folio while it has another under writeback, and one that waits for a folio's
//!   writeback under its lock, make a cycle of classes, and none if all go through the folios in
//!   one order. So among the parts of one kind of thing the objects decide, as within a class. What
//!   is done to the parts of one thing, though, may be done to those of any other: where one task
//!   takes a folio's lock and then waits for its writeback, that counts for every folio. Cycles
//!   that lead through another class are cycles of classes as ever.
//!
//! Two edges of a cycle may come from one task, or from executions apart: the code that made them
//! may well be run by two tasks at once, as lockdep argues.
//!
//! # What is not seen
//! Who would wake a condition or a parked task, or put work on a list, is not known in advance, so
//! these waits are no edges: any task named as the waker would be a guess, and a guess accuses
//! correct code. Nor are joins: a task that takes a lock, tells its joiner so, and is then joined
//! under that lock is correct, and the order of locks alone does not tell that from a deadlock.
//! (Executions that do deadlock so are found by the explorer.) Tries wait for nobody, but what they
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

#[cfg(doc)]
use cutpoint_event::Class;
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
    /// Whether it is not the lock but the queue of those who wait for it.
    pub is_queue: bool,
}

impl Lock {
    fn object(name: &ObjectName) -> Lock {
        Lock {
            class: name.class.name,
            object: Some((name.key, name.generation)),
            is_queue: false,
        }
    }

    fn class(name: &ObjectName) -> Lock {
        match name.key {
            Key::Only => Lock::object(name),
            _ => Lock {
                class: name.class.name,
                object: None,
                is_queue: false,
            },
        }
    }

    fn queue(self) -> Lock {
        Lock {
            is_queue: true,
            ..self
        }
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_queue {
            f.write_str("queue of ")?;
        }
        f.write_str(self.class)?;
        match self.object {
            None | Some((Key::Only, _)) => {}
            Some((Key::One(a), _)) => write!(f, " {a}")?,
            Some((Key::Two(a, b), _)) => write!(f, " {a}:{b}")?,
        }
        match self.object {
            Some((_, generation)) if generation > 0 => write!(f, " #{}", generation + 1),
            _ => Ok(()),
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
    /// What the locks have to do with each other.
    pub kin: Kin,
}

/// What two locks of an edge have to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kin {
    /// Nothing, or they are of one class and told apart in the edge itself.
    None,
    /// They are parts of one thing.
    Same,
    /// They are parts of two things of one kind; which ones, another edge says.
    Other,
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
    /// Which object of its class the lock held is.
    #[serde(with = "state::identity")]
    object: (Key, u32),
}

impl Witness {
    /// What it shows of an edge, in words.
    fn of(&self, edge: &Edge) -> String {
        format!(
            "{} holds {} ({}, since event {}) and waits for {} ({}, event {}) in execution {}",
            self.task,
            self.held,
            edge.hold,
            self.since,
            self.awaited,
            edge.wait,
            self.at,
            self.execution
        )
    }
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
    /// The classes of fair locks, by name.
    fair: BTreeSet<&'static str>,
    sweep: Sweep,
}

impl LockGraph {
    /// A graph without executions.
    pub fn new() -> LockGraph {
        LockGraph::default()
    }

    /// A graph without executions. The locks of these classes, by name, are known to be fair: who
    /// asks for a share waits behind writers that wait.
    pub fn with_fair(classes: impl IntoIterator<Item = &'static str>) -> LockGraph {
        LockGraph {
            fair: classes.into_iter().collect(),
            ..LockGraph::default()
        }
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

    /// The graph for Graphviz, each edge with a witness: edges that can not block dashed, edges of
    /// cycles red.
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
        let is_fair = self.fair.contains(awaited.class.name);
        if wait.holds.is_empty() && !is_fair {
            return false;
        }
        let seen = Seen {
            execution,
            log,
            wait,
            awaited,
            locks: locks_held(log, wait),
        };
        let mut is_new = is_fair && self.queue(&seen);
        for hold in wait.holds {
            let is_same = hold.object == wait.object;
            // Who closed a gate waits for those inside, and who is inside for who closed it. To
            // wait for a lock that one holds is a deadlock in every execution, but for shares.
            let is_gate = hold.kind == Kind::Gate;
            let is_queued =
                is_fair && wait.mode == Mode::Shared && (!is_same || hold.mode == Mode::Shared);
            let (Some(held), true) = (name(log, hold.object), !is_same || is_gate || is_queued)
            else {
                continue;
            };
            for (from, to, kin) in nodes(held, awaited, is_same && is_gate) {
                if from != Lock::class(held) {
                    self.awaited.extend([from, to]);
                }
                if hold.mode == Mode::Exclusive {
                    self.exclusive.insert(from);
                }
                let edge = |awaited| Edge {
                    held: from,
                    hold: hold.mode,
                    awaited,
                    wait: wait.mode,
                    kin,
                };
                let told = Held {
                    name: held,
                    since: hold.since,
                };
                if !is_same || is_gate {
                    is_new |= self.edge(edge(to), &seen, &told);
                }
                if is_queued {
                    self.awaited.insert(to.queue());
                    is_new |= self.edge(edge(to.queue()), &seen, &told);
                }
            }
        }
        is_new
    }

    /// A wait for a fair lock: a writer holds the queue while it waits. Both that of the class and
    /// that of the object, since edges may lead to either.
    fn queue(&mut self, seen: &Seen<'_>) -> bool {
        let mut is_new = false;
        for lock in BTreeSet::from([Lock::class(seen.awaited), Lock::object(seen.awaited)]) {
            if seen.wait.mode == Mode::Exclusive {
                let edge = Edge {
                    held: lock.queue(),
                    hold: Mode::Exclusive,
                    awaited: lock,
                    wait: Mode::Exclusive,
                    kin: Kin::None,
                };
                self.exclusive.insert(lock.queue());
                let queue = Held {
                    name: seen.awaited,
                    since: seen.wait.event,
                };
                is_new |= self.edge(edge, seen, &queue);
            }
        }
        is_new
    }

    /// Adds an edge, with what is held and since when. Answers whether that was new.
    fn edge(&mut self, edge: Edge, seen: &Seen<'_>, held: &Held<'_>) -> bool {
        let witnesses = self.edges.entry(edge).or_default();
        if witnesses
            .iter()
            .any(|old| is_subset(&old.locks, &seen.locks))
        {
            return false;
        }
        witnesses.retain(|old| !is_subset(&seen.locks, &old.locks));
        let task = seen.log.tasks.get(usize::from(seen.wait.task.0));
        let queue = if edge.held.is_queue {
            "the queue of "
        } else {
            ""
        };
        witnesses.push(Witness {
            execution: seen.execution,
            task: task.map_or_else(|| format!("task {}", seen.wait.task.0), String::clone),
            held: format!("{queue}{}", held.name),
            since: held.since,
            awaited: seen.awaited.to_string(),
            at: seen.wait.event,
            locks: seen.locks.clone(),
            object: (held.name.key, held.name.generation),
        });
        true
    }
}

/// A wait of an execution.
struct Seen<'a> {
    execution: u64,
    log: &'a Log,
    wait: &'a Wait<'a>,
    awaited: &'a ObjectName,
    locks: BTreeMap<Lock, Mode>,
}

/// What was held, and the event since when.
struct Held<'a> {
    name: &'a ObjectName,
    since: usize,
}

/// The nodes between which an edge leads, and what these have to do with each other.
/// `is_one_gate` says that both are the same gate.
fn nodes(held: &ObjectName, awaited: &ObjectName, is_one_gate: bool) -> Vec<(Lock, Lock, Kin)> {
    let classes = (Lock::class(held), Lock::class(awaited));
    let objects = (Lock::object(held), Lock::object(awaited), Kin::None);
    if classes.0 == classes.1 && !is_one_gate {
        return vec![objects];
    }
    let has_key = |name: &ObjectName| name.key != Key::Only;
    let is_kin = held.class.part_of.is_some()
        && held.class.part_of == awaited.class.part_of
        && !std::ptr::eq(held.class, awaited.class)
        && has_key(held)
        && has_key(awaited);
    let edge = |kin| (classes.0, classes.1, kin);
    if !is_kin {
        vec![edge(Kin::None)]
    } else if (held.key, held.generation) == (awaited.key, awaited.generation) {
        vec![edge(Kin::Same)]
    } else {
        vec![edge(Kin::Other), objects]
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
