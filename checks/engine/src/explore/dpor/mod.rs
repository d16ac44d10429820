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
//! Tasks are numbered in order of creation. Where two tasks spawn tasks concurrently, the numbers
//! depend on their order and equal traces are explored as different ones; spawn from the main task.
//!
//! # Memory
//! Proportional to the longest execution, and to the branches that wait on the current path.

mod history;
mod races;
mod wakeup;

use self::history::{History, Race, Waits};
use self::wakeup::{Action, Event, Link, NONE, Pool, Sequence, independent};
use super::drive::{Body, drive};
use super::turns::{Move, Pick, Policy};
use super::{Explored, Observer, Options, StoppedBy};
use crate::clock::{DECLARED, Precedence};
use cutpoint_event::{Op, TaskId, log};
use shuttle_engine::scheduler::Task;
use std::sync::Arc;

/// The number of tasks that one execution may have: sets of tasks are the bits of one word.
pub const TASKS_MAX: usize = 64;

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

/// Explores with a known mistake in the algorithm.
pub fn explore_with(
    mistake: Mistake,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> Explored {
    let body: Body = Arc::new(body);
    let mut explored = drive(Dpor::new(mistake), true, options, body, observe).0;
    // Sleep sets never let two executions of one trace complete (Godefroid, 1996), so
    // the completed ones need not be compared.
    let completed = explored.executions - explored.sleep_blocked;
    explored.traces_distinct.get_or_insert(completed);
    explored
}

/// A set of tasks.
type Tasks = u64;

fn only(task: TaskId) -> Tasks {
    1 << task.0
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
    levels: Vec<Level>,
    /// The moves of every turn on the path, one turn after the other.
    arena: Vec<Move>,
    /// The level that is decided next.
    position: usize,
    /// Levels below this one are a repetition: their races were looked for before.
    fresh: usize,
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
    broken: Option<String>,
}

impl Dpor {
    fn new(mistake: Mistake) -> Dpor {
        let mut precedence: Precedence = DECLARED;
        if mistake == Mistake::ReadersOrderReaders {
            precedence[Op::AcquireShared as usize] |= 1 << Op::ReleaseShared as usize;
        }
        Dpor {
            mistake,
            levels: Vec::new(),
            arena: Vec::new(),
            position: 0,
            fresh: 0,
            last_turn: None,
            started: false,
            tasks: 1,
            history: History::new(precedence),
            pool: Pool::new(),
            followed: NONE,
            waits: Waits::new(),
            sequence: Sequence::default(),
            numbers: Vec::new(),
            by_first: Vec::new(),
            broken: None,
        }
    }

    /// The tasks whose operation was explored elsewhere when a new level begins: those of the turn
    /// before whose operation commutes with the one that was taken.
    fn inherited_sleep(&self) -> Tasks {
        let Some(level) = self.last_turn.map(|level| self.levels[level]) else {
            return 0;
        };
        let Kind::Turn { chosen, .. } = level.kind else {
            return 0;
        };
        let moves = self.moves_from(level.moves);
        let Some(taken) = moves.iter().find(|other| other.task == chosen) else {
            return 0;
        };
        let mut asleep = 0;
        let mut left = level.sleep & !only(chosen);
        for other in moves {
            if left == 0 {
                break;
            }
            if left & only(other.task) != 0 {
                left &= !only(other.task);
                if taken.object != other.object || independent(taken.op, other.op) {
                    asleep |= only(other.task);
                }
            }
        }
        asleep
    }

    /// The arena from a turn's first move on. The turn's own moves are in order of their tasks and
    /// come first, so the first move of a task that was there is that turn's.
    fn moves_from(&self, start: u32) -> &[Move] {
        &self.arena[start as usize..]
    }

    /// Takes the first of the followed branches whose event is `possible`. What lies behind it is
    /// followed next; the others are what the new level still has to explore.
    fn follow_branch(&mut self, possible: impl Fn(&Event) -> bool) -> (Option<Event>, Link) {
        let mut branches = std::mem::replace(&mut self.followed, NONE);
        while let Some((event, mut behind)) = self.pool.take(&mut branches) {
            if possible(&event) {
                self.followed = behind;
                return (Some(event), branches);
            }
            self.pool.discard(&mut behind);
        }
        (None, NONE)
    }

    /// Enters a turn that was not there before. `None` if nobody awake can go.
    fn open(&mut self, moves: &[Move], enabled: Tasks, current: TaskId) -> Option<TaskId> {
        let sleep = self.inherited_sleep();
        let awake = enabled & !sleep;
        let (event, branches) = self.follow_branch(|event| {
            matches!(event.action, Action::Turn { .. }) && awake & only(event.task) != 0
        });
        let chosen = match event {
            Some(event) => event.task,
            None if awake == 0 => return None,
            None if awake & only(current) != 0 => current,
            None => lowest(awake),
        };
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(moves);
        self.levels.push(Level {
            moves: start,
            known: places(),
            sleep,
            branches,
            kind: Kind::Turn { enabled, chosen },
        });
        Some(chosen)
    }

    /// Enters a choice that was not there before.
    fn open_choice(&mut self, task: TaskId, of: u64) {
        let (event, branches) = self.follow_branch(|event| {
            event.task == task && matches!(event.action, Action::Choice { value } if value < of)
        });
        let value = match event.map(|event| event.action) {
            Some(Action::Choice { value }) => value,
            _ => 0,
        };
        let turn = self.last_turn.map(|level| self.levels[level].moves);
        self.levels.push(Level {
            moves: turn.unwrap_or(0),
            known: places(),
            sleep: self.inherited_sleep(),
            branches,
            kind: Kind::Choice {
                task,
                of,
                value,
                spent: NONE,
            },
        });
    }

    /// Repeats a turn. `None` if it is not the same as before.
    fn repeat(&mut self, moves: &[Move], enabled: Tasks) -> Option<TaskId> {
        let level = self.levels[self.position];
        let same_moves = self.moves_from(level.moves).starts_with(moves);
        match level.kind {
            Kind::Turn {
                enabled: before,
                chosen,
            } if same_moves && enabled == before => Some(chosen),
            _ => None,
        }
    }

    fn nondeterministic(&mut self) -> Pick {
        let why = self.broken.take().unwrap_or_else(|| {
            "the same decisions led to other operations: the scenario is not deterministic".into()
        });
        Pick::Stop(StoppedBy::Harness(why))
    }

    /// Remembers which operations wait for their objects as they are now.
    fn note_waits(&mut self, moves: &[Move]) {
        for waiting in moves.iter().filter(|turn| !turn.enabled) {
            if let Some(state) = self.history.new_state(waiting) {
                self.waits.insert(state);
            }
        }
    }

    /// Notices the races of an operation that is about to run, or that waits for ever.
    fn find_races(&mut self, pending: &Move) {
        let levels = &self.levels;
        self.history.find_races(pending, |number| {
            matches!(levels[number as usize].kind, Kind::Turn { enabled, .. }
                if enabled & only(pending.task) != 0)
        });
    }

    /// Marks what the last level decides now as explored.
    fn spend(&mut self) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        match &mut level.kind {
            Kind::Turn { chosen, .. } => level.sleep |= only(*chosen),
            Kind::Choice {
                task, value, spent, ..
            } => {
                let action = Action::Choice { value: *value };
                let event = Event {
                    task: *task,
                    action,
                };
                self.pool.push(spent, event);
            }
        }
    }

    /// Lets the last level decide for its next branch, if it has one.
    ///
    /// A branch that begins with a task that could not go is passed over: the operation that it was
    /// planned for waits, inside a plain shuttle type, for the very operation that it was to
    /// precede. (Whether announced operations are enabled is asked when they are planned.)
    fn advance(&mut self) -> bool {
        let Some(level) = self.levels.last_mut() else {
            return false;
        };
        while let Some((event, mut behind)) = self.pool.take(&mut level.branches) {
            match (&mut level.kind, event.action) {
                (Kind::Turn { enabled, chosen }, Action::Turn { .. })
                    if *enabled & only(event.task) != 0 =>
                {
                    *chosen = event.task;
                }
                (Kind::Choice { value, .. }, Action::Choice { value: next }) => *value = next,
                _ => {
                    self.pool.discard(&mut behind);
                    continue;
                }
            }
            self.followed = behind;
            return true;
        }
        false
    }
}

impl Policy for Dpor {
    fn begin(&mut self) -> bool {
        self.position = 0;
        self.last_turn = None;
        self.tasks = 1;
        if !self.started {
            self.started = true;
            return true;
        }
        self.pool.discard(&mut self.followed);
        self.plan();
        loop {
            self.spend();
            if self.advance() {
                self.fresh = self.levels.len() - 1;
                self.history.begin(self.fresh);
                return true;
            }
            match self.levels.pop() {
                None => return false,
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
        true
    }

    fn pick(&mut self, moves: &[Move], current: TaskId, _tasks: &[&Task]) -> Pick {
        if self.tasks > TASKS_MAX {
            let why = format!("more than {TASKS_MAX} tasks");
            return Pick::Stop(StoppedBy::Unsupported(why));
        }
        let enabled = moves.iter().filter(|turn| turn.enabled);
        let enabled = enabled.fold(0, |set, turn| set | only(turn.task));
        let chosen = if self.broken.is_some() {
            return self.nondeterministic();
        } else if self.position < self.levels.len() {
            match self.repeat(moves, enabled) {
                Some(chosen) => chosen,
                None => return self.nondeterministic(),
            }
        } else {
            match self.open(moves, enabled, current) {
                Some(chosen) => chosen,
                None => {
                    self.ended(moves);
                    return Pick::Blocked;
                }
            }
        };
        let Some(taken) = moves.iter().find(|turn| turn.task == chosen) else {
            return self.nondeterministic();
        };
        if self.position >= self.fresh {
            self.note_waits(moves);
            self.find_races(taken);
        }
        self.history.take(taken);
        self.last_turn = Some(self.position);
        self.position += 1;
        Pick::Run(chosen)
    }

    fn choose(&mut self, _name: &'static str, of: u64) -> u64 {
        let task = log::current_task();
        if self.position == self.levels.len() {
            self.open_choice(task, of);
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

    fn ended(&mut self, moves: &[Move]) {
        for waiting in moves.iter().filter(|turn| !turn.enabled) {
            self.find_races(waiting);
        }
    }
}

/// The place after that of the last object of this execution so far.
fn places() -> usize {
    log::with(|log| log.objects.len() + 1)
}
