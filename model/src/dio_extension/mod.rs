//! Direct writes that extend a file, against writeback, truncate and each other, through crash and
//! recovery.
//!
//! A direct write past the end allocates blocks first and raises the sizes when its data is there.
//! In between the file has blocks past its end, so it is put on the orphan list; and who changes
//! that list must hold `i_rwsem` exclusively. The trouble is that both sizes can move meanwhile:
//! writeback of buffered data raises `i_disksize` without that lock. At once run:
//!
//! - [`direct`]: direct writes of one block each, synchronous in the sense of `O_SYNC`: they return
//!   when what they wrote is durable;
//! - [`fallback`]: of a second block that such a write has, which can not be written directly and
//!   goes through the page cache;
//! - [`writeback`] of a block that a buffered write left dirty at the end of the file, and of that
//!   second block;
//! - [`others`]: a truncate to nothing, a reader, commits, a power cut and recovery.
//!
//! [`state`] says what they share. The protocol is that of fs/ext4/file.c, as it was found in the
//! discussion of "ext4: move inode extension checks out from ext4_iomap_alloc" and its
//! predecessors (linux-ext4, 2019).
//!
//! # What is left out, and why that is sound
//!
//! - **A handle is one step,** with all that is done in it: a commit waits until it has stopped.
//! - **The page cache is not invalidated before the I/O.** That saves work for the invalidation
//!   after it, but whoever reads in between brings the old content back.
//! - **Blocks are whole.** What an unaligned write does to the rest of its block is between direct
//!   writes only, and has rules of its own.
//! - **Completed data is durable,** commits are one step, and recovery is not interrupted, as in
//!   [`writeback_truncate`](crate::writeback_truncate), whose first page says why.
//! - **A write that has released the lock completes by itself.** The worker that does so has no
//!   name here: the steps after the I/O are the direct write's in either case.
//!
//! What is left out *without* that guarantee: unaligned writes, page faults, punched holes; and of
//! falling back to a buffered write, everything but the one write of the configuration
//! [`Config::of_scenario`], whose second block can not be pinned: a file mapped by pointers, whose
//! holes no direct write may fill, and a range that the page cache does not let go of.

use crate::check::Specification;
use crate::file::Lblk;
use crate::invariants::{Invariant, properties};
use crate::readable::drawing;
use crate::rule::{Rule, Rules};
use crate::step::{Action, Actor};
use properties::{CONDITIONS, SITUATIONS, SITUATIONS_OF_REST};
use state::Power;
use stateright::{Model, Property};

pub mod state;

pub mod direct;
pub mod fallback;
pub mod others;
pub mod writeback;

mod properties;
mod rules;

pub use properties::{CUT_OFF, OVERTAKEN, PROMISED, RELOCKED, SHARED, STALE, TAKEN, invariants};
pub use state::State;

/// The rules of this model.
pub const RULES: &[Rule] = &[
    Rule::ExtendTestsDisksize,
    Rule::ExclusiveForExtension,
    Rule::UnlockBeforeRelock,
    Rule::RecheckAfterRelock,
    Rule::OrphanBeforeAllocation,
    Rule::WaitForExtendingDio,
    Rule::DecideExtensionOnce,
    Rule::UnwrittenInsideSize,
    Rule::RaiseSizesAfterIo,
    Rule::RaiseOnly,
    Rule::OrphanDelWithSizes,
    Rule::CleanUpFailedExtension,
    Rule::TruncateWaitsForDio,
    Rule::InvalidateAfterIo,
    Rule::SyncAfterSizeUpdate,
    Rule::FlushFallback,
];

/// What the file is at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Empty.
    Empty,
    /// Its first block is written, and it ends with it.
    OneBlock,
    /// Its last block was written through the page cache: delayed, and past `i_disksize`.
    DirtyTail,
    /// As `DirtyTail`, and the first block, which the direct write is for, is unwritten.
    Inside,
    /// An unwritten block, a delayed one, and the direct write is for the one past the end.
    Beyond,
    /// As `Beyond`, and the write has a second block, which goes through the page cache: so much of
    /// the caller's buffer can not be pinned.
    BeyondShort,
}

impl Initial {
    /// What the scenario of the code begins with.
    pub const OF_SCENARIO: [Self; 3] = [Self::Inside, Self::Beyond, Self::BeyondShort];
}

/// The size of the model, and what may happen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Direct writes, 1 to 4; each writes a block of its own.
    pub writers: u8,
    /// Whether there is a truncate.
    pub truncate: bool,
    /// How often the reader may read.
    pub reads: u8,
    /// Whether the device may fail one direct write.
    pub errors: bool,
    /// How many commits the journal may make at most.
    pub commits: u8,
    /// Whether steps are as fine as in the code, which converts in a handle of its own and then
    /// looks at the sizes again, and which deletes the orphan record at last if it is still there.
    /// The file begins as in the scenario.
    pub as_code: bool,
    /// Whether commits and writeback come as in the scenario: a second commit when everything else
    /// is done; and beside a write beyond the end a commit or writeback, and not both.
    pub settles: bool,
    /// The rules in force.
    pub rules: Rules,
    /// Check this invariant only.
    pub only: Option<Invariant>,
}

impl Default for Config {
    /// Two direct writes, a truncate, one read, an error, two commits.
    fn default() -> Self {
        Self {
            writers: 2,
            truncate: true,
            reads: 1,
            errors: true,
            commits: 2,
            as_code: false,
            settles: false,
            rules: Rules::all(),
            only: None,
        }
    }
}

impl Config {
    /// A configuration with millions of states: three direct writes.
    pub fn wide() -> Self {
        Self {
            writers: 3,
            commits: 3,
            reads: 2,
            ..Self::default()
        }
    }

    /// A configuration that needs `rule`, with that rule switched off.
    pub fn without(rule: Rule) -> Self {
        let base = match rule {
            Rule::FlushFallback => Self::of_scenario(),
            _ => Self::default(),
        };
        Self {
            rules: Rules::without([rule]),
            ..base
        }
    }

    /// The configuration that executions of the code are compared with: the scenario
    /// `dio_extend_vs_delalloc_writeback`. Its first two blocks are one here, as are the two that a
    /// direct write covers, unless it is short: nothing ever happens to one of them alone.
    pub fn of_scenario() -> Self {
        Self {
            writers: 1,
            truncate: false,
            reads: 0,
            errors: false,
            commits: 2,
            as_code: true,
            settles: true,
            ..Self::default()
        }
    }

    /// Blocks of the file: one for each direct write, one for the buffered one, and what else the
    /// beginning has.
    fn blocks_at(&self, initial: Initial) -> u8 {
        let more = match initial {
            Initial::Beyond => 1,
            Initial::BeyondShort => 2,
            _ => 0,
        };
        self.writers + 1 + more
    }
}

/// The model of one configuration.
#[derive(Clone, Debug)]
pub struct DioExtension {
    config: Config,
}

impl DioExtension {
    /// The model of `config`.
    ///
    /// # Panics
    ///
    /// If a number in `config` is outside its range.
    pub fn new(config: Config) -> Self {
        assert!((1..=4).contains(&config.writers), "there are 1 to 4 writes");
        Self { config }
    }

    /// Whether `rule` is in force.
    fn holds(&self, rule: Rule) -> bool {
        self.config.rules.hold(rule)
    }

    /// The steps that can be taken next, apart from commits, crashes and reads.
    fn work(&self, state: &State, actions: &mut Vec<Action>) {
        if state.power == Power::On {
            for number in 0..state.direct.len() {
                direct::next(self, state, number, actions);
            }
            writeback::next(self, state, actions);
            actions.extend(others::next_of_truncate(self, state));
        }
        actions.extend(others::next_of_mount(state));
    }
}

impl Model for DioExtension {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let initial = match self.config.as_code {
            true => Initial::OF_SCENARIO,
            false => [Initial::Empty, Initial::OneBlock, Initial::DirtyTail],
        };
        initial
            .map(|initial| State::new(&self.config, initial))
            .to_vec()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        if state.power == Power::On {
            others::next_of_reader(state, actions);
        }
        others::next_of_journal_and_power(self, state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let block = action.block.unwrap_or(Lblk(0));
        let direct = state.number_of(block);
        match action.actor {
            Actor::DirectWriter(number) => {
                direct::apply(self, &mut next, usize::from(number), action);
            }
            Actor::Device if let Some(number) = direct => {
                direct::apply(self, &mut next, number, action);
            }
            Actor::Writeback | Actor::Worker | Actor::Device => {
                let number = usize::from(state.rest() == Some(block));
                writeback::apply(&mut next, number, action);
            }
            Actor::Truncate => others::apply_truncate(&mut next),
            Actor::Reader => others::apply_reader(&mut next, block),
            _ => others::apply_power(&mut next, action.step),
        }
        Some(next)
    }

    fn format_action(&self, action: &Action) -> String {
        action.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = properties(CONDITIONS, SITUATIONS, self.config.only);
        if self.config.as_code {
            all.extend(properties(&[], SITUATIONS_OF_REST, self.config.only));
        }
        all
    }

    fn as_svg(&self, path: stateright::Path<State, Action>) -> Option<String> {
        Some(drawing(path.last_state()))
    }
}

impl Specification for DioExtension {
    fn with_only(&self, property: &'static str) -> Self {
        let mut model = self.clone();
        model.config.only = Invariant::with_id(property);
        model
    }
}
