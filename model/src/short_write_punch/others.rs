//! The fault, writeback with its completion, and reclaim.

use super::ShortWritePunch;
use super::state::{FaultAt, Folio, State, Tag, WritebackAt};
use super::writer::insert_delayed;
use crate::file::{Extent, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The step that the fault takes next, unless it must wait.
pub(super) fn next_of_fault(model: &ShortWritePunch, state: &State) -> Option<Action> {
    let block = state.fault_block();
    let step = match state.fault {
        FaultAt::Begin => {
            let excluded = model.holds(Rule::PunchUnderInvalidateLock) && state.writer_punches();
            return (!excluded).then(|| Action::on(Actor::Fault, Step::LockInvalidate, block));
        }
        FaultAt::InvalidateLocked if state.folio_lock(block).is_none() => Step::LockFolio,
        FaultAt::FolioLocked => Step::QueryMap,
        FaultAt::FoundHole if !model.data_sem_is_held(state) => Step::InsertDelayed,
        FaultAt::Mapped => Step::Store,
        FaultAt::Stored => Step::UnlockFolio,
        FaultAt::FolioUnlocked => Step::UnlockInvalidate,
        FaultAt::InvalidateLocked | FaultAt::FoundHole | FaultAt::Done => return None,
    };
    Some(Action::on(Actor::Fault, step, block))
}

/// Takes the step that [`next_of_fault`] gives.
pub(super) fn apply_fault(model: &ShortWritePunch, state: &mut State, action: Action) {
    let index = state.fault_block().index();
    state.fault = match action.step {
        Step::LockInvalidate => FaultAt::InvalidateLocked,
        // The page is brought in if it is not there.
        Step::LockFolio => {
            let content = state.on_disk(state.inode.extents[index]);
            let folio = state.folios[index].get_or_insert(Folio::fresh());
            if !folio.uptodate {
                folio.halves = content;
                folio.uptodate = true;
            }
            FaultAt::FolioLocked
        }
        Step::QueryMap if state.inode.extents[index] == Extent::Hole => FaultAt::FoundHole,
        Step::QueryMap => FaultAt::Mapped,
        Step::InsertDelayed => {
            let again = model.holds(Rule::LookupAndReserveUnderOneLock);
            if !again || state.inode.extents[index] == Extent::Hole {
                insert_delayed(state, index);
            }
            FaultAt::Mapped
        }
        Step::Store => {
            let folio = state.folios[index].as_mut().expect("it is locked");
            folio.halves.0[0] = Tag::Store;
            folio.dirty = true;
            state.expected[index].0[0] = Tag::Store;
            FaultAt::Stored
        }
        Step::UnlockFolio => FaultAt::FolioUnlocked,
        Step::UnlockInvalidate => FaultAt::Done,
        step => unreachable!("a fault takes no step {step}"),
    };
}

/// The step that writeback takes next, unless it has finished or must wait.
pub(super) fn next_of_writeback(model: &ShortWritePunch, state: &State) -> Option<Action> {
    let block = state.writeback_next;
    let step = match state.writeback {
        WritebackAt::Between => match state.folios[block.index()] {
            Some(folio) if folio.dirty => state
                .folio_lock(block)
                .is_none()
                .then_some(Step::LockFolio)?,
            _ => Step::SkipFolio,
        },
        WritebackAt::Locked if model.holds(Rule::LookupAndAllocateUnderOneLock) => Step::LookUp,
        WritebackAt::Locked => Step::QueryMap,
        WritebackAt::LookedUp(_) => Step::Allocate,
        WritebackAt::Mapped => Step::SubmitIo,
        WritebackAt::Submitted => Step::UnlockFolio,
        WritebackAt::Done => return None,
    };
    Some(Action::on(Actor::Writeback, step, block))
}

/// Takes the step that [`next_of_writeback`] gives.
pub(super) fn apply_writeback(state: &mut State, action: Action) {
    let block = state.writeback_next;
    state.writeback = match (action.step, state.writeback) {
        (Step::SkipFolio | Step::UnlockFolio, _) => return advance(state),
        (Step::LockFolio, _) => {
            let folio = state.folios[block.index()].as_mut();
            let folio = folio.expect("a dirty folio is in the cache");
            folio.dirty = false;
            folio.writeback = true;
            WritebackAt::Locked
        }
        // A delayed run reaches past the folio that is locked.
        (Step::LookUp | Step::QueryMap, _) => {
            let run = state.inode.run(block);
            if run[0] == Extent::Delayed {
                let length = u8::try_from(run.len()).expect("a file has few blocks");
                WritebackAt::LookedUp(Lblk(block.0 + length))
            } else {
                WritebackAt::Mapped
            }
        }
        (Step::Allocate, WritebackAt::LookedUp(end)) => {
            allocate(state, block, end);
            WritebackAt::Mapped
        }
        (Step::SubmitIo, _) => {
            submit(state, block);
            WritebackAt::Submitted
        }
        (step, at) => unreachable!("writeback takes no step {step} at {at:?}"),
    };
}

/// Allocates the blocks before `end`. The claim is sized by the delayed blocks that it replaced.
fn allocate(state: &mut State, first: Lblk, end: Lblk) {
    let mut claimed = 0;
    for index in first.index()..end.index() {
        let pblk = state.free_block();
        let extent = &mut state.inode.extents[index];
        claimed += i8::from(*extent == Extent::Delayed);
        *extent = Extent::Unwritten(pblk);
    }
    let inode = &mut state.inode;
    inode.reserved -= claimed;
    inode.quota_reserved -= claimed;
    inode.quota_used += claimed;
    inode.seq += 1;
}

/// Hands the data over, or nothing over a hole.
fn submit(state: &mut State, block: Lblk) {
    let folio = state.folios[block.index()].as_mut();
    let folio = folio.expect("it is locked");
    match state.inode.extents[block.index()].pblk() {
        Some(pblk) => state.ioends.push((block, folio.halves, pblk)),
        None => folio.writeback = false,
    }
}

fn advance(state: &mut State) {
    state.writeback_next = Lblk(state.writeback_next.end());
    state.writeback = WritebackAt::Between;
    if state.writeback_next.index() == state.folios.len() {
        state.writeback_next = Lblk(0);
        state.writeback = WritebackAt::Done;
    }
}

/// The completions and reclaims that are possible. The device and the worker are one here: the
/// data lands, the extent is converted, and the folio's writeback ends.
pub(super) fn next_of_rest(state: &State, actions: &mut Vec<Action>) {
    let complete = |block| Action::on(Actor::Worker, Step::CompleteIo, block);
    actions.extend(state.ioends.first().map(|(block, ..)| complete(*block)));
}

/// The folios that may be reclaimed: clean ones that nobody holds.
pub(super) fn reclaimable(state: &State, actions: &mut Vec<Action>) {
    if state.reclaims == 0 {
        return;
    }
    for (number, folio) in (0..).zip(&state.folios) {
        let block = Lblk(number);
        let is_idle = folio.is_some_and(|folio| !folio.dirty && !folio.writeback);
        if is_idle && state.folio_lock(block).is_none() {
            actions.push(Action::on(Actor::Reclaim, Step::ReclaimFolio, block));
        }
    }
}

/// Takes a step that [`next_of_rest`] or [`reclaimable`] gives.
pub(super) fn apply_rest(state: &mut State, action: Action) {
    if let (Step::ReclaimFolio, Some(block)) = (action.step, action.block) {
        state.folios[block.index()] = None;
        state.reclaims -= 1;
        return;
    }
    let (block, halves, pblk) = state.ioends.remove(0);
    state.medium[pblk.index()] = halves;
    let extent = &mut state.inode.extents[block.index()];
    if let Extent::Unwritten(pblk) = *extent {
        *extent = Extent::Written(pblk);
        state.inode.seq += 1;
    }
    if let Some(folio) = &mut state.folios[block.index()] {
        folio.writeback = false;
    }
}
