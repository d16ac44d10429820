//! A short write against a page fault, writeback and reclaim.
//!
//! A write call reserves the blocks that it is about to fill, and then copies less than it was
//! asked to. What it has reserved and not filled must be given back, or else a delayed block is
//! left under a clean folio, and nothing ever writes it back. But in the meantime a fault may have
//! stored something to one of these blocks: then it must not be given back. At once run:
//!
//! - [`writer`]: the write call, which holds `i_rwsem` throughout, as no other actor wants to;
//! - [`others`]: a fault, which holds `invalidate_lock` instead; writeback of the dirty folios,
//!   with the completion of its I/O; and reclaim of clean ones.
//!
//! [`state`] says what they share. The protocol is that of fs/iomap/buffered-io.c with delayed
//! allocation as in "Implement buffered write iomap path" (linux-ext4, April and May 2024) and
//! "xfs: punching delalloc extents on write failure is racy" (linux-xfs, November 2022).
//!
//! # What is left out, and why that is sound
//!
//! - **Sizes.** Everything happens below the end of the file. Past it, where no mapped page can be
//!   dirty, the punch need not look at folios at all.
//! - **Each folio is one block, and a block has two halves.** A half is the least with which a
//!   copy can end in the middle of a block. Folios of more blocks have flags for each of them, and
//!   are locked and reclaimed as a whole ([`Config::blocks_per_folio`]).
//! - **`i_data_sem` is held between steps by writeback alone.** All other critical sections are one
//!   step each, which waits while writeback is in its section.
//! - **Completion is one step.** The order within it is the business of
//!   [`writeback_truncate`](crate::writeback_truncate).
//! - **The disk never fails and has room.** The reservation is only counted.
//! - **There is no crash.** Delayed blocks are in memory only, and what reaches the disk reaches it
//!   by writeback, whose crashes are modelled elsewhere.
//!
//! What is left out *without* that guarantee: truncate and other removals, folios of several
//! blocks, direct I/O, a fault that fails half-way, allocation without delay.
//!
//! # Two guards that are no rules
//!
//! The kernel punches only if this very call reserved the blocks (`IOMAP_F_NEW`), and it leaves out
//! the block that the copy ended in. Here nothing breaks without either: a block that somebody
//! needs lies under a dirty folio, or under one that writeback has locked, and the scan spares the
//! first and waits for the second. So these two are [`DEFENCES`] and not [`RULES`]. A test shows
//! what they are good for: if the scan does not spare dirty folios, their lack does harm sooner.

use crate::check::Specification;
use crate::file::{Extent, Lblk};
use crate::invariants::{self, Condition, Invariant, properties};
use crate::readable::drawing;
use crate::rule::{Rule, Rules};
use crate::step::{Action, Actor};
use state::{FaultAt, WritebackAt, WriterAt};
use stateright::{Model, Property};

pub mod state;

pub mod others;
pub mod writer;

mod rules;

pub use state::State;

/// The rules of this model.
pub const RULES: &[Rule] = &[
    Rule::PunchUnusedReservation,
    Rule::PunchUnderInvalidateLock,
    Rule::PunchCleanOnly,
    Rule::ScanUnderFolioLock,
    Rule::UnlockFolioBeforePunch,
    Rule::PunchDelayedOnly,
    Rule::PunchUnderDataSem,
    Rule::CheckCookieAfterFolioLock,
    Rule::ShortCopyIntoStaleBlockIsNothing,
    Rule::FillUncoveredPart,
    Rule::LookupAndReserveUnderOneLock,
    Rule::LookupAndAllocateUnderOneLock,
    Rule::ReleaseReservationOnRemove,
];

/// Guards that can be switched off like rules, but of which each can go alone.
pub const DEFENCES: &[Rule] = &[Rule::PunchOnlyNew, Rule::RoundUpUnused];

/// What a block is at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// A hole.
    Hole,
    /// Written before: delayed, under a dirty folio.
    Dirty,
}

/// The size of the model, and what may happen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Blocks of the file, 2 to 4.
    pub blocks: u8,
    /// Folios that may be reclaimed.
    pub reclaims: u8,
    /// How often writeback goes over the file, at least once.
    pub passes: u8,
    /// Blocks that one folio holds, at least 1.
    pub blocks_per_folio: u8,
    /// The half of its block that the fault stores to, 0 or 1.
    pub store_half: u8,
    /// Whether the write call is as in the code: it also ends because it can not bring its caller's
    /// page in, and it scans all that it did not use before it punches any of it. The file begins
    /// as in the scenario.
    pub as_code: bool,
    /// Whether one task stores, then writes back, then reclaims, as in the scenario, and the last
    /// pass is made when everything else is done.
    pub settles: bool,
    /// The rules in force.
    pub rules: Rules,
    /// Check this invariant only.
    pub only: Option<Invariant>,
}

impl Default for Config {
    /// Two blocks, and one folio that may be reclaimed.
    fn default() -> Self {
        Self {
            blocks: 2,
            reclaims: 1,
            passes: 1,
            blocks_per_folio: 1,
            store_half: 0,
            as_code: false,
            settles: false,
            rules: Rules::all(),
            only: None,
        }
    }
}

impl Config {
    /// A configuration with millions of states.
    pub fn wide() -> Self {
        Self {
            blocks: 3,
            reclaims: 2,
            ..Self::default()
        }
    }

    /// The configuration that executions of the code are compared with: the scenario
    /// `short_write_punch_vs_mmap_fault`, whose two blocks are in one folio.
    pub fn of_scenario() -> Self {
        Self {
            reclaims: 1,
            passes: 2,
            blocks_per_folio: 2,
            store_half: 1,
            as_code: true,
            settles: true,
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
}

/// The model of one configuration.
#[derive(Clone, Debug)]
pub struct ShortWritePunch {
    config: Config,
}

impl ShortWritePunch {
    /// The model of `config`.
    ///
    /// # Panics
    ///
    /// If a number in `config` is outside its range.
    pub fn new(config: Config) -> Self {
        assert!((2..=4).contains(&config.blocks), "a file has 2 to 4 blocks");
        assert!(
            config.passes >= 1,
            "writeback goes over the file at least once"
        );
        assert!(
            config.blocks_per_folio >= 1,
            "a folio has at least one block"
        );
        assert!(config.store_half <= 1, "a block has two halves");
        Self { config }
    }

    /// Whether `rule` is in force.
    fn holds(&self, rule: Rule) -> bool {
        self.config.rules.hold(rule)
    }

    /// Whether `i_data_sem` is held between two steps, which only writeback does.
    fn data_sem_is_held(&self, state: &State) -> bool {
        self.holds(Rule::LookupAndAllocateUnderOneLock)
            && matches!(state.writeback, WritebackAt::LookedUp(_))
    }

    /// The steps that can be taken next, apart from reclaim, which needs no reason.
    fn work(&self, state: &State, actions: &mut Vec<Action>) {
        writer::next(self, state, actions);
        actions.extend(others::next_of_fault(self, state));
        actions.extend(others::next_of_writeback(self, state));
        others::next_of_rest(state, actions);
    }
}

impl Model for ShortWritePunch {
    type State = State;
    type Action = Action;

    /// Every block a hole or dirty, and every range of halves written that ends in the last block.
    fn init_states(&self) -> Vec<State> {
        let blocks = self.config.blocks;
        if self.config.as_code {
            let holes = vec![Initial::Hole; usize::from(blocks)];
            return vec![State::new(&self.config, &holes, (0, 2 * blocks - 1))];
        }
        let mut states = Vec::new();
        for set in 0..1_u8 << blocks {
            let initial = |block: u8| match set & (1_u8 << block) {
                0 => Initial::Hole,
                _ => Initial::Dirty,
            };
            let initial: Vec<_> = (0..blocks).map(initial).collect();
            for begin in 0..2 * blocks - 2 {
                for end in [2 * blocks - 1, 2 * blocks] {
                    states.push(State::new(&self.config, &initial, (begin, end)));
                }
            }
        }
        states
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        others::reclaimable(self, state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action.actor {
            Actor::Writer => writer::apply(self, &mut next, action),
            Actor::Fault => others::apply_fault(self, &mut next, action),
            Actor::Writeback => others::apply_writeback(&mut next, action),
            _ => others::apply_rest(self, &mut next, action),
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

impl Specification for ShortWritePunch {
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

const CONDITIONS: &[(Invariant, Condition<ShortWritePunch>)] = &[
    (Invariant::I1, |_, s| {
        invariants::i1_reserved_equals_delayed(&s.inode)
    }),
    (Invariant::I3, |_, s| {
        invariants::i3_quota_equals_blocks(&s.inode)
    }),
    (Invariant::I5, |_, s| {
        !is_quiescent(s) || delayed_is_dirty(s)
    }),
    (Invariant::I6, |_, s| {
        unlocked(s).all(|block| {
            let folio = s.folios[block.index()];
            let is_dirty = folio.is_some_and(|folio| folio.dirty);
            !is_dirty || s.inode.extents[block.index()] != Extent::Hole
        })
    }),
    (Invariant::I21, |_, s| {
        unlocked(s).all(|block| s.read(block) == s.expected[block.index()])
    }),
    (Invariant::I22, |_, s| {
        unlocked(s).all(|block| !writer::has_garbage(s.read(block)))
    }),
    (Invariant::Progress, |model, s| {
        let mut actions = Vec::new();
        model.work(s, &mut actions);
        // In the scenario there need not be a store, and there is none later on.
        let stores_not = s.fault == FaultAt::Begin && model.config.settles;
        let done = s.writer.at == WriterAt::Done
            && (s.fault == FaultAt::Done || stores_not)
            && s.writeback == WritebackAt::Done;
        !actions.is_empty() || done
    }),
];

/// The blocks whose folios nobody has locked.
fn unlocked(state: &State) -> impl Iterator<Item = Lblk> + '_ {
    let blocks = u8::try_from(state.folios.len()).expect("a file has few blocks");
    let blocks = (0..blocks).map(Lblk);
    blocks.filter(|block| state.folio_lock(*block).is_none())
}

/// Whether no call is in flight.
fn is_quiescent(state: &State) -> bool {
    let before = state.writer.map.is_none() && state.writer.at == WriterAt::Begin;
    (before || state.writer.at == WriterAt::Done)
        && matches!(state.fault, FaultAt::Begin | FaultAt::Done)
        && matches!(state.writeback, WritebackAt::Between | WritebackAt::Done)
}

/// I5: every delayed block lies under a dirty folio.
fn delayed_is_dirty(state: &State) -> bool {
    let pairs = state.inode.extents.iter().zip(&state.folios);
    pairs
        .filter(|(extent, _)| **extent == Extent::Delayed)
        .all(|(_, folio)| folio.is_some_and(|folio| folio.dirty))
}

/// The write reserved a block and gave it back.
pub const GAVE_BACK: &str = "a short write gave a block back";
/// The scan met a dirty folio.
pub const SPARED: &str = "the scan met a dirty folio";
/// The fault dirtied a block that the write had reserved.
pub const STORED_IN_RESERVED: &str = "a fault stored to a block that the write had reserved";
/// The write found its map out of date.
pub const MAP_WAS_STALE: &str = "a write found its map out of date";

const SITUATIONS: &[(&str, Condition<ShortWritePunch>)] = &[
    (GAVE_BACK, |_, s| {
        s.writer.at == WriterAt::Punched && s.inode.extents.last() == Some(&Extent::Hole)
    }),
    (SPARED, |_, s| {
        let folio = |block: Lblk| s.folios[block.index()];
        s.writer.at == WriterAt::Scan && folio(s.writer.scan).is_some_and(|folio| folio.dirty)
    }),
    (STORED_IN_RESERVED, |_, s| {
        let map = s.writer.map.as_ref();
        let reserved = map.is_some_and(|m| m.is_new && m.end() > s.fault_block().0);
        reserved && s.fault == FaultAt::Stored
    }),
    (MAP_WAS_STALE, |_, s| {
        let map = s.writer.map.as_ref();
        s.writer.at == WriterAt::FolioLocked && map.is_some_and(|m| m.cookie != s.inode.seq)
    }),
];
