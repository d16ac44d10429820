//! Preemption-bounded search: fewest preemptions first, complete for every bound it reaches.
//!
//! A *preemption* is a turn that goes to another task although the task that had the turn before
//! could go on. Most bugs need few of them (Musuvathi and Qadeer, *Iterative context bounding for
//! systematic testing of multithreaded programs*, PLDI 2007). This search runs all executions
//! without a preemption, then those with one, and so on, so the first counterexample that it finds
//! has as few preemptions as any has. After every bound k it holds that each Mazurkiewicz trace
//! with a linearization of at most k preemptions was run.
//!
//! # Why not with sleep sets
//! Reduction and bound do not simply combine: Coons, Musuvathi and McKinley, *Bounded partial-order
//! reduction* (OOPSLA 2013). A sleep set passes over a task because the same trace is explored in
//! another order, and that order may be the one that the bound cuts off; then nobody explores it.
//! DPOR and loom, cut by a bound, lose traces in this way. Their remedy adds branches at the start
//! of every block of uninterrupted turns. Here nothing is put to sleep; instead states are
//! remembered with what it took to get there.
//!
//! # What is remembered
//! Two prefixes of executions with the same partial order lead to the same state: happens-before
//! caching, Musuvathi and Qadeer, *Partial-order reduction for context-bounded state exploration*
//! (MSR-TR-2007-12). What may follow within a bound depends on that order, on who had the last turn
//! (to leave him may be a preemption), and on how many preemptions are left. So a prefix is passed
//! over if one with the same order and the same last task was entered before with no more
//! preemptions; or with any last task, if that one could not go on, or with one preemption fewer:
//! then no way to go on costs more there. Whatever follows the prefix within the bound can follow
//! the other one within the bound, up to the order of commuting operations, and by induction over
//! the length of what follows it is run. Prefixes are entered in the order of their preemptions (a
//! breadth-first search of the levels, depth-first within each, as with edges of length 0 and 1),
//! so each is run once and not once per bound.
//!
//! # When it is exhaustive
//! If no preemption is left to be made, every execution is covered, as by [`super::dpor`]. That
//! takes more executions than DPOR does, because it visits every consistent prefix and not only one
//! way through them: it is for small bounds and short counterexamples.
//!
//! # Memory
//! A state takes two entries of 16 bytes, 43 to 128 bytes with the free room of the table, and a
//! preemption that was put off takes 48 bytes and 8 for each decision that it does not share with
//! the one before. At a cap ([`Bounds::memory_max_bytes`]) the search ends and says so; what it
//! says of the bounds before stays true.

mod deferred;
mod visited;

use self::deferred::Deferred;
use self::visited::{PREEMPTIONS_MAX, Visited};
use super::drive::{Body, drive_kept, explore_again};
use super::kept::Keeping;
use super::turns::{Move, Pick, Policy};
use super::{Explored, Observer, Options, StoppedBy};
use crate::trace_hash::{TraceHasher, mix};
use cutpoint_event::{Log, TaskId, log};
use shuttle_engine::scheduler::Task;
use std::sync::Arc;

/// How far the search goes, besides the budget of [`Options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most preemptions in an execution. `None` goes on until every execution is covered.
    pub preemptions: Option<u32>,
    /// The bytes that the search may keep in its memory of states. While its table grows, half as
    /// much is in use besides.
    pub memory_max_bytes: usize,
}

impl Bounds {
    /// At most this many preemptions, in half a gibibyte.
    pub fn preemptions(most: u32) -> Bounds {
        Bounds {
            preemptions: Some(most),
            ..Bounds::default()
        }
    }
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            preemptions: None,
            memory_max_bytes: 1 << 29,
        }
    }
}

/// What the search did.
#[derive(Clone, Debug)]
pub struct Bounded {
    /// The result. It is complete if no preemption was left out.
    pub explored: Explored,
    /// For 0, 1, 2, … preemptions, as far as the search came to the end of them: how many traces
    /// need that many; or how many orders of turns, where plain shuttle types are used.
    pub traces: Vec<u64>,
    /// The entries of the table of states, about two for each.
    pub entries: u64,
    /// The bytes of the search's memory at its end.
    pub memory_bytes: u64,
}

/// Explores the executions of `body` with the fewest preemptions first.
pub fn explore(
    bounds: Bounds,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> Bounded {
    let body: Body = Arc::new(body);
    let mut search = None;
    let mut explored = explore_again(options, |options, before| {
        let policy = Search::new(bounds, options.plain_types);
        let keeping = Keeping::nothing(before, 0);
        let body = body.clone();
        let (explored, policy) =
            drive_kept(policy, true, options, body, &mut *observe, Some(keeping));
        search = Some(policy);
        explored
    });
    let search = search.expect("it explores at least once");
    // What would have followed a finding was not explored, if the search went on after one.
    let went_on = options.past_findings && explored.finding.is_some() && !explored.complete;
    if search.is_cut && explored.stopped_by == StoppedBy::Exhaustion {
        explored.complete = false;
        explored.stopped_by = StoppedBy::Preemptions;
    }
    let reached = (search.traces.len() as u32).checked_sub(1);
    explored.preemptions_covered = match (explored.complete, bounds.preemptions) {
        (true, Some(asked)) => reached.max(Some(asked)),
        _ if went_on || matches!(explored.stopped_by, StoppedBy::Unsupported(_)) => None,
        _ => reached,
    };
    explored.traces_distinct.get_or_insert(search.distinct);
    Bounded {
        explored,
        entries: search.visited.len() as u64,
        memory_bytes: search.bytes() as u64,
        traces: search.traces,
    }
}

/// A decision on the path that is being explored.
#[derive(Clone, Copy, Debug)]
enum Node {
    /// A task's turn or a choice's value, as the place says from which the search goes on.
    Given(u64),
    /// A turn.
    Turn {
        task: TaskId,
        /// The state that it leads to.
        state: u128,
        /// Where in the arena the others begin that could go without a preemption.
        others: usize,
    },
    /// A choice.
    Choice { value: u64, of: u64 },
}

impl Node {
    fn decision(&self) -> u64 {
        match self {
            Node::Given(decision) => *decision,
            Node::Turn { task, .. } => u64::from(task.0),
            Node::Choice { value, .. } => *value,
        }
    }
}

#[derive(Debug)]
struct Search {
    bounds: Bounds,
    /// Whether all operations count as dependent on each other.
    plain_types: bool,
    /// The preemptions of every execution that is run now.
    level: u32,
    started: bool,
    path: Vec<Node>,
    /// Turns still to be taken instead of the path's, with the states that they lead to.
    arena: Vec<(TaskId, u128)>,
    /// The decisions below this one are given by the place from which the search goes on.
    base: usize,
    /// The decision that is made next.
    position: usize,
    hasher: TraceHasher,
    /// Who had the last turn.
    last: Option<TaskId>,
    /// The state that the last turn was to lead to; `None` if it depends on a choice since.
    entered: Option<u128>,
    visited: Visited,
    /// Preemptions to make on this level.
    now: Deferred,
    /// Preemptions to make on the next.
    later: Deferred,
    /// The decisions of the place that was last taken out of `now`.
    prefix: Vec<u64>,
    /// How many of the path's decisions are those of the place that was last put into `later`.
    shared: usize,
    /// How many traces needed this many preemptions, on the levels that are over.
    traces: Vec<u64>,
    distinct: u64,
    /// Whether a preemption was left out.
    is_cut: bool,
    /// Why the search can not go on.
    stop: Option<StoppedBy>,
}

/// Stands for a state after which going to any task is free.
fn free(state: u128) -> u128 {
    mix(state, 0)
}

/// Stands for a state with the task that had the last turn.
fn after(state: u128, last: TaskId) -> u128 {
    mix(state, u128::from(last.0) + 1)
}

impl Search {
    fn new(bounds: Bounds, plain_types: bool) -> Search {
        let hasher = match plain_types {
            true => TraceHasher::of_total_orders(),
            false => TraceHasher::default(),
        };
        Search {
            bounds,
            plain_types,
            level: 0,
            started: false,
            path: Vec::new(),
            arena: Vec::new(),
            base: 0,
            position: 0,
            hasher,
            last: None,
            entered: None,
            visited: Visited::new(),
            now: Deferred::default(),
            later: Deferred::default(),
            prefix: Vec::new(),
            shared: 0,
            traces: Vec::new(),
            distinct: 0,
            is_cut: false,
            stop: None,
        }
    }

    fn bytes(&self) -> usize {
        self.visited.bytes() + self.now.bytes() + self.later.bytes()
    }

    /// Whether all that can follow a state was, or will be, explored with at most this many
    /// preemptions up to there.
    fn covers(&self, state: u128, last: TaskId, cost: u32) -> bool {
        self.visited.covers(after(state, last), cost) || self.visited.covers(free(state), cost)
    }

    fn enter(&mut self, key: u128, cost: u32) {
        let others = self.now.bytes() + self.later.bytes();
        let room = self.bounds.memory_max_bytes.saturating_sub(others);
        if self.visited.enter(key, cost, room).is_err() {
            self.stop = Some(StoppedBy::Memory);
        }
    }

    /// Remembers that a state is entered from which one can go to any task with `cost`
    /// preemptions in all.
    fn enter_freely(&mut self, state: u128, cost: u32) {
        self.enter(free(state), cost);
        match self.entered {
            Some(entered) if entered != state => self.enter(free(entered), cost),
            _ => {}
        }
    }

    /// Goes on from where the path ends. `None` if all that follows is covered.
    fn extend(&mut self, moves: &[Move]) -> Option<TaskId> {
        let state = self.hasher.value();
        let last = self.last;
        let can_go_on = |task: &TaskId| moves.iter().any(|turn| turn.enabled && turn.task == *task);
        let favoured = last.filter(can_go_on);
        if let Some(last) = last
            && self.entered != Some(state)
        {
            // The turn did more than its operation, so only now is the state known.
            if self.covers(state, last, self.level) {
                return None;
            }
            self.enter(after(state, last), self.level);
        }
        self.enter_freely(state, self.level + u32::from(favoured.is_some()));
        let others = self.arena.len();
        let mut chosen = None;
        for turn in moves.iter().filter(|turn| turn.enabled) {
            let next = self.hasher.after(turn.task, turn.op, turn.object);
            if favoured.is_some_and(|favoured| favoured != turn.task) {
                self.put_off(turn.task, next);
            } else if !self.covers(next, turn.task, self.level) {
                match chosen {
                    None => chosen = Some((turn.task, next)),
                    Some(_) => self.arena.push((turn.task, next)),
                }
            }
        }
        let (task, state) = chosen?;
        self.path.push(Node::Turn {
            task,
            state,
            others,
        });
        self.enter(after(state, task), self.level);
        Some(task)
    }

    /// Puts a preemption off to the next level.
    fn put_off(&mut self, task: TaskId, state: u128) {
        let cost = self.level + 1;
        if self.covers(state, task, cost) {
            return;
        }
        self.enter(after(state, task), cost);
        if Some(self.level) == self.bounds.preemptions {
            // It will not be made; whether it would have to be is all that counts.
            self.later.push(state, task, 0, std::iter::empty());
        } else {
            let own = self.path[self.shared..].iter().map(Node::decision);
            self.later.push(state, task, self.shared, own);
            self.shared = self.path.len();
        }
        if self.bytes() > self.bounds.memory_max_bytes || cost >= PREEMPTIONS_MAX {
            self.stop = Some(StoppedBy::Memory);
        }
    }

    /// Repeats a turn of the path. `None` if it is not possible.
    fn repeat(&mut self, moves: &[Move]) -> Option<TaskId> {
        let node = self.path[self.position];
        let chosen = |turn: &&Move| turn.enabled && u64::from(turn.task.0) == node.decision();
        let turn = moves.iter().find(chosen)?;
        let next = self.hasher.after(turn.task, turn.op, turn.object);
        match node {
            Node::Turn { state, .. } if state != next => return None,
            Node::Choice { .. } => return None,
            _ => self.entered = Some(next),
        }
        Some(turn.task)
    }

    /// Turns to the next branch of the path that is not given.
    fn backtrack(&mut self) -> bool {
        while self.path.len() > self.base {
            let at = self.path.len() - 1;
            self.shared = self.shared.min(at);
            match self.path[at] {
                Node::Turn { others, .. } if self.arena.len() > others => {
                    let (task, state) = self.arena.pop().expect("there is one");
                    if !self.covers(state, task, self.level) {
                        self.enter(after(state, task), self.level);
                        self.path[at] = Node::Turn {
                            task,
                            state,
                            others,
                        };
                        return true;
                    }
                }
                Node::Choice { value, of } if value + 1 < of => {
                    let value = value + 1;
                    self.path[at] = Node::Choice { value, of };
                    return true;
                }
                _ => {
                    self.path.pop();
                }
            }
        }
        false
    }

    /// Turns to the next preemption that was put off.
    fn take_up(&mut self) -> bool {
        loop {
            while let Some((place, shared)) = self.now.next(&mut self.prefix) {
                self.shared = self.shared.min(shared);
                if self.is_due(place.state, place.task) {
                    let given = self.prefix.iter().map(|decision| Node::Given(*decision));
                    self.path.clear();
                    self.path.extend(given);
                    self.path.push(Node::Given(u64::from(place.task.0)));
                    self.base = self.path.len();
                    return true;
                }
            }
            if !self.next_level() {
                return false;
            }
        }
    }

    /// Whether a preemption that was put off still has to be made: not if where it leads to was
    /// entered without it.
    fn is_due(&self, state: u128, task: TaskId) -> bool {
        !self.visited.covers(free(state), self.level)
            && self.visited.cost(after(state, task)) == Some(self.level)
    }

    /// Allows another preemption, if there is need of one and the bound lets it.
    fn next_level(&mut self) -> bool {
        self.traces
            .push(self.distinct - self.traces.iter().sum::<u64>());
        self.level += 1;
        let later = self.later.rest().iter();
        let mut due = later.filter(|place| self.is_due(place.state, place.task));
        if due.next().is_none() {
            return false;
        }
        if self
            .bounds
            .preemptions
            .is_some_and(|most| self.level > most)
        {
            self.is_cut = true;
            return false;
        }
        std::mem::swap(&mut self.now, &mut self.later);
        self.later.clear();
        self.prefix.clear();
        self.shared = 0;
        true
    }
}

impl Policy for Search {
    fn begin(&mut self) -> bool {
        self.position = 0;
        self.last = None;
        self.entered = None;
        self.hasher.begin();
        if !self.started {
            self.started = true;
            return true;
        }
        self.backtrack() || self.take_up()
    }

    fn reduces(&self) -> bool {
        !self.plain_types
    }

    fn pick(&mut self, moves: &[Move], _current: TaskId, _tasks: &[&Task]) -> Pick {
        log::with(|log| self.hasher.advance(log));
        let picked = if self.position < self.path.len() {
            let Some(task) = self.repeat(moves) else {
                return Pick::Stop(StoppedBy::Harness(
                    "the same decisions led to other operations: the scenario is not deterministic"
                        .into(),
                ));
            };
            Some(task)
        } else {
            self.extend(moves)
        };
        if let Some(stop) = self.stop.take() {
            return Pick::Stop(stop);
        }
        let Some(task) = picked else {
            return Pick::Blocked;
        };
        if let Some(Node::Turn { state, .. }) = self.path.get(self.position) {
            self.entered = Some(*state);
        }
        self.position += 1;
        self.last = Some(task);
        Pick::Run(task)
    }

    fn choose(&mut self, _name: &'static str, of: u64) -> u64 {
        if self.position == self.path.len() {
            self.path.push(Node::Choice { value: 0, of });
        }
        let value = self.path[self.position].decision();
        self.position += 1;
        self.entered = None;
        value
    }

    fn completed(&mut self, log: &Log) {
        self.hasher.advance(log);
        let state = self.hasher.value();
        // The end is a state like others, but no way to go on leads from there.
        self.distinct += u64::from(self.visited.cost(free(state)).is_none());
        self.enter_freely(state, self.level);
    }
}
