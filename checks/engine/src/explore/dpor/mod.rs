//! Dynamic partial-order reduction: one execution per Mazurkiewicz trace.
//!
//! Source sets with sleep sets, after Abdulla, Aronis, Jonsson and Sagonas, *Optimal dynamic
//! partial order reduction* (POPL 2014) and *Source sets: a foundation for optimal dynamic partial
//! order reduction* (J. ACM 64, 2017), algorithm Source-DPOR; sleep sets are Godefroid's (1996).
//! Where this departs from the paper:
//!
//! - *Operations that can be disabled.* An operation that only enables a later one orders it and
//!   does not race with it ([`cutpoint_event::Relation::Ordered`]); the race is with the operation
//!   that disabled it, further back, and is found there. A race whose reversal is not enabled is
//!   passed over, and the search for races goes on behind it.
//! - *Races of operations that never run.* When an execution ends with tasks that wait, in a
//!   deadlock or because everybody else is asleep, the operations that they wait for are treated as
//!   if they ran last: an earlier place for them may exist. The paper has no need of this, because
//!   there no task disables another; without it, traces of counters that are waited for are lost.
//! - *Choices* are levels of the same tree, enumerated in full.
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
//! Proportional to the longest execution, whatever the number of executions.

mod races;

use self::races::History;
use super::drive::{Body, drive};
use super::turns::{Move, Pick, Policy};
use super::{Explored, Observer, Options, StoppedBy};
use crate::clock::{Clocks, DECLARED, Precedence, place};
use cutpoint_event::{Op, Relation, TaskId};
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

/// A node on the path of the choice tree that is being explored.
#[derive(Clone, Copy, Debug)]
enum Level {
    Turn(Turn),
    Choice { of: u64, value: u64 },
}

/// A turn: who could go, who goes now, who is still to go, and who need not.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Where its moves begin in the arena.
    moves: u32,
    enabled: Tasks,
    chosen: TaskId,
    /// Tasks to explore here, explored ones included.
    backtrack: Tasks,
    /// Tasks whose operation, taken here, was explored: here before, or elsewhere.
    sleep: Tasks,
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
    tasks: u16,
    history: History,
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
            history: History::new(Clocks::new(precedence)),
            broken: None,
        }
    }

    /// Lets tasks that were not seen before start at their parents' clocks. A parent does nothing
    /// that others could notice between spawning and its next turn, so its clock is that of the
    /// moment of spawning.
    fn meet(&mut self, tasks: &[&Task]) {
        for task in tasks {
            let id = TaskId(usize::from(task.id()) as u16);
            if id.0 >= self.tasks {
                self.tasks = id.0 + 1;
                let parent = task.parent_task_id().map_or(0, usize::from);
                self.history.clocks.inherit(id, TaskId(parent as u16));
            }
        }
    }

    /// The tasks whose operation was explored elsewhere when a new turn begins: those of the turn
    /// before whose operation commutes with the one that was taken.
    fn inherited_sleep(&self) -> Tasks {
        let Some(Level::Turn(turn)) = self.last_turn.map(|level| self.levels[level]) else {
            return 0;
        };
        let moves = self.moves_from(turn.moves);
        let Some(taken) = moves.iter().find(|other| other.task == turn.chosen) else {
            return 0;
        };
        let mut asleep = 0;
        let mut left = turn.sleep & !only(turn.chosen);
        for other in moves {
            if left == 0 {
                break;
            }
            if left & only(other.task) != 0 {
                left &= !only(other.task);
                if commute(taken, other) {
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

    /// Enters a level that was not there before. `None` if nobody awake can go.
    fn open(&mut self, moves: &[Move], enabled: Tasks, current: TaskId) -> Option<TaskId> {
        let sleep = self.inherited_sleep();
        let awake = enabled & !sleep;
        if awake == 0 {
            return None;
        }
        let chosen = if awake & only(current) != 0 {
            current
        } else {
            lowest(awake)
        };
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(moves);
        self.levels.push(Level::Turn(Turn {
            moves: start,
            enabled,
            chosen,
            backtrack: only(chosen),
            sleep,
        }));
        Some(chosen)
    }

    /// Repeats a level. `None` if it is not the same as before.
    fn repeat(&mut self, moves: &[Move], enabled: Tasks) -> Option<TaskId> {
        let Level::Turn(turn) = self.levels[self.position] else {
            return None;
        };
        let same = self.moves_from(turn.moves).starts_with(moves);
        (same && turn.enabled == enabled).then_some(turn.chosen)
    }

    fn nondeterministic(&mut self) -> Pick {
        let why = self.broken.take().unwrap_or_else(|| {
            "the same decisions led to other operations: the scenario is not deterministic".into()
        });
        Pick::Stop(StoppedBy::Harness(why))
    }
}

impl Policy for Dpor {
    fn begin(&mut self) -> bool {
        self.position = 0;
        self.last_turn = None;
        self.tasks = 1;
        self.history.clear();
        if !self.started {
            self.started = true;
            return true;
        }
        while let Some(last) = self.levels.last_mut() {
            match last {
                Level::Choice { of, value } => {
                    if *value + 1 < *of {
                        *value += 1;
                        self.fresh = self.levels.len() - 1;
                        return true;
                    }
                }
                Level::Turn(turn) => {
                    turn.sleep |= only(turn.chosen);
                    let left = turn.backtrack & !turn.sleep;
                    if left != 0 {
                        turn.chosen = lowest(left);
                        self.fresh = self.levels.len() - 1;
                        return true;
                    }
                    self.arena.truncate(turn.moves as usize);
                }
            }
            self.levels.pop();
        }
        false
    }

    fn pick(&mut self, moves: &[Move], current: TaskId, tasks: &[&Task]) -> Pick {
        self.meet(tasks);
        if usize::from(self.tasks) > TASKS_MAX {
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
            self.reverse_races(taken);
        }
        self.history.take(taken, self.position as u32);
        self.last_turn = Some(self.position);
        self.position += 1;
        Pick::Run(chosen)
    }

    fn choose(&mut self, _name: &'static str, of: u64) -> u64 {
        if self.position == self.levels.len() {
            self.levels.push(Level::Choice { of, value: 0 });
        }
        self.position += 1;
        match self.levels[self.position - 1] {
            Level::Choice {
                of: before, value, ..
            } if before == of => value,
            level => {
                let why = format!("a choice out of {of} where there was {level:?} before");
                self.broken = Some(why);
                0
            }
        }
    }

    fn ended(&mut self, moves: &[Move]) {
        for waiting in moves.iter().filter(|turn| !turn.enabled) {
            self.reverse_races(waiting);
        }
    }
}

/// Whether two tasks' operations can be swapped without anyone noticing.
fn commute(a: &Move, b: &Move) -> bool {
    a.object != b.object
        || (a.op.before(b.op) == Relation::Independent
            && b.op.before(a.op) == Relation::Independent)
}

/// The index of an object in arrays per object.
fn index(turn: &Move) -> usize {
    place(turn.object)
}
