//! The lock order: who takes what under what, with waits counted as locks, in both designs.
//!
//! A file has one folio, and tasks are at work on it: a buffered write, a page fault, writeback and
//! its completion, a truncate, a direct write and its completion, an allocation that forces a
//! commit, a change of the address space, and the commit itself. [`program`] says what each of them
//! locks and waits for; [`wait`](self) says who waits for whom. That is all there is: a deadlock is
//! a cycle.
//!
//! Besides locks, four things can be waited for, and take part in cycles like locks: the start of a
//! handle, which waits while a transaction is locked or the log is full; the end of a commit; a
//! folio's writeback; the count of direct I/O.
//!
//! # What is left out, and why that is sound
//!
//! - **What the locks protect.** The other models judge that. Here a task does nothing under its
//!   locks but take more of them.
//! - **Releases are no steps.** A release never waits, and it only lets others go on. So a task
//!   releases what it is to release in the step before, and every deadlock is still reached.
//! - **Spinlocks and `s_orphan_lock`,** which are taken last and under which nobody waits.
//! - **One folio.** A second one that is locked in ascending order adds no cycle, and a path that
//!   locks two in another order would be a mistake of its own.
//! - **Tasks run once.** A task that runs again begins without locks, as a second task of its kind
//!   does, and [`Config::tasks`] may name a kind twice.
//!
//! # Symmetry
//!
//! Tasks of one kind are alike, so [`representative`] takes states that differ in which of them is
//! where for one.

use crate::check::Specification;
use crate::invariants::{Condition, Invariant, properties};
use crate::readable::drawing;
use crate::rule::Rule;
use crate::step::{Action, Step};
use program::Op;
use stateright::{Model, Property};
use std::fmt;

pub mod config;
pub mod program;
pub mod state;
mod wait;

mod rules;

pub use config::{CROWD, Config, Design, Lock, Task};
pub use state::State;
use wait::has_cycle;

/// The rules of the iomap design.
pub const RULES: &[Rule] = &[
    Rule::OneOrderOfFolioAndHandle,
    Rule::NoOrderedDataUnderFolioLock,
    Rule::ZeroOutsideHandle,
    Rule::StopHandleBeforeThrottle,
    Rule::FaultInBeforeFolioLock,
    Rule::FaultWithoutInodeLock,
    Rule::CompleteWithoutFolioLock,
    Rule::InvalidateLockBeforeHandle,
    Rule::HandleBeforeDataSem,
    Rule::ForceCommitWithoutHandle,
    Rule::WaitForDirectIoWithoutHandle,
];

/// The rules of the buffer_head design.
pub const BUFFER_HEAD_RULES: &[Rule] = &[
    Rule::OneOrderOfFolioAndHandle,
    Rule::OrderedDataNeedsNoHandle,
    Rule::SubmitBeforeNextHandle,
    Rule::ReserveHandleForCompletion,
    Rule::StopHandleBeforeThrottle,
    Rule::FaultInBeforeFolioLock,
    Rule::FaultWithoutInodeLock,
    Rule::CompleteWithoutFolioLock,
    Rule::InvalidateLockBeforeHandle,
    Rule::ForceCommitWithoutHandle,
    Rule::WaitForDirectIoWithoutHandle,
];

/// Where a step happens: which task of its kind, and on which lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The task.
    pub task: u8,
    /// The lock, if the step takes one.
    pub lock: Option<Lock>,
    /// Whether there are more tasks of the kind.
    pub is_one_of_many: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lock = self.lock.map(|lock| lock.to_string());
        let task = self
            .is_one_of_many
            .then(|| format!("by task {}", self.task));
        let words: Vec<_> = lock.into_iter().chain(task).collect();
        f.write_str(&words.join(" "))
    }
}

/// The model of one configuration.
#[derive(Clone, Debug)]
pub struct LockOrder {
    config: Config,
    programs: Vec<Vec<Op>>,
}

impl LockOrder {
    /// The model of `config`.
    ///
    /// # Panics
    ///
    /// If there are more than 16 tasks.
    pub fn new(config: Config) -> Self {
        assert!(config.tasks.len() <= 16, "there are at most 16 tasks");
        let programs = config.tasks.iter();
        let programs = programs.map(|task| program::of(&config, *task)).collect();
        Self { config, programs }
    }

    fn tasks(&self) -> usize {
        self.programs.len()
    }

    /// What a task does next, unless it has finished.
    fn next_op(&self, state: &State, task: usize) -> Option<Op> {
        let done = usize::from(state.at[task]);
        self.programs[task].get(done).copied()
    }

    fn done(&self, state: &State, task: usize) -> &[Op] {
        &self.programs[task][..usize::from(state.at[task])]
    }

    /// How a task holds a lock: not, or exclusively or not.
    fn holds(&self, state: &State, task: usize, lock: Lock) -> Option<bool> {
        let last = self.done(state, task).iter().rev().find_map(|op| match op {
            Op::Exclusive(of) if *of == lock => Some(Some(true)),
            Op::Shared(of) if *of == lock => Some(Some(false)),
            Op::Release(of) if *of == lock => Some(None),
            _ => None,
        });
        last.flatten()
    }

    /// The tasks that hold a lock in a way that is `wanted`.
    fn holders(&self, state: &State, lock: Lock, wanted: fn(bool) -> bool) -> Vec<usize> {
        let holds = |task: &usize| self.holds(state, *task, lock).is_some_and(wanted);
        (0..self.tasks()).filter(holds).collect()
    }

    /// Whether a task has a handle open.
    fn has_handle(&self, state: &State, task: usize) -> bool {
        let ops = self.done(state, task).iter().rev();
        let mut marks = ops.filter_map(|op| match op {
            Op::StartHandle | Op::StartReservedHandle => Some(true),
            Op::StopHandle => Some(false),
            _ => None,
        });
        marks.next().unwrap_or(false)
    }

    /// Whether a task can take its next step.
    fn can_step(&self, state: &State, task: usize) -> bool {
        match self.next_op(state, task) {
            None => false,
            Some(Op::Take(program::Work::Ioend)) => state.ioend,
            Some(Op::Take(program::Work::Dio)) => state.dio_done,
            Some(_) => wait::blockers(self, state, task).is_empty(),
        }
    }

    fn action(&self, state: &State, task: usize) -> Action<Place> {
        let kind = self.config.tasks[task];
        let op = self.next_op(state, task).expect("the task has not ended");
        let (step, lock) = named(op);
        let alike = self.config.tasks.iter().filter(|other| **other == kind);
        let place = Place {
            task: u8::try_from(task).expect("there are few tasks"),
            lock,
            is_one_of_many: alike.count() > 1,
        };
        Action::on(kind.actor(), step, place)
    }

    /// Does the next operation of a task, and after it all that never wait.
    fn advance(&self, state: &mut State, task: usize) {
        loop {
            let op = self.next_op(state, task).expect("the task has not ended");
            state.at[task] += 1;
            match op {
                Op::SetWriteback => state.writeback = true,
                Op::EndWriteback => state.writeback = false,
                Op::Submit(program::Work::Ioend) => state.ioend = true,
                Op::Submit(program::Work::Dio) => state.dio_done = true,
                Op::Take(program::Work::Ioend) => state.ioend = true,
                Op::BeginDio => state.dio += 1,
                Op::EndDio => state.dio -= 1,
                Op::LockTransaction => state.locked = true,
                Op::SwitchTransaction => {
                    state.locked = false;
                    state.committing = true;
                }
                _ => {}
            }
            match self.next_op(state, task) {
                Some(op) if never_waits(op) => {}
                Some(_) => return,
                None => break,
            }
        }
        if self.config.tasks[task] == Task::Commit {
            state.committing = false;
        }
    }
}

/// Whether an operation is always possible and only lets others go on, or is seen by nobody before
/// the task's next step.
fn never_waits(op: Op) -> bool {
    matches!(
        op,
        Op::Release(_)
            | Op::StopHandle
            | Op::SetWriteback
            | Op::Submit(_)
            | Op::EndWriteback
            | Op::EndDio
            | Op::SwitchTransaction
    )
}

/// The step's name for an operation, and the lock that it takes.
fn named(op: Op) -> (Step, Option<Lock>) {
    match op {
        Op::Begin => (Step::Begin, None),
        Op::Exclusive(Lock::Folio) => (Step::LockFolio, None),
        Op::Exclusive(lock) => (Step::Lock, Some(lock)),
        Op::Shared(lock) => (Step::LockForReading, Some(lock)),
        Op::StartHandle => (Step::StartHandle, None),
        Op::StartReservedHandle => (Step::StartReservedHandle, None),
        Op::Wait(program::Condition::Writeback) => (Step::WaitWriteback, None),
        Op::Wait(program::Condition::Dio) => (Step::WaitDio, None),
        Op::Wait(program::Condition::Handles) => (Step::SwitchTransaction, None),
        Op::Wait(program::Condition::Commit) => (Step::WaitCommit, None),
        Op::Wait(program::Condition::Dirty) => (Step::Throttle, None),
        Op::Take(_) => (Step::CompleteIo, None),
        Op::BeginDio => (Step::BeginDio, None),
        Op::LockTransaction => (Step::LockTransaction, None),
        other => unreachable!("{other:?} is never a step of its own"),
    }
}

impl Model for LockOrder {
    type State = State;
    type Action = Action<Place>;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            at: vec![0; self.tasks()],
            writeback: false,
            ioend: false,
            dio: 0,
            dio_done: false,
            locked: false,
            committing: false,
            full: self.config.full_log,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action<Place>>) {
        let tasks = (0..self.tasks()).filter(|task| self.can_step(state, *task));
        actions.extend(tasks.map(|task| self.action(state, task)));
    }

    fn next_state(&self, state: &State, action: Action<Place>) -> Option<State> {
        let mut next = state.clone();
        let place = action.block.expect("every step is one task's");
        self.advance(&mut next, usize::from(place.task));
        Some(next)
    }

    fn format_action(&self, action: &Action<Place>) -> String {
        action.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties(CONDITIONS, SITUATIONS, self.config.only)
    }

    fn as_svg(&self, path: stateright::Path<State, Action<Place>>) -> Option<String> {
        Some(drawing(path.last_state()))
    }
}

impl Specification for LockOrder {
    fn with_only(&self, property: &'static str) -> Self {
        let mut model = self.clone();
        model.config.only = Invariant::with_id(property);
        model
    }
}

/// Every task has come to its end.
pub const ALL_DONE: &str = "every task finished";
/// A chain of waits is three tasks long.
pub const LONG_WAIT: &str = "a task waited for one that waited for a third";

const CONDITIONS: &[(Invariant, Condition<LockOrder>)] = &[
    (Invariant::I34, |model, state| !has_cycle(model, state)),
    (Invariant::Progress, |model, state| {
        let mut tasks = 0..model.tasks();
        let stuck = !tasks.clone().any(|task| model.can_step(state, task));
        let idle = |task| {
            let op = model.next_op(state, task);
            matches!(op, None | Some(Op::Take(_)))
        };
        !stuck || tasks.all(idle)
    }),
];

const SITUATIONS: &[(&str, Condition<LockOrder>)] = &[
    (ALL_DONE, |model, state| {
        (0..model.tasks()).all(|task| model.next_op(state, task).is_none())
    }),
    (LONG_WAIT, |model, state| {
        let blockers = |task| wait::blockers(model, state, task);
        let then = |task| blockers(task).into_iter().flat_map(blockers);
        (0..model.tasks()).any(|task| then(task).next().is_some())
    }),
];

/// The invariants of this model.
pub fn invariants() -> impl Iterator<Item = Invariant> {
    CONDITIONS.iter().map(|(invariant, _)| *invariant)
}

/// The state that stands for all in which other tasks of the same kinds are at the same places.
///
/// It needs to know the kinds, and a function of the state alone does not; so it is a function for
/// [`Config::crowd`] only, whose first tasks are alike.
pub fn representative(state: &State) -> State {
    let mut least = state.clone();
    least.at[..CROWD].sort_unstable();
    least
}
