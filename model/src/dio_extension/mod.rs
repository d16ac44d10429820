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
//! - [`others`]: writeback of a block that a buffered write left dirty at the end of the file, a
//!   truncate to nothing, a reader, commits, a power cut and recovery.
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
//! What is left out *without* that guarantee: unaligned writes, falling back to buffered writes,
//! page faults, punched holes.

use crate::check::Specification;
use crate::file::{Content, Extent, Folio, Lblk, Metadata};
use crate::invariants::{self, Condition, Invariant, properties};
use crate::readable::drawing;
use crate::rule::{Rule, Rules};
use crate::step::{Action, Actor};
use state::{At, Power, TruncateAt, WritebackAt, version_of};
use stateright::{Model, Property};

pub mod state;

pub mod direct;
pub mod others;

mod rules;

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
    /// As `Beyond`, and the write maps a second block for which its caller has no data.
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
        Self {
            rules: Rules::without([rule]),
            ..Self::default()
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
            commits: 8,
            as_code: true,
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
            actions.extend(others::next_of_writeback(self, state));
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
                direct::apply(self, &mut next, usize::from(number), action.step);
            }
            Actor::Device if let Some(number) = direct => {
                direct::apply(self, &mut next, number, action.step);
            }
            Actor::Writeback | Actor::Worker | Actor::Device => {
                others::apply_writeback(&mut next, action.step);
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
        properties(CONDITIONS, SITUATIONS, self.config.only)
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

/// The invariants of this model, in the order of their ids.
pub fn invariants() -> impl Iterator<Item = Invariant> {
    CONDITIONS.iter().map(|(invariant, _)| *invariant)
}

const CONDITIONS: &[(Invariant, Condition<DioExtension>)] = &[
    (Invariant::I10, |_, s| !is_quiescent(s) || sizes_agree(s)),
    (Invariant::I11, |_, s| {
        ends_with_data(&s.disk.committed, &s.disk.medium)
    }),
    (Invariant::I14, |_, s| {
        s.power != Power::Recovered || invariants::i14_no_written_past_size(&s.inode)
    }),
    (Invariant::I15, |_, s| {
        let extents = || s.inode.extents.iter().filter_map(|extent| extent.pblk());
        let in_flight = s.direct.iter().filter(|direct| direct.at == At::InFlight);
        let mut targets = in_flight.filter_map(|direct| direct.pblk);
        targets.all(|target| extents().any(|pblk| pblk == target))
    }),
    (Invariant::I17, |_, s| !is_quiescent(s) || !s.inode.orphan),
    (Invariant::I19, |_, s| {
        invariants::i19_repair_has_its_orphan(&s.disk.committed)
    }),
    (Invariant::I20, |_, s| {
        s.power != Power::Recovered || promises_are_kept(s)
    }),
    (Invariant::I22, |_, s| {
        s.power != Power::Recovered || invariants::i22_no_garbage_readable(&s.inode, &s.disk)
    }),
    (Invariant::I35, |_, s| !s.changed_unlocked),
    (Invariant::I37, |_, s| clean_is_on_disk(s)),
    (Invariant::Progress, |model, s| {
        let mut actions = Vec::new();
        model.work(s, &mut actions);
        !actions.is_empty() || is_finished(model, s)
    }),
];

/// Whether no call is in flight, and no I/O.
fn is_quiescent(state: &State) -> bool {
    let idle = |at: At| matches!(at, At::Begin | At::Unlocked | At::Done);
    state.power == Power::On
        && state.direct.iter().all(|direct| idle(direct.at))
        && matches!(state.truncate, TruncateAt::Begin | TruncateAt::Done)
        && matches!(state.writeback, WritebackAt::Begin | WritebackAt::Done)
}

/// I10: without dirty data the two sizes agree.
fn sizes_agree(state: &State) -> bool {
    let is_dirty = state.folios.iter().any(|folio| folio.is_dirty());
    is_dirty || state.inode.i_size == state.inode.i_disksize
}

/// I11: the size on disk is the end of data that is durable.
///
/// Blocks before the last one may be holes or have data in flight: the writes that fill them are
/// other calls.
fn ends_with_data(committed: &Metadata, medium: &[Content]) -> bool {
    let Some(last) = committed.size.checked_sub(1) else {
        return true;
    };
    let Extent::Written(pblk) = committed.extents[usize::from(last)] else {
        return false;
    };
    matches!(medium[pblk.index()], Content::Data(data) if data.block == Lblk(last))
}

/// I20: what a write promised is there after recovery.
fn promises_are_kept(state: &State) -> bool {
    let mut promised = state.direct.iter().enumerate().filter(|(_, d)| d.promised);
    promised.all(|(number, _)| {
        let block = state.block_of(number);
        state.inode.i_size >= block.end()
            && others::on_disk(state, block) == Some(version_of(number))
    })
}

/// I37: a clean folio is what the disk has, unless a direct write is at work on the block.
fn clean_is_on_disk(state: &State) -> bool {
    let is_busy = |block: Lblk| {
        let direct = state.number_of(block).map(|number| &state.direct[number]);
        direct.is_some_and(|d| matches!(d.at, At::InFlight | At::Written | At::Failed))
            || direct.is_some_and(|d| matches!(d.at, At::Converted | At::Extending))
            || direct.is_some_and(|d| matches!(d.at, At::Ended | At::Unprotected))
    };
    let blocks = (0..state.inode.i_size).map(Lblk);
    blocks
        .filter(|block| !is_busy(*block))
        .all(|block| match state.folios[block.index()] {
            Folio::Present {
                version,
                dirty: false,
                writeback: false,
            } => others::on_disk(state, block) == Some(version),
            _ => true,
        })
}

/// Whether nothing is left to do.
fn is_finished(model: &DioExtension, state: &State) -> bool {
    // A write that has only its return left waits for a commit, and the number of these is bounded.
    let done = |at: At| matches!(at, At::Unlocked | At::Done);
    match state.power {
        Power::On => {
            state.direct.iter().all(|direct| done(direct.at))
                && state.writeback == WritebackAt::Done
                && (state.truncate == TruncateAt::Done || !model.config.truncate)
        }
        Power::Off | Power::Replayed => false,
        Power::Recovered => true,
    }
}

/// Writeback raised the size on disk under a direct write that extends it.
pub const OVERTAKEN: &str = "writeback raised i_disksize under an extending direct write";
/// A write inside the file shared the lock.
pub const SHARED: &str = "a direct write was in flight without i_rwsem";
/// Recovery had to cut off what an extending write had allocated.
pub const CUT_OFF: &str = "a crash left an extending direct write on the orphan list";
/// A promise was there to be kept.
pub const PROMISED: &str = "a crash came after a promise";
/// A write had to take the lock again.
pub const RELOCKED: &str = "a direct write took the lock again";

const SITUATIONS: &[(&str, Condition<DioExtension>)] = &[
    (OVERTAKEN, |_, s| {
        let mut direct = s.direct.iter();
        s.inode.i_disksize > s.tail.0
            && direct.any(|d| d.extends && matches!(d.at, At::InFlight | At::Written))
    }),
    (SHARED, |_, s| {
        let mut direct = s.direct.iter();
        direct.any(|d| d.at == At::InFlight && d.held == state::Held::No)
    }),
    (CUT_OFF, |_, s| s.power == Power::Replayed),
    (PROMISED, |_, s| {
        s.power == Power::Recovered && s.direct.iter().any(|d| d.promised)
    }),
    (RELOCKED, |_, s| s.direct.iter().any(|d| d.at == At::Relock)),
];
