//! Runs a closure under controlled schedulers, once per interleaving that matters.
//!
//! Every strategy has the same shape: options, the closure, an observer that sees each completed
//! execution's log, and [`Explored`] in the end. What a strategy covers is its own:
//!
//! - [`dpor`]: one execution per Mazurkiewicz trace, exhaustively.
//! - [`bounded`]: fewest preemptions first, complete for every bound that it reaches.
//! - [`naive`]: every order of operations, exhaustively: the oracle that `dpor` is tested against.
//! - [`random`]: shuttle's own schedulers, for scenarios past exhaustion.
//! - [`replay`]: one execution, after a recorded one.
//! - [`loom`]: loom, as an independent judge and for weak memory.
//!
//! Strategies that reduce rely on operations to be announced, and plain shuttle types announce
//! nothing: a task may begin to wait inside one, or take a wake-up token, in the turn of an
//! announced operation. So as soon as a scenario turns out to use a plain type, the exploration
//! begins anew, and every turn counts as dependent on every other ([`Explored::plain_types`]): all
//! orders of turns are run. That is sound for any code that runs on shuttle, and it is slow.
//!
//! An execution that ends in a finding, or that a search has no more use for, is *abandoned*: every
//! task unwinds at its next operation, so that its stack and what it owns are freed. Tasks that
//! wait inside plain shuttle types can not be unwound; shuttle leaks their stacks.

pub mod bounded;
pub mod dpor;
pub mod loom;
pub mod naive;
pub mod random;
pub mod replay;

mod drive;
mod kept;
mod shard;
mod turns;

pub use kept::{Keep, SearchState};
pub use shard::{Shard, ShardError};

use cutpoint_event::pending::Granularity;
use cutpoint_event::{Finding, Log, TaskId};
use std::ops::ControlFlow;
use std::time::Duration;

/// How far an exploration may go.
#[derive(Clone, Debug)]
pub struct Options {
    /// The number of executions after which to stop, sleep-blocked ones included.
    pub executions: Option<u64>,
    /// The time after which to stop, looked at between executions.
    pub time: Option<Duration>,
    /// The number of scheduling points in one execution that counts as a livelock.
    pub max_steps: u64,
    /// How finely operations are scheduled.
    pub granularity: Granularity,
    /// The bytes of each task's stack.
    pub stack_size: usize,
    /// Whether to go on after a finding; the first is kept. An execution that ends in a finding
    /// other than a deadlock is cut short, so the search is no longer complete then.
    pub past_findings: bool,
    /// Whether to count distinct traces by their hashes, at 16 bytes each, where the strategy does
    /// not know the number otherwise.
    pub count_traces: bool,
    /// Which part of the search to make. [`dpor`] alone can be split; the others make all of it.
    pub shard: Shard,
    /// Whether the scenario is known to use plain shuttle types. A search that is not split finds
    /// out for itself; it saves what the search ran until then. Parts of a search find out, too,
    /// unless it shows in few executions: then it has to be said to all of them.
    pub plain_types: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            executions: None,
            time: None,
            max_steps: 100_000,
            granularity: Granularity::Lock,
            stack_size: 0x1_0000,
            past_findings: false,
            count_traces: false,
            shard: Shard::WHOLE,
            plain_types: false,
        }
    }
}

/// A completed execution, as its observer sees it.
#[derive(Clone, Copy, Debug)]
pub struct Execution<'a> {
    /// Its number among all executions of the exploration, counting from 1.
    pub number: u64,
    /// What happened in it, up to the finding that ended it, if one did.
    pub log: &'a Log,
    /// The decisions that led to it.
    pub schedule: &'a [Decision],
    /// How it ended.
    pub outcome: Outcome,
    /// How many turns went to another task although the one before could go on. `None` if the
    /// strategy does not know.
    pub preemptions: Option<u32>,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every task ran to its end.
    Finished,
    /// Somebody waits and nobody can go on. The log holds the finding.
    Deadlock,
    /// It was cut short by another finding, which the log holds.
    Finding,
}

/// What a scheduler decided. Positions in a list of these mean something only to the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This task's operation went next.
    Task(TaskId),
    /// This value was chosen.
    Choice {
        /// What for.
        name: &'static str,
        /// The value.
        value: u64,
    },
}

/// The result of an exploration.
#[derive(Clone, Debug)]
pub struct Explored {
    /// Executions run, of every kind.
    pub executions: u64,
    /// Executions among them that were given up because everything that could go on had been
    /// explored elsewhere.
    pub sleep_blocked: u64,
    /// Mazurkiewicz traces seen, if known.
    pub traces_distinct: Option<u64>,
    /// Scheduling points passed, over all executions; under loom, operations.
    pub steps: u64,
    /// Whether every execution of the scenario is covered by one that was run.
    pub complete: bool,
    /// Every execution with at most so many preemptions is covered, if the strategy knows.
    pub preemptions_covered: Option<u32>,
    /// Why the exploration ended.
    pub stopped_by: StoppedBy,
    /// The first finding.
    pub finding: Option<Found>,
    /// Whether every turn counted as dependent on every other, because the scenario uses plain
    /// shuttle types.
    pub plain_types: bool,
}

/// Why an exploration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    /// There was nothing left to explore.
    Exhaustion,
    /// A finding.
    Finding,
    /// The observer.
    Observer,
    /// [`Options::executions`].
    Executions,
    /// [`Options::time`].
    Time,
    /// The bound on preemptions: everything within it is covered, and there is more.
    Preemptions,
    /// The memory that the strategy may take.
    Memory,
    /// The scenario does something that the strategy can not enumerate.
    Unsupported(String),
    /// The scenario is not deterministic, or the explorer is broken.
    Harness(String),
}

/// A finding, with the execution that shows it.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was found, in order.
    pub findings: Vec<Finding>,
    /// The execution up to there.
    pub log: Log,
    /// The decisions that lead there.
    pub schedule: Vec<Decision>,
    /// How many turns went to another task although the one before could go on, if known.
    pub preemptions: Option<u32>,
}

/// An observer of completed executions. It is called between executions and may use shuttle itself;
/// a `Break` ends the exploration.
pub type Observer<'a> = &'a mut dyn FnMut(&Execution<'_>) -> ControlFlow<()>;
