//! The journal: handles, commit, checkpoint, revoke, and recovery with power cuts inside it.
//!
//! A few metadata blocks are at home and the log is empty. Then the following run at once:
//!
//! - [`handle`]: a task changes, frees and allocates blocks, each in a handle of its own;
//! - [`commit`]: the commit thread writes transactions to the log;
//! - [`checkpoint`]: committed transactions go home, and the tail of the log follows them;
//! - [`device`]: completes writes, caches them, fails them, and loses some when the power does;
//! - [`recovery`]: the power fails between any two steps, recovery replays the log, and the power
//!   may fail again in the middle of it.
//!
//! [`state`] says what they share, [`properties`] what must hold. The protocol is jbd2's.
//!
//! # What is left out, and why that is sound
//!
//! - **Contents are transaction numbers.** A block holds the number of the transaction that changed
//!   it last. All handles of one transaction that change a block have one effect, because a
//!   transaction is replayed as a whole or not at all.
//! - **Bitmaps and inodes are one block, the map.** Every handle changes it, after its own block.
//!   More of them would be more blocks that are changed together, and two show what half an update
//!   looks like. Its copy shares a device block with the descriptor and the revoke records: losing
//!   one of these is as good as losing all, since none counts without the commit block.
//! - **One task has handles.** Two handles of a transaction are ordered by the buffers that they
//!   share, here the map. Which of two tasks had a handle changes nothing in the log.
//! - **Writes of one class complete together.** A power cut may lose a write whether it has
//!   completed or not, and what waits, waits for all of a class. That leaves a flush, which covers
//!   what has completed: if a rule is off and some of a class have completed and some have not,
//!   every image that a crash can leave, it can leave if none had.
//! - **Commit block and superblock are durable in the step that writes them.** While one is in
//!   flight it may survive a power cut or not; that is a power cut after the step or before it.
//! - **A slot of the log holds a transaction.** Where blocks lie within the log's ring is
//!   arithmetic. That a new transaction overwrites an old one in pieces is kept.
//! - **There are no checksums.** They turn a wrong block into a missing one, so whatever holds
//!   without them holds with them.
//! - **A freed block is not used again in the same transaction,** because it can be allocated only
//!   after the commit. So nothing has to cancel a revocation in the transaction that made it.
//! - **Which file a data block belongs to** is the transaction that allocated it.
//!
//! What is left out *without* that guarantee: fast commits, an external journal, credits and
//! restarts of handles, wrap-around of transaction numbers, errors during recovery.
//!
//! # Symmetry
//!
//! Nothing orders blocks among each other, so [`representative`] takes states that differ in the
//! blocks' numbers for one.

use crate::check::Specification;
use crate::invariants::Invariant;
use crate::rule::{Rule, Rules};
use crate::step::{Action, Actor, Step};
use stateright::{Model, Property};
use std::fmt;

pub mod state;

pub mod checkpoint;
pub mod commit;
pub mod device;
pub mod handle;
pub mod recovery;

pub mod properties;
mod symmetry;

mod rules;

use device::{Class, Location};
pub use state::State;
pub use symmetry::representative;

/// The rules of this model.
pub const RULES: &[Rule] = &[
    Rule::CloseWithoutHandles,
    Rule::FreezeCopies,
    Rule::WaitForOrderedData,
    Rule::WaitForLogBlocks,
    Rule::FlushBeforeCommitBlock,
    Rule::CommitBlockIsDurable,
    Rule::AbortOnLogError,
    Rule::RevokeFreedMetadata,
    Rule::ReuseFreedBlocksAfterCommit,
    Rule::ForgetFreedBlocks,
    Rule::WaitForOldOwnersWrites,
    Rule::WriteHomeAfterCommit,
    Rule::WriteHomeBeforeTail,
    Rule::FlushHomeBeforeTail,
    Rule::AbortOnHomeError,
    Rule::WaitForSpaceBeforeJoining,
    Rule::ReuseLogAfterTail,
    Rule::ReplayCommittedOnly,
    Rule::CheckSequence,
    Rule::SkipRevokedCopies,
    Rule::ReplayCopiesAfterRevoke,
    Rule::FlushReplayBeforeReset,
];

/// Whether the device has a volatile cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// A completed write waits in the cache for a flush.
    Volatile,
    /// A completed write is durable.
    WriteThrough,
}

/// The size of the model, and what may happen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Blocks apart from the map, 1 to 4.
    pub blocks: u8,
    /// Handles that the task may begin.
    pub handles: u8,
    /// Transactions that handles may join.
    pub transactions: u8,
    /// Transactions that the log has space for.
    pub slots: u8,
    /// How often the power may fail.
    pub crashes: u8,
    /// Whether the device may fail the writes of one class, once.
    pub errors: bool,
    /// The device's cache.
    pub cache: Cache,
    /// The rules in force.
    pub rules: Rules,
    /// Check this invariant only, instead of every invariant and every required situation.
    pub only: Option<Invariant>,
}

impl Default for Config {
    /// One block beside the map, four handles in at most four transactions, a log for three, a
    /// power cut and another one in recovery.
    fn default() -> Self {
        Self {
            blocks: 1,
            handles: 4,
            transactions: 4,
            slots: 3,
            crashes: 2,
            errors: true,
            cache: Cache::Volatile,
            rules: Rules::all(),
            only: None,
        }
    }
}

impl Config {
    /// A configuration that needs `rule`, with that rule switched off.
    pub fn without(rule: Rule) -> Self {
        let mut config = Self::default();
        if rule == Rule::WaitForSpaceBeforeJoining {
            // A transaction that waits for space waits for one that has the same block.
            config.slots = 1;
        }
        config.rules = Rules::without([rule]);
        config
    }

    /// A configuration with millions of states: two blocks, and a fifth handle.
    pub fn wide() -> Self {
        Self {
            blocks: 2,
            handles: 5,
            transactions: 5,
            ..Self::default()
        }
    }
}

/// Where a step happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A block.
    Block(u8),
    /// All writes of a class.
    Class(Class),
    /// A place on the device.
    Location(Location),
    /// The n-th pending write to a place on the device.
    Write(Location, u8),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => write!(f, "{block}"),
            Self::Class(class) => write!(f, "{class}"),
            Self::Location(location) => write!(f, "{location}"),
            Self::Write(location, nth) => write!(f, "write {nth} to {location}"),
        }
    }
}

/// The model of one configuration.
#[derive(Clone, Debug)]
pub struct Journal {
    config: Config,
}

impl Journal {
    /// The model of `config`.
    ///
    /// # Panics
    ///
    /// If a number in `config` is outside its range.
    pub fn new(config: Config) -> Self {
        assert!((1..=4).contains(&config.blocks), "there are 1 to 4 blocks");
        assert!(config.slots >= 1, "the log holds a transaction");
        Self { config }
    }

    /// Whether `rule` is in force.
    fn holds(&self, rule: Rule) -> bool {
        self.config.rules.hold(rule)
    }

    /// Whether the log has space for the running transaction.
    fn has_space(&self, state: &State) -> bool {
        state.running.tid < state.space_from + self.config.slots
    }

    /// Where in the log a transaction is.
    fn slot(&self, tid: u8) -> u8 {
        tid % self.config.slots
    }

    /// The steps that can be taken next, apart from power cuts and failures of the device.
    fn work(&self, state: &State, actions: &mut Vec<Action<Place>>) {
        handle::next(self, state, actions);
        actions.extend(commit::next(self, state));
        actions.extend(checkpoint::next(self, state));
        if state.power == state::Power::On {
            for class in in_flight(state) {
                let place = Place::Class(class);
                actions.push(Action::on(Actor::Device, Step::CompleteIo, place));
            }
        }
        recovery::next(self, state, actions);
    }

    /// The steps that need not happen.
    fn mishaps(&self, state: &State, actions: &mut Vec<Action<Place>>) {
        let may_fail = self.config.errors && !state.log_failed && !state.home_failed;
        if may_fail && state.power == state::Power::On {
            // What an error in writing data means is the business of those who write data.
            for class in in_flight(state).filter(|class| *class != Class::Data) {
                let place = Place::Class(class);
                actions.push(Action::on(Actor::Device, Step::FailIo, place));
            }
        }
        actions.extend(recovery::next_of_power(self, state));
    }

    /// The state after `action`, which [`Model::actions`] must have offered.
    pub fn apply(&self, state: &State, action: Action<Place>) -> State {
        let mut next = state.clone();
        match (action.actor, action.step, action.block) {
            (Actor::Updater, ..) => handle::apply(&mut next, action),
            (Actor::Journal, ..) => commit::apply(self, &mut next, action),
            (Actor::Checkpoint, ..) => checkpoint::apply(self, &mut next, action),
            (_, Step::CompleteIo, Some(Place::Class(class))) => {
                next.device.complete(class, self.config.cache);
            }
            (_, Step::FailIo, Some(Place::Class(class))) => {
                next.device.fail(class);
                next.log_failed |= class == Class::Log;
                next.home_failed |= class == Class::Home;
            }
            _ => recovery::apply(self, &mut next, action),
        }
        next
    }
}

/// The classes with writes in flight.
fn in_flight(state: &State) -> impl Iterator<Item = Class> + '_ {
    [Class::Data, Class::Log, Class::Home]
        .into_iter()
        .filter(|class| state.device.has_in_flight(*class))
}

impl Model for Journal {
    type State = State;
    type Action = Action<Place>;

    fn init_states(&self) -> Vec<State> {
        vec![State::mounted(&self.config)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action<Place>>) {
        self.work(state, actions);
        self.mishaps(state, actions);
    }

    fn next_state(&self, state: &State, action: Action<Place>) -> Option<State> {
        Some(self.apply(state, action))
    }

    fn format_action(&self, action: &Action<Place>) -> String {
        action.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::properties(&self.config)
    }

    fn as_svg(&self, path: stateright::Path<State, Action<Place>>) -> Option<String> {
        Some(crate::readable::drawing(path.last_state()))
    }
}

impl Specification for Journal {
    fn with_only(&self, property: &'static str) -> Self {
        let mut model = self.clone();
        model.config.only = Invariant::with_id(property);
        model
    }
}
