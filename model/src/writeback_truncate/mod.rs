//! Writeback against truncate in the iomap design, through crash and recovery.
//!
//! A file of a few blocks was just written: every folio is dirty, every block delayed, and nothing
//! is on disk. Then the following run at once:
//!
//! - [`writeback`] takes the folios in order, maps each of them and submits its data;
//! - [`completion`]: the device finishes the data, and the worker converts the extent, raises the
//!   size on disk and ends the folio's writeback;
//! - [`truncate`] cuts the file short, and the same task may then append one block to it again;
//! - [`power`]: the journal commits, the power fails between any two steps, and a mount recovers.
//!
//! Each of these modules lists the steps of its actor in the order of the protocol, and each
//! sentence of the protocol stands where its step is. [`state`] says what they share,
//! [`properties`] what must hold. The protocol is that of "[PATCH v4 09/23] ext4: implement
//! writeback path using iomap" (linux-ext4, May and June 2026): allocation is always unwritten,
//! there is no ordered data, the folio lock comes before the handle, and the size on disk is
//! raised when I/O completes.
//!
//! # What is left out, and why that is sound
//!
//! - **`i_data_sem` is no field.** Each of its critical sections is one step. Everything that
//!   reads what it protects takes it too, so nobody could look into the middle of a section.
//! - **`i_rwsem` and `invalidate_lock` are no fields.** Only the truncating task takes them here.
//!   It takes them before its first step and never waits for them.
//! - **A commit is one step,** possible when no handle is open. In truth handles of the next
//!   transaction go on while the commit record is under way. A crash in that time recovers the
//!   older transaction with a later state of the data, and the model has that case as a crash with
//!   no commit. Waiting for handles to stop, or for a commit to end, only delays steps. Deadlocks
//!   through these waits belong to a model of lock order.
//! - **Completed data is durable.** The commit record is written after a flush of the device, so
//!   data that completed before it is durable with it; and data that completed but belongs to no
//!   committed written extent is not readable after a crash. Where data overwrites a written
//!   block, old and new content are both allowed. For the same reason data in flight at a crash
//!   either landed, which is a crash one step later, or did not.
//! - **The running transaction is no field.** All changes of a handle are made by steps between
//!   its start and stop, and no commit comes between these. So the running transaction is always
//!   the difference between the inode in memory and the committed one.
//! - **One folio has one block, and sizes are in blocks.** Zeroing the tail of a partial block
//!   takes part in other races, not in this one.
//! - **Writeback sends one I/O for each block.** A larger one completes, converts and ends in
//!   larger steps. With [`Config::as_code`] the worker converts blocks before it ends the writeback
//!   of earlier ones, which is what a larger I/O adds.
//! - **One folio at a time is dropped, in ascending order,** and each under its lock. The kernel
//!   first drops what it can without waiting. Whether a later folio is still there makes no
//!   difference to writeback, which passes over it in any case, as it lies past the end by then.
//! - **The worker does everything.** Finishing pure overwrites in interrupt context saves steps
//!   that would change nothing here, since there is nothing to convert or raise.
//! - **Converting and raising the size are one step.** They are two `i_data_sem` sections of one
//!   handle. Nobody reads both what the one and what the other changes, and of all steps only a
//!   truncate's setting of the sizes concerns the second: coming between the two it gives the same
//!   result as coming before both.
//! - **Recovery is not interrupted.** Replay writes the same blocks again, and clean-up is a
//!   truncate with its orphan record in place; crashes inside them belong to the journal's model.
//!
//! What is left out *without* that guarantee: I/O errors, lack of space and memory, page faults,
//! reclaim, direct I/O, other files, and truncates so large that they restart their handle.
//!
//! # A limit of the protocol
//!
//! The worker raises the size to the end of whatever completes. If the device finishes a later
//! block first, the size covers an earlier one whose data is not there, and a crash leaves zeroes
//! in the middle of an append. Nothing in the protocol orders completions, so the model assumes a
//! device that completes in the order of submission unless [`Config::device_reorders`] is set; a
//! test pins what happens then.

use crate::check::{self, Outcome, Progress, Specification};
use crate::invariants::Invariant;
use crate::rule::{Rule, Rules};
use crate::step::{Action, Actor};
use stateright::{Model, Property};

pub mod state;

pub mod completion;
pub mod power;
pub mod truncate;
pub mod writeback;

pub mod properties;

mod rules;

pub use state::State;

/// The rules of this model.
pub const RULES: &[Rule] = &[
    Rule::LookupAndAllocateUnderOneLock,
    Rule::CheckCookieBeforeUse,
    Rule::RaiseDisksizeAfterIo,
    Rule::ClampRaiseToSize,
    Rule::AllocateUnwritten,
    Rule::ConvertBeforeEndWriteback,
    Rule::CompleteWithoutFolioLock,
    Rule::TruncateWaitsForWriteback,
    Rule::DropFoliosBeforeExtents,
    Rule::OrphanBeforeSizes,
    Rule::OrphanUntilExtentsRemoved,
    Rule::ReleaseReservationOnRemove,
    Rule::ReuseFreedBlocksAfterCommit,
    Rule::CleanUpOrphansAtMount,
];

/// The size of the model, and what may happen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Blocks of the file, 2 to 8.
    pub blocks: u8,
    /// Size in blocks that the truncate leaves, below [`Config::blocks`].
    pub truncate_to: u8,
    /// Whether the truncating task appends one block after the truncate. A cached map of
    /// writeback matters only then.
    pub rewrite: bool,
    /// How often writeback goes over the file, at least once.
    pub passes: u8,
    /// How many commits the journal may make at most.
    pub commits: u8,
    /// Whether the power may fail.
    pub crash: bool,
    /// Whether the device may complete data in another order than that of its submission.
    pub device_reorders: bool,
    /// Whether steps are as the code takes them. An I/O may have several blocks: the worker then
    /// converts more of them before it ends the writeback of the first. And an append whose map is
    /// out of date gives its reservation back and begins again.
    pub as_code: bool,
    /// Whether the file is settled in the end as in the scenario: the last pass begins, and commits
    /// after the first come, when the truncating task and all I/O are done.
    pub settles: bool,
    /// The rules in force.
    pub rules: Rules,
    /// Check this invariant only, instead of every invariant and every required situation. It must
    /// be one of [`properties::invariants`].
    pub only: Option<Invariant>,
}

impl Default for Config {
    /// Three blocks cut to one, an append after it, one pass of writeback, two commits, a crash.
    fn default() -> Self {
        Self {
            blocks: 3,
            truncate_to: 1,
            rewrite: true,
            passes: 1,
            commits: 2,
            crash: true,
            device_reorders: false,
            as_code: false,
            settles: false,
            rules: Rules::all(),
            only: None,
        }
    }
}

impl Config {
    /// A configuration with millions of states: eight blocks, two passes, three commits.
    pub fn wide() -> Self {
        Self {
            blocks: 8,
            passes: 2,
            commits: 3,
            ..Self::default()
        }
    }

    /// The configuration that executions of the code are compared with: the file of the scenario
    /// `writeback_vs_truncate`, in which the journal commits once, and a second pass and commit for
    /// what is left in the end; and I/O of several blocks.
    pub fn of_scenario() -> Self {
        Self {
            passes: 2,
            commits: 2,
            as_code: true,
            settles: true,
            ..Self::default()
        }
    }
}

/// The model of one configuration.
#[derive(Clone, Debug)]
pub struct WritebackTruncate {
    config: Config,
    program: Vec<Action>,
}

impl WritebackTruncate {
    /// The model of `config`.
    ///
    /// # Panics
    ///
    /// If a number in `config` is outside its range.
    pub fn new(config: Config) -> Self {
        assert!((2..=8).contains(&config.blocks), "a file has 2 to 8 blocks");
        assert!(
            config.truncate_to < config.blocks,
            "a truncate makes the file smaller"
        );
        assert!(
            config.passes >= 1,
            "writeback goes over the file at least once"
        );
        let program = truncate::program(&config);
        Self { config, program }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The truncating task's steps, in order.
    pub fn program(&self) -> &[Action] {
        &self.program
    }

    /// Whether `rule` is in force.
    fn holds(&self, rule: Rule) -> bool {
        self.config.rules.hold(rule)
    }

    /// Whether the truncating task and all I/O are done, if what settles the file waits for them.
    /// The task may do without the append.
    fn is_calm(&self, state: &State) -> bool {
        let appends = if self.config.rewrite {
            truncate::APPEND
        } else {
            0
        };
        let left = self.program.len() - state.truncate;
        !self.config.settles || ((left == 0 || left == appends) && state.ioends.is_empty())
    }

    /// The steps that can be taken next, apart from commits and crashes, which need no reason.
    fn work(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(writeback::next(self, state));
        completion::next(self, state, actions);
        truncate::next(self, state, actions);
        actions.extend(power::next_of_mount(state));
    }

    /// The state after `action`, which [`Model::actions`] must have offered.
    pub fn apply(&self, state: &State, action: Action) -> State {
        let mut next = state.clone();
        match action.actor {
            Actor::Writeback => writeback::apply(self, &mut next, action),
            Actor::Device | Actor::Worker => completion::apply(self, &mut next, action),
            Actor::Truncate => truncate::apply(self, &mut next, action),
            Actor::Journal | Actor::Power | Actor::Mount => power::apply(self, &mut next, action),
            actor => unreachable!("{actor} does not take part in this race"),
        }
        next
    }
}

impl Model for WritebackTruncate {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::just_written(&self.config)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        power::next_of_journal_and_power(self, state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.apply(state, action))
    }

    fn format_action(&self, action: &Action) -> String {
        action.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::properties(&self.config)
    }

    fn as_svg(&self, path: stateright::Path<State, Action>) -> Option<String> {
        Some(crate::readable::drawing(path.last_state()))
    }
}

impl Specification for WritebackTruncate {
    fn with_only(&self, property: &'static str) -> Self {
        let mut model = self.clone();
        model.config.only = Invariant::with_id(property);
        model
    }
}

/// Checks one configuration; see [`check::check`].
///
/// # Panics
///
/// If a number in `config` is outside its range, or [`Config::only`] is not this model's.
pub fn check(config: &Config, progress: &mut dyn FnMut(Progress)) -> Outcome<State, Action> {
    check::check(&WritebackTruncate::new(config.clone()), progress)
}
