//! Dynamic partial-order reduction: one execution per Mazurkiewicz trace.
//!
//! Optimal DPOR with wakeup trees and sleep sets, after Abdulla, Aronis, Jonsson and Sagonas,
//! *Optimal dynamic partial order reduction* (POPL 2014) and *Source sets: a foundation for optimal
//! dynamic partial order reduction* (J. ACM 64, 2017); sleep sets are Godefroid's (1996). When an
//! execution is over, every race in it asks for an execution with the other order: the sequence of
//! all that follows the earlier operation without depending on it, then the later operation. The
//! sequence goes into the wakeup tree of the earlier operation's turn, unless something explored
//! there, or asleep there, may come first in it. So whatever is asleep where a branch ends has
//! been woken on the way, and no execution ends with everything asleep.
//!
//! Where this departs from the paper:
//!
//! - *Operations that can be disabled.* An operation that only enables a later one orders it and
//!   does not race with it ([`cutpoint_event::Relation::Ordered`]); the race is with the operation
//!   that disabled it, further back, and is found there. A race whose reversal is surely not
//!   enabled is passed over, and the search for races goes on behind it: the operation is known not
//!   to be enabled if it was seen to wait with the same done to its object. That is not all there
//!   is to know: a branch that turns out not to be possible is left where it stops being so, and
//!   the exploration goes on from there as from the end of a branch, which covers more than was
//!   asked for. And several operations may disable one together, so going before all of them is
//!   asked for, too.
//! - *Operations that never run.* When an execution ends with tasks that wait, in a deadlock or
//!   because everybody else is asleep, the operations that they wait for are treated as if they ran
//!   last: an earlier place for them may exist. The paper has no need of this, because there no
//!   task disables another; without it, traces of counters that are waited for are lost.
//! - *Choices* are events of their own. The values of one choice exclude each other, so each value
//!   asks for the others as a race asks for the other order: the other value, then all that does
//!   not depend on the choice. A choice commutes with everything that other tasks do, so this may
//!   turn out to be explored elsewhere. A branch that passes a choice fixes its value, because what
//!   follows in it depends on that; where a branch ends before a choice, the value is the first,
//!   and asks for the others in turn.
//! - *Branches are short*: see `wakeup.rs`.
//! - *Operations that need no turn.* What a task does between its operations, its first steps, and
//!   everything it does while it is the only task, is part of the operation before. That is sound
//!   because it commutes with, or is ordered by spawning and joining with, everything that other
//!   tasks do: a task inherits its parent's clock when it is first seen, and joining is an
//!   operation that joins the ended task's clock, so a task that is alone happens after everything.
//!
//! - *Plain shuttle types* announce nothing, so where they are used all turns count as dependent on
//!   each other, whatever was announced: see [`super`]. Then no order is left out.
//!
//! Tasks are numbered in order of creation. Where two tasks spawn tasks concurrently, the numbers
//! depend on their order and equal traces are explored as different ones; spawn from the main task.
//!
//! # Memory
//! Proportional to the longest execution, and to the branches that wait on the current path.

mod history;
mod limits;
mod path;
mod probe;
mod races;
mod split;
mod state;
mod undecided;
mod waits;
mod wakeup;

pub use state::PathState;

use self::history::{History, Race};
use self::limits::{Limit, Limits};
use self::split::Part;
use self::waits::Waits;
use self::wakeup::{Link, NONE, Pool, Sequence};
use super::drive::{Body, drive_kept, explore_again};
use super::kept::{Keep, Keeping, SearchState};
use super::turns::{Move, Pick, Policy};
use super::{Explored, Observer, Options, StoppedBy};
use crate::clock::{DECLARED, Precedence};
use cutpoint_event::{ObjectId, Op, TaskId, log};
use shuttle_engine::scheduler::Task;
use std::sync::Arc;

/// The number of tasks that one execution may have: sets of tasks are the bits of one word.
pub const TASKS_MAX: usize = 64;

/// What all operations act on that nobody announced: what there is before any object.
const PLAIN: ObjectId = ObjectId(u32::MAX);

/// Known ways to get the algorithm wrong, for tests that show that the differential oracle notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mistake {
    /// None: the algorithm as it should be.
    #[default]
    None,
    /// Backtrack sets of Flanagan and Godefroid (POPL 2005), which add the racing task itself, are
    /// complete alone but not together with sleep sets.
    BacktrackSets,
    /// Giving a shared lock back orders later shared acquisitions, which hides races between
    /// readers' other operations.
    ReadersOrderReaders,
}

/// Explores one execution of every trace of `body`.
pub fn explore(
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> Explored {
    explore_with(Mistake::None, options, body, observe)
}

/// Explores like [`explore`], from where an earlier exploration was left, if `start` says where,
/// and lets `keep` have its state between executions.
///
/// What is found is the same as if the search had never been left, if all that decides it is: the
/// program, the options but for the budgets, and what the observer makes of what it has seen. The
/// time that [`Options::time`] allows is that of this call. A search that has found something has
/// no state to go on from: `keep` is not asked then.
///
/// # Errors
/// If no search was ever in the state to start from.
pub fn explore_kept(
    start: Option<SearchState>,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
    keep: Keep<'_>,
) -> Result<Explored, String> {
    let body: Body = Arc::new(body);
    let mut options = options.clone();
    let mut first = match &start {
        None => None,
        Some(state) => {
            options.plain_types |= state.plain_types;
            Some(match &state.path {
                None => Dpor::new(Mistake::None, Part::default(), options.plain_types),
                Some(path) => Dpor::from_state(path, options.plain_types)?,
            })
        }
    };
    let mut start = start;
    Ok(explore_again(&options, |options, before| {
        let (policy, runs, split) = match first.take() {
            Some(policy) => (policy, 0, 0),
            None => begin(Mistake::None, options, before, &body),
        };
        let keeping = Keeping {
            start: start.take(),
            runs,
            split,
            keep: Some(&mut *keep),
        };
        counted(policy, options, &body, &mut *observe, keeping)
    }))
}

/// Explores with a known mistake in the algorithm.
pub fn explore_with(
    mistake: Mistake,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> Explored {
    let body: Body = Arc::new(body);
    explore_again(options, |options, before| {
        let (policy, runs, split) = begin(mistake, options, before, &body);
        let keeping = Keeping::nothing(runs, split);
        counted(policy, options, &body, &mut *observe, keeping)
    })
}

/// The beginning of a search, after so many executions of one that was given up. Answers also how
/// many executions there are then, and what stands for the way in which the search is split.
fn begin(mistake: Mistake, options: &Options, before: u64, body: &Body) -> (Dpor, u64, u64) {
    let part = split::part(options, body);
    let (runs, digest, plain_types) = (before + part.runs, part.digest, part.plain_types);
    (Dpor::new(mistake, part, plain_types), runs, digest)
}

/// Explores, and counts the traces. Sleep sets never let two executions of one trace complete
/// (Godefroid, 1996), so the completed ones need not be compared, unless more of them count as
/// different here than are.
fn counted(
    policy: Dpor,
    options: &Options,
    body: &Body,
    observe: Observer<'_>,
    keeping: Keeping<'_>,
) -> Explored {
    let plain_types = policy.plain_types;
    let options = Options {
        plain_types,
        count_traces: options.count_traces || plain_types,
        ..options.clone()
    };
    let body = body.clone();
    let (mut explored, _) = drive_kept(policy, true, &options, body, observe, Some(keeping));
    let completed = explored.executions - explored.sleep_blocked;
    explored.traces_distinct.get_or_insert(completed);
    explored
}

/// A set of tasks.
type Tasks = u64;

fn only(task: TaskId) -> Tasks {
    1 << task.0
}

/// The moves of those who are not allowed to go.
fn waiting(moves: &[Move], allowed: Tasks) -> impl Iterator<Item = &Move> {
    let is_waiting = move |turn: &&Move| allowed & only(turn.task) == 0;
    moves.iter().filter(is_waiting)
}

fn lowest(tasks: Tasks) -> TaskId {
    TaskId(tasks.trailing_zeros() as u16)
}

/// A node on the path that is being explored. The level number n decides the event number n.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Where in the arena the moves of its turn begin, or of the turn before, for a choice.
    moves: u32,
    /// The place after that of the last object there is.
    known: usize,
    /// Tasks whose operation, taken here, was explored: here before, or elsewhere.
    sleep: Tasks,
    /// What is still to be explored from here on.
    branches: Link,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A turn: who could go, and who goes now.
    Turn { enabled: Tasks, chosen: TaskId },
    /// A choice: out of how many, which value now, and which were explored.
    Choice {
        task: TaskId,
        of: u64,
        value: u64,
        spent: Link,
    },
}

#[derive(Debug)]
struct Dpor {
    mistake: Mistake,
    /// Whether all operations count as one that nobody announced.
    plain_types: bool,
    levels: Vec<Level>,
    /// The moves of every turn on the path, one turn after the other.
    arena: Vec<Move>,
    /// The level that is decided next.
    position: usize,
    /// Levels below this one are a repetition whose races are still known.
    raced: usize,
    /// The last turn on the path.
    last_turn: Option<usize>,
    started: bool,
    /// The number of tasks seen in this execution.
    tasks: usize,
    history: History,
    pool: Pool,
    /// What to explore from the end of the path on; the first of these branches is followed.
    followed: Link,
    waits: Waits,
    sequence: Sequence,
    /// The numbers of the events that the sequence was made of.
    numbers: Vec<usize>,
    by_first: Vec<Race>,
    limits: Limits,
    /// The limits of the searches that are still to be made.
    units: std::vec::IntoIter<Vec<Limit>>,
    /// The moves of this turn, where they count as others.
    counted: Vec<Move>,
    /// Whether there is to be one execution only.
    is_probe: bool,
    broken: Option<String>,
}

impl Dpor {
    /// Searches one after the other, each under its limits.
    fn new(mistake: Mistake, part: Part, plain_types: bool) -> Dpor {
        let mut precedence: Precedence = DECLARED;
        if mistake == Mistake::ReadersOrderReaders {
            precedence[Op::AcquireShared as usize] |= 1 << Op::ReleaseShared as usize;
        }
        Dpor {
            mistake,
            plain_types,
            levels: Vec::new(),
            arena: Vec::new(),
            position: 0,
            raced: 0,
            last_turn: None,
            started: false,
            tasks: 1,
            history: History::new(precedence),
            pool: Pool::new(),
            followed: NONE,
            waits: Waits::default(),
            sequence: Sequence::default(),
            numbers: Vec::new(),
            by_first: Vec::new(),
            limits: Limits::default(),
            units: part.units.into_iter(),
            counted: Vec::new(),
            is_probe: false,
            broken: None,
        }
    }

    fn nondeterministic(&mut self) -> Pick {
        let why = self.broken.take().unwrap_or_else(|| {
            "the same decisions led to other operations: the scenario is not deterministic".into()
        });
        Pick::Stop(StoppedBy::Harness(why))
    }

    /// Remembers which operations wait for their objects as they are now.
    fn note_waits(&mut self, moves: &[Move], allowed: Tasks) {
        for waiting in waiting(moves, allowed) {
            if let Some(state) = self.history.new_state(waiting) {
                self.waits.insert(state);
            }
        }
    }

    /// Notices the races of an operation that is about to run, or that waits for ever.
    fn find_races(&mut self, pending: &Move) {
        let levels = &self.levels;
        self.history.find_races(pending, &self.limits, |number| {
            matches!(levels[number as usize].kind, Kind::Turn { enabled, .. }
                if enabled & only(pending.task) != 0)
        });
    }

    /// Those who can go and whom no limit holds back.
    fn allowed(&self, moves: &[Move]) -> Tasks {
        let enabled = moves.iter().filter(|turn| turn.enabled);
        let allowed = enabled.filter(|turn| !self.limits.hold_back(turn));
        allowed.fold(0, |set, turn| set | only(turn.task))
    }

    /// Enters the turn after the last level of the path. `None` if nobody can go on from there.
    fn enter(&mut self, moves: &[Move], current: TaskId) -> Option<TaskId> {
        let allowed = self.allowed(moves);
        let chosen = self.open(moves, allowed, current);
        match chosen {
            Some(_) => self.note_waits(moves, allowed),
            None => waiting(moves, allowed).for_each(|turn| self.find_races(turn)),
        }
        chosen
    }

    /// Decides a turn. None of the moves need be enabled.
    fn decide(&mut self, moves: &[Move], current: TaskId) -> Pick {
        if self.tasks > TASKS_MAX {
            let why = format!("more than {TASKS_MAX} tasks");
            return Pick::Stop(StoppedBy::Unsupported(why));
        }
        let chosen = if self.broken.is_some() {
            return self.nondeterministic();
        } else if self.limits.is_left {
            return Pick::Blocked;
        } else if self.position < self.levels.len() {
            match self.repeat(moves) {
                Some(chosen) => chosen,
                None => return self.nondeterministic(),
            }
        } else {
            match self.enter(moves, current) {
                Some(chosen) => chosen,
                None => return Pick::Blocked,
            }
        };
        let Some(taken) = moves.iter().find(|turn| turn.task == chosen) else {
            return self.nondeterministic();
        };
        if self.position >= self.raced {
            self.find_races(taken);
        }
        self.limits.take(self.position, taken);
        self.history.take(taken);
        self.last_turn = Some(self.position);
        self.position += 1;
        Pick::Run(chosen)
    }

    /// The operation, or one that nobody announced in its place.
    fn counted_as(&self, turn: &Move) -> Move {
        match self.plain_types {
            true => Move {
                op: Op::Unannounced,
                object: PLAIN,
                ..*turn
            },
            false => *turn,
        }
    }

    /// Begins the next search. `false` if there is none.
    fn next_unit(&mut self) -> bool {
        let Some(limits) = self.units.next() else {
            return false;
        };
        self.limits = Limits::new(limits);
        self.waits.clear();
        self.raced = 0;
        self.history.begin(0);
        true
    }
}

impl Policy for Dpor {
    fn begin(&mut self) -> bool {
        self.position = 0;
        self.last_turn = None;
        self.tasks = 1;
        if !self.started {
            self.started = true;
            return self.next_unit();
        }
        if self.is_probe {
            return false;
        }
        self.pool.discard(&mut self.followed);
        self.plan();
        loop {
            self.spend();
            if self.advance() {
                // The last level decides something else now.
                self.raced = self.levels.len() - 1;
                self.history.begin(self.raced);
                self.limits.begin(self.raced);
                return true;
            }
            match self.levels.pop() {
                None => return self.next_unit(),
                Some(level) => match level.kind {
                    Kind::Turn { .. } => self.arena.truncate(level.moves as usize),
                    Kind::Choice { mut spent, .. } => self.pool.discard(&mut spent),
                },
            }
        }
    }

    fn meet(&mut self, tasks: &[&Task]) {
        for task in tasks {
            let id = usize::from(task.id());
            if id >= self.tasks {
                self.tasks = id + 1;
                let parent = task.parent_task_id().map_or(0, usize::from);
                let (child, parent) = (TaskId(id as u16), TaskId(parent as u16));
                self.history.inherit(child, parent);
            }
        }
    }

    fn reduces(&self) -> bool {
        !self.plain_types
    }

    fn pick(&mut self, moves: &[Move], current: TaskId, _tasks: &[&Task]) -> Pick {
        if !self.plain_types {
            return self.decide(moves, current);
        }
        let mut counted = std::mem::take(&mut self.counted);
        counted.clear();
        counted.extend(moves.iter().map(|turn| self.counted_as(turn)));
        let pick = self.decide(&counted, current);
        self.counted = counted;
        pick
    }

    fn choose(&mut self, _name: &'static str, of: u64) -> u64 {
        let task = log::current_task();
        let allows = self.limits.choose(self.position, task);
        let is_new = self.position == self.levels.len();
        if self.limits.is_left || (is_new && !self.open_choice(task, of, allows)) {
            self.limits.is_left = true;
            return 0;
        }
        self.position += 1;
        match self.levels[self.position - 1].kind {
            Kind::Choice {
                of: before, value, ..
            } if before == of => {
                self.history.choose(task, value);
                value
            }
            kind => {
                let why = format!("a choice out of {of} where there was {kind:?} before");
                self.broken = Some(why);
                0
            }
        }
    }

    fn save(&self) -> Option<PathState> {
        Some(self.to_state())
    }

    fn is_elsewhere(&mut self) -> bool {
        self.limits.is_left || !self.limits.are_met()
    }

    fn ended(&mut self, moves: &[Move]) {
        for waiting in moves.iter().filter(|turn| !turn.enabled) {
            self.find_races(&self.counted_as(waiting));
        }
    }
}
