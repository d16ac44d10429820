//! Why the code does not take some edges of the model's graph.

use super::super::edges::Reason;
use super::Model;
use cutpoint_model::dio_extension::state::{Flush, WritebackAt};
use cutpoint_model::step::{Action, Actor, Step};

/// In the order of the table.
pub(super) const REASONS: &[Reason<Model>] = &[
    Reason {
        what: "a return shows nothing",
        holds: |_, a| a.step == Step::Acknowledge,
    },
    Reason {
        what: "a pass takes the later block after it has allocated the earlier, and before it \
               submits that",
        holds: |s, a| {
            is_at_rest(s, a, Actor::Writeback, Step::LockFolio)
                && tail(s).at != WritebackAt::Allocated
        },
    },
    Reason {
        what: "a pass submits the earlier block when it comes to add the later one, which is \
               mapped by then",
        holds: submits_too_early,
    },
    Reason {
        what: "a pass waits for who writes the later block back, and submits the earlier then",
        holds: submits_beside_another,
    },
    Reason {
        what: "one worker completes I/O: it ends the one before it looks at the other",
        holds: worker_is_busy,
    },
    Reason {
        what: "I/O completes in the order of its submission",
        holds: |s, a| {
            let by_pass = s
                .writeback
                .get(1)
                .is_some_and(|rest| rest.by == Actor::Writeback);
            let is_behind = tail(s).at == WritebackAt::InFlight;
            is_at_rest(s, a, Actor::Device, Step::CompleteIo) && by_pass && is_behind
        },
    },
];

/// Writeback of the block that is dirty from the beginning.
fn tail(state: &Model) -> &Flush {
    &state.writeback[0]
}

fn is(action: &Action, actor: Actor, step: Step) -> bool {
    (action.actor, action.step) == (actor, step)
}

/// Whether it is this step at what a short direct write has left to the page cache.
fn is_at_rest(state: &Model, action: &Action, actor: Actor, step: Step) -> bool {
    is(action, actor, step) && action.block.is_some() && action.block == state.rest()
}

/// Whether it is this step at the block that is dirty from the beginning.
fn is_at_tail(state: &Model, action: &Action, actor: Actor, step: Step) -> bool {
    is(action, actor, step) && action.block == Some(state.tail)
}

fn submits_too_early(state: &Model, action: &Action) -> bool {
    let Some(rest) = state
        .writeback
        .get(1)
        .filter(|rest| rest.by == Actor::Writeback)
    else {
        return false;
    };
    let (actor, step) = (Actor::Writeback, Step::SubmitIo);
    let later_first =
        is_at_rest(state, action, actor, step) && tail(state).at == WritebackAt::Allocated;
    let not_mapped = is_at_tail(state, action, actor, step) && rest.at == WritebackAt::Locked;
    later_first || not_mapped
}

/// The later block was allocated first: so the pass finds it under writeback when it gets there.
fn submits_beside_another(state: &Model, action: &Action) -> bool {
    let Some(rest) = state
        .writeback
        .get(1)
        .filter(|rest| rest.by != Actor::Writeback)
    else {
        return false;
    };
    let pblk = |flush: &Flush| state.inode.extents[flush.block.index()].pblk();
    is_at_tail(state, action, Actor::Writeback, Step::SubmitIo)
        && rest.at == WritebackAt::Allocated
        && pblk(rest) < pblk(tail(state))
}

/// A size that it need not raise does not show, so its end may lie before what is looked at.
fn worker_is_busy(state: &Model, action: &Action) -> bool {
    let others = state.writeback.iter();
    let mut others = others.filter(|flush| Some(flush.block) != action.block);
    let is_of_writeback = action.block == Some(state.tail) || action.block == state.rest();
    let raises = |flush: &Flush| flush.block.end().min(state.inode.i_size) > state.inode.i_disksize;
    is(action, Actor::Device, Step::CompleteIo)
        && is_of_writeback
        && others.any(|flush| match flush.at {
            WritebackAt::Completed => true,
            WritebackAt::Converted => raises(flush),
            _ => false,
        })
}
