//! Happens-before between the events of one log, as vector clocks.
//!
//! Operations order tasks as [`cutpoint_event::Op::predecessors`] declares; every other event only
//! follows the events of its own task. Two edges are added that the declared operations can not
//! express:
//!
//! - A `Write` event is the record of the `DeviceWrite` operation just before it in its task: no
//!   other task runs in between. So what happens after that operation happens after the event too.
//! - A completion happens after its submission, however the ticket travelled.

use cutpoint_event::{Log, ObjectId, Op, What};
use std::collections::BTreeMap;

/// The position of an event in its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The task's number.
    pub task: usize,
    /// How many events the task had made with this one, so at least 1.
    pub count: u32,
}

/// The happens-before relation of one log.
#[derive(Clone, Debug)]
pub(super) struct Order {
    tasks: usize,
    /// One row of `tasks` counts for every event: how much of each task happens before or is it.
    clocks: Vec<u32>,
    positions: Vec<Position>,
}

/// What is known of an object: per kind of operation, the join of the clocks of all of that kind.
type History = Vec<(Op, Vec<u32>)>;

/// The state of the sweep over the log.
struct Sweep {
    /// The clock of each task.
    now: Vec<Vec<u32>>,
    /// The operation that each task made last, if nothing of the task came after it.
    fresh: Vec<Option<(Op, ObjectId)>>,
    objects: BTreeMap<ObjectId, History>,
    /// The clocks of submissions.
    submitted: BTreeMap<u64, Vec<u32>>,
}

impl Order {
    /// The relation of `log`.
    pub fn of(log: &Log) -> Order {
        let highest = log.events.iter().map(|event| usize::from(event.task.0) + 1);
        let tasks = highest.max().unwrap_or(0).max(log.tasks.len());
        let mut sweep = Sweep {
            now: vec![vec![0; tasks]; tasks],
            fresh: vec![None; tasks],
            objects: BTreeMap::new(),
            submitted: BTreeMap::new(),
        };
        let mut clocks = Vec::with_capacity(log.events.len() * tasks);
        let mut positions = Vec::with_capacity(log.events.len());
        for event in &log.events {
            let task = usize::from(event.task.0);
            sweep.advance(task, &event.what);
            clocks.extend_from_slice(&sweep.now[task]);
            positions.push(Position {
                task,
                count: sweep.now[task][task],
            });
        }
        Order {
            tasks,
            clocks,
            positions,
        }
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// The positions of all events.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// How many events of each task happen before `event` or are it.
    pub fn clock(&self, event: usize) -> &[u32] {
        &self.clocks[event * self.tasks..][..self.tasks]
    }

    /// Whether event `a` happens before event `b` or is `b`.
    pub fn reaches(&self, a: usize, b: usize) -> bool {
        let Position { task, count } = self.positions[a];
        self.clock(b)[task] >= count
    }
}

impl Sweep {
    fn advance(&mut self, task: usize, what: &What) {
        self.now[task][task] += 1;
        let previous = self.fresh[task].take();
        match what {
            What::Op { op, object } => self.operation(task, *op, *object),
            What::Write { request, .. } => {
                if let Some((Op::DeviceWrite, object)) = previous {
                    self.remember(task, Op::DeviceWrite, object);
                }
                self.submitted.insert(*request, self.now[task].clone());
            }
            What::Completed { request, .. } => {
                if let Some(clock) = self.submitted.get(request) {
                    join(&mut self.now[task], clock);
                }
            }
            _ => {}
        }
    }

    fn operation(&mut self, task: usize, op: Op, object: ObjectId) {
        // Operations that nobody announced depend on each other whatever they act on.
        let object = match op {
            Op::Unannounced => ObjectId(u32::MAX),
            _ => object,
        };
        if let Some(history) = self.objects.get(&object) {
            for (earlier, clock) in history {
                if op.predecessors() >> (*earlier as u32) & 1 == 1 {
                    join(&mut self.now[task], clock);
                }
            }
        }
        self.remember(task, op, object);
        self.fresh[task] = Some((op, object));
    }

    fn remember(&mut self, task: usize, op: Op, object: ObjectId) {
        let history = self.objects.entry(object).or_default();
        match history.iter_mut().find(|(kind, _)| *kind == op) {
            Some((_, clock)) => join(clock, &self.now[task]),
            None => history.push((op, self.now[task].clone())),
        }
    }
}

fn join(into: &mut [u32], from: &[u32]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into = (*into).max(*from);
    }
}
