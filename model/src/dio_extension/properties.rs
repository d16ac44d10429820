//! What must always hold, and what must be reached.

use super::state::{At, Power, RestAt, State, TruncateAt, WritebackAt, version_of};
use super::{DioExtension, others, state};
use crate::file::{Content, Extent, Folio, Lblk, Metadata};
use crate::invariants::{self, Condition, Invariant};
use crate::step::Actor;

/// The invariants of this model, in the order of their ids.
pub fn invariants() -> impl Iterator<Item = Invariant> {
    CONDITIONS.iter().map(|(invariant, _)| *invariant)
}

pub(super) const CONDITIONS: &[(Invariant, Condition<DioExtension>)] = &[
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
        && state.writeback.iter().all(|flush| is_idle(flush.at))
}

/// Whether writeback has nothing in hand.
fn is_idle(at: WritebackAt) -> bool {
    matches!(at, WritebackAt::Begin | WritebackAt::Done)
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

/// I20: what a write promised is there after recovery, and so is its rest.
fn promises_are_kept(state: &State) -> bool {
    let mut promised = state.direct.iter().enumerate().filter(|(_, d)| d.promised);
    promised.all(|(number, _)| {
        let mut blocks = std::iter::once(state.block_of(number)).chain(state.rest());
        blocks.all(|block| {
            state.inode.i_size >= block.end()
                && others::on_disk(state, block) == Some(version_of(number))
        })
    })
}

/// I37: a clean folio is what the disk has, unless a direct write is at work on the block; and what
/// a direct write has left to the page cache is not dirty there when the write returns.
fn clean_is_on_disk(state: &State) -> bool {
    let returns = |direct: &state::Direct| matches!(direct.at, At::Unlocked | At::Done);
    let mut rest = state.rest().into_iter();
    let rest_is_dirty = rest.any(|block| state.folios[block.index()].is_dirty());
    if rest_is_dirty && state.direct.iter().any(returns) {
        return false;
    }
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
                && state.writeback[0].at == WritebackAt::Done
                && state.writeback.iter().all(|flush| is_idle(flush.at))
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
/// What a direct write left to the page cache had to be looked up again.
pub const STALE: &str = "writeback made the map of a direct write's rest stale";
/// Writeback took what a direct write left to the page cache.
pub const TAKEN: &str = "writeback took the rest of a direct write";

pub(super) const SITUATIONS: &[(&str, Condition<DioExtension>)] = &[
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

/// What happens too where a write may leave its rest to the page cache.
pub(super) const SITUATIONS_OF_REST: &[(&str, Condition<DioExtension>)] = &[
    (STALE, |_, s| {
        let mut direct = s.direct.iter();
        direct.any(|d| d.at == At::Rest(RestAt::Unused))
    }),
    (TAKEN, |_, s| {
        let mut rest = s.writeback[1..].iter();
        rest.any(|flush| flush.at != WritebackAt::Begin && flush.by == Actor::Writeback)
            && s.direct.iter().any(|d| d.at == At::Rest(RestAt::Flush))
    }),
];
