//! What must hold in the race, and what must be able to happen in it.

use super::state::{Power, State, WritebackAt};
use super::{Config, WritebackTruncate};
use crate::file::{Extent, Folio, Lblk};
use crate::invariants::{self, Invariant};
use stateright::Property;

/// Writeback knows something about a block that the truncate has removed since.
pub const CUT_UNDER_WRITEBACK: &str = "truncate cut into a range that writeback had looked up";
/// The appended block is dirty, and writeback has a map of it from before the truncate.
pub const REWRITTEN_UNDER_MAP: &str = "the append re-dirtied a block under a cached map";
/// A crash found a committed transaction in the journal.
pub const CRASH_LEFT_TRANSACTION: &str = "a crash left a transaction to replay";
/// A crash found the file on the committed orphan list.
pub const CRASH_LEFT_ORPHAN: &str = "a crash left an orphan to clean up";
/// Recovery found allocated but unwritten blocks past the size, which is legal.
pub const UNWRITTEN_RESIDUE: &str = "recovery left unwritten blocks past the size";

type Condition = invariants::Condition<WritebackTruncate>;

/// The properties of a model with this configuration: every invariant, and every situation that
/// the configuration can reach.
pub(super) fn properties(config: &Config) -> Vec<Property<WritebackTruncate>> {
    let mut properties = invariants::always(CONDITIONS, config.only);
    if config.only.is_some() {
        return properties;
    }
    let mut sometimes = |is_possible: bool, name, condition: Condition| {
        properties.extend(is_possible.then(|| invariants::sometimes(name, condition)));
    };
    let has_journal = config.crash && config.commits > 0;
    sometimes(true, CUT_UNDER_WRITEBACK, cut_under_writeback);
    // Writeback maps nothing before the first block.
    let has_map = config.rewrite && config.truncate_to > 0;
    sometimes(has_map, REWRITTEN_UNDER_MAP, rewritten_under_map);
    sometimes(has_journal, CRASH_LEFT_TRANSACTION, |_, state| {
        state.power == Power::Off && state.commits > 0
    });
    sometimes(has_journal, CRASH_LEFT_ORPHAN, |_, state| {
        state.power == Power::Off && state.disk.committed.orphan
    });
    sometimes(has_journal, UNWRITTEN_RESIDUE, unwritten_residue);
    properties
}

/// The invariants of this model, in the order of their ids.
pub fn invariants() -> impl Iterator<Item = Invariant> {
    CONDITIONS.iter().map(|(invariant, _)| *invariant)
}

/// Each invariant, bound to the parts of this model's state and to the time when it must hold.
const CONDITIONS: &[(Invariant, Condition)] = &[
    (Invariant::I1, |_, s| {
        invariants::i1_reserved_equals_delayed(&s.inode)
    }),
    (Invariant::I3, |_, s| {
        invariants::i3_quota_equals_blocks(&s.inode)
    }),
    (Invariant::I8, |_, s| used_map_is_true(s)),
    (Invariant::I9, |_, s| {
        invariants::i9_disksize_within_size(&s.inode)
    }),
    (Invariant::I11, |_, s| {
        invariants::i11_size_after_data(&s.disk)
    }),
    (Invariant::I13, |_, s| {
        running(s, invariants::i13_written_holds_data(&s.inode, &s.disk))
    }),
    (Invariant::I14, |_, s| {
        recovered(s, invariants::i14_no_written_past_size(&s.inode))
    }),
    (Invariant::I15, |_, s| {
        invariants::i15_blocks_have_one_owner(&s.inode, &s.ioends)
    }),
    (Invariant::I16, |_, s| {
        invariants::i16_freed_not_reused(&s.inode)
    }),
    (Invariant::I18, |_, s| {
        recovered(s, invariants::i18_no_orphan_left(&s.inode))
    }),
    (Invariant::I19, |_, s| {
        invariants::i19_repair_has_its_orphan(&s.disk.committed)
    }),
    (Invariant::I22, |_, s| {
        recovered(s, invariants::i22_no_garbage_readable(&s.inode, &s.disk))
    }),
    (Invariant::I23, |_, s| {
        recovered(s, invariants::i23_no_unexplained_zeroes(&s.inode, &s.disk))
    }),
    (Invariant::I37, clean_equals_disk),
    (Invariant::Progress, |model, s| !is_stuck(model, s)),
];

/// Restricts a property to the time before a crash.
fn running(state: &State, holds: bool) -> bool {
    state.power != Power::On || holds
}

/// Restricts a property to the end of recovery.
fn recovered(state: &State, holds: bool) -> bool {
    state.power != Power::Recovered || holds
}

/// I8 at the moment of use: writeback holds the folio lock, has chosen a map, and submits next.
fn used_map_is_true(state: &State) -> bool {
    let writeback = &state.writeback;
    if writeback.at != WritebackAt::Mapped {
        return true;
    }
    let used = writeback
        .map
        .as_ref()
        .and_then(|map| map.at(writeback.next));
    used.is_some_and(|used| invariants::i8_map_is_true(&state.inode, writeback.next, used))
}

fn clean_equals_disk(model: &WritebackTruncate, state: &State) -> bool {
    let busy = |block: Lblk| state.folio_lock(model.program(), block).is_some();
    invariants::i37_clean_equals_disk(&state.inode, &state.disk, &state.folios, busy)
}

/// Whether an actor has work left although nobody can take a step.
fn is_stuck(model: &WritebackTruncate, state: &State) -> bool {
    let mut actions = Vec::new();
    model.work(state, &mut actions);
    let finished = match state.power {
        Power::On => {
            state.writeback.at == WritebackAt::Done
                && state.truncate == model.program().len()
                && state.ioends.is_empty()
                && !state.folios.iter().any(|folio| folio.is_under_writeback())
        }
        Power::Off | Power::Replayed => false,
        Power::Recovered => true,
    };
    actions.is_empty() && !finished
}

fn cut_under_writeback(model: &WritebackTruncate, state: &State) -> bool {
    let removed = |block: &Lblk| {
        block.0 >= model.config.truncate_to && state.inode.extents[block.index()] == Extent::Hole
    };
    state.looked_up().iter().any(removed)
}

fn rewritten_under_map(model: &WritebackTruncate, state: &State) -> bool {
    let block = Lblk(model.config.truncate_to);
    let is_rewritten = matches!(
        state.folios[block.index()],
        Folio::Present {
            version: 2,
            dirty: true,
            ..
        }
    );
    let lies_ahead = state.writeback.next <= block && state.writeback.at == WritebackAt::Between;
    let mapped = state.writeback.map.as_ref().and_then(|map| map.at(block));
    is_rewritten && lies_ahead && mapped.is_some_and(|extent| extent.pblk().is_some())
}

fn unwritten_residue(_: &WritebackTruncate, state: &State) -> bool {
    let past_size = &state.inode.extents[usize::from(state.inode.i_size)..];
    state.power == Power::Recovered
        && past_size
            .iter()
            .any(|extent| matches!(extent, Extent::Unwritten(_)))
}
