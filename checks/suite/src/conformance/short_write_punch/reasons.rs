//! Why the code does not take some edges of the model's graph.

use super::super::edges::Reason;
use super::Model;
use cutpoint_model::file::{Extent, Lblk};
use cutpoint_model::short_write_punch::state::{FaultAt, WritebackAt, WriterAt};
use cutpoint_model::step::{Action, Actor, Step};

/// In the order of the table.
pub(super) const REASONS: &[Reason<Model>] = &[
    Reason {
        what: "who writes back completes the I/O, and does so after its pass",
        holds: |s, a| a.step == Step::CompleteIo && !rests(s),
    },
    Reason {
        what: "no copy stops within the first block",
        holds: |_, a| a.step == Step::ShortCopy,
    },
    Reason {
        what: "the caller's page is brought in before the folio is locked, so that no copy fails",
        holds: |s, a| a.step == Step::FailCopy && s.writer.at == WriterAt::MapChecked,
    },
    Reason {
        what: "beside a write that stops the scenario has no writeback: it has begun before",
        holds: |s, a| a.step == Step::FailCopy && s.writer.at == WriterAt::Mapped && has_passed(s),
    },
    Reason {
        what: "beside a write that stops the scenario has no writeback: it would begin",
        holds: |s, a| is(a, Actor::Writeback, Step::LockFolio) && gives_back(s),
    },
    Reason {
        what: "who reclaims finds only the folio that the write has brought in, which begins again",
        holds: |s, a| {
            let begins = s.fault == FaultAt::Begin && s.writer.next == 0;
            a.step == Step::ReuseMap && s.writer.is_folio_gone && begins
        },
    },
];

fn is(action: &Action, actor: Actor, step: Step) -> bool {
    (action.actor, action.step) == (actor, step)
}

/// Whether writeback is in no pass.
fn rests(state: &Model) -> bool {
    match state.writeback {
        WritebackAt::Between => state.writeback_next == Lblk(0),
        at => at == WritebackAt::Done,
    }
}

/// Whether writeback has left a trace. A pass that finds nothing has none.
fn has_passed(state: &Model) -> bool {
    let mut extents = state.inode.extents.iter();
    let is_mapped = extents.any(|extent: &Extent| extent.pblk().is_some());
    !rests(state) || state.reclaims == 0 || is_mapped
}

/// Whether the write is not made to its end.
fn is_short(state: &Model) -> bool {
    state.writer.next < state.writer.end
}

/// Whether a write that stopped gives back what it did not use.
fn gives_back(state: &Model) -> bool {
    let at = state.writer.at;
    let ends = matches!(
        at,
        WriterAt::End | WriterAt::Scan | WriterAt::ToPunch | WriterAt::Punched
    );
    ends && is_short(state)
}
