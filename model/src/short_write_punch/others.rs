//! The fault, writeback with its completion, and reclaim.

use super::ShortWritePunch;
use super::state::{FaultAt, Folio, State, Tag, WritebackAt, WriterAt};
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
            let is_late = model.config.settles && !is_before_pass(state, model.config.passes);
            return (!excluded && !is_late)
                .then(|| Action::on(Actor::Fault, Step::LockInvalidate, block));
        }
        FaultAt::InvalidateLocked if state.folio_lock(block).is_none() => Step::LockFolio,
        FaultAt::FolioLocked => {
            return Some(Action::on(Actor::Fault, Step::QueryMap, state.fault_at));
        }
        FaultAt::FoundHole if !model.data_sem_is_held(state) => {
            return Some(Action::on(
                Actor::Fault,
                Step::InsertDelayed,
                state.fault_at,
            ));
        }
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
    let at = state.fault_at.index();
    state.fault = match action.step {
        Step::LockInvalidate => FaultAt::InvalidateLocked,
        Step::LockFolio => lock_page(state),
        Step::QueryMap if state.inode.extents[at] == Extent::Hole => FaultAt::FoundHole,
        Step::QueryMap => go_on_in_page(state, at + 1),
        Step::InsertDelayed => {
            let again = model.holds(Rule::LookupAndReserveUnderOneLock);
            let end = usize::from(state.folio(state.fault_block()).end);
            let holes = state.inode.extents[at..end].iter();
            let holes = holes.take_while(|extent| **extent == Extent::Hole).count();
            // Without the second look it is the block that was looked up.
            let length = if again { holes } else { holes.max(1) };
            for offset in 0..length {
                insert_delayed(state, at + offset);
            }
            go_on_in_page(state, at + length.max(1))
        }
        Step::Store => {
            for block in state.folio(state.fault_block()) {
                let folio = state.folios[usize::from(block)].as_mut();
                folio.expect("it is locked").dirty = true;
            }
            let half = usize::from(model.config.store_half);
            let folio = state.folios[index].as_mut().expect("it is locked");
            folio.halves.0[half] = Tag::Store;
            state.expected[index].0[half] = Tag::Store;
            FaultAt::Stored
        }
        Step::UnlockFolio => FaultAt::FolioUnlocked,
        Step::UnlockInvalidate => FaultAt::Done,
        step => unreachable!("a fault takes no step {step}"),
    };
}

/// The page is brought in if it is not there.
fn lock_page(state: &mut State) -> FaultAt {
    let page = state.folio(state.fault_block());
    state.grab(state.fault_block());
    state.fault_at = Lblk(page.start);
    for index in page.map(usize::from) {
        let content = state.on_disk(state.inode.extents[index]);
        let folio = state.folios[index]
            .as_mut()
            .expect("it was just brought in");
        if !folio.uptodate {
            folio.halves = content;
            folio.uptodate = true;
        }
    }
    FaultAt::FolioLocked
}

/// Goes on to a block of the page, unless every block of it has been prepared.
fn go_on_in_page(state: &mut State, index: usize) -> FaultAt {
    state.fault_at = Lblk(u8::try_from(index).expect("a file has few blocks"));
    if state.folio(state.fault_block()).contains(&state.fault_at.0) {
        FaultAt::FolioLocked
    } else {
        state.fault_at = Lblk(0);
        FaultAt::Mapped
    }
}

/// The step that writeback takes next, unless it has finished or must wait.
pub(super) fn next_of_writeback(model: &ShortWritePunch, state: &State) -> Option<Action> {
    let block = state.writeback_next;
    if model.config.settles && pass_must_wait(model, state) {
        return None;
    }
    let step = match state.writeback {
        WritebackAt::Between => match first_dirty(state) {
            Some(block) => {
                // What an earlier pass has sent off is waited for.
                let mut page = state
                    .folio(block)
                    .map(|index| state.folios[usize::from(index)]);
                let is_busy = page.any(|folio| folio.is_some_and(|folio| folio.writeback));
                let is_free = state.folio_lock(block).is_none() && !is_busy;
                return is_free.then(|| Action::on(Actor::Writeback, Step::LockFolio, block));
            }
            None => Step::SkipFolio,
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

/// Whether so many passes remain, and the next of them has not begun.
fn is_before_pass(state: &State, passes: u8) -> bool {
    let begins = state.writeback == WritebackAt::Between && state.writeback_next == Lblk(0);
    begins && state.passes == passes
}

/// Whether a pass can not begin yet: the same task stores first, and the last pass waits for all.
fn pass_must_wait(model: &ShortWritePunch, state: &State) -> bool {
    if !is_before_pass(state, state.passes) {
        return false;
    }
    let stores = !matches!(state.fault, FaultAt::Begin | FaultAt::Done);
    let writes = state.writer.at != WriterAt::Done;
    let is_last = state.passes == 1 && model.config.passes > 1;
    stores || (is_last && (writes || !state.ioends.is_empty()))
}

/// The first dirty block of the folio that writeback is at.
fn first_dirty(state: &State) -> Option<Lblk> {
    let is_dirty = |block: &u8| {
        let folio = state.folios[usize::from(*block)];
        folio.is_some_and(|folio| folio.dirty)
    };
    let mut page = state.folio(state.writeback_next);
    page.find(is_dirty).map(Lblk)
}

/// Takes the step that [`next_of_writeback`] gives.
pub(super) fn apply_writeback(state: &mut State, action: Action) {
    let block = state.writeback_next;
    state.writeback = match (action.step, state.writeback) {
        (Step::SkipFolio | Step::UnlockFolio, _) => return advance(state),
        (Step::LockFolio, _) => {
            for index in state.folio(block) {
                let folio = state.folios[usize::from(index)].as_mut();
                let folio = folio.expect("a dirty folio is in the cache");
                folio.writeback |= folio.dirty;
                folio.dirty = false;
            }
            state.writeback_next = action.block.unwrap_or(block);
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
            go_on_in_folio(state)
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

/// Goes on to the next block of the locked folio that is to be written, if there is one.
fn go_on_in_folio(state: &mut State) -> WritebackAt {
    let in_flight = |block: u8| state.ioends.iter().any(|(other, ..)| other.0 == block);
    let is_taken = |block: &u8| {
        let folio = state.folios[usize::from(*block)];
        folio.is_some_and(|folio| folio.writeback) && !in_flight(*block)
    };
    let mut rest = state.folio(state.writeback_next);
    rest.start = state.writeback_next.end();
    let Some(next) = rest.into_iter().find(is_taken) else {
        return WritebackAt::Submitted;
    };
    state.writeback_next = Lblk(next);
    WritebackAt::Locked
}

fn advance(state: &mut State) {
    state.writeback_next = Lblk(state.folio(state.writeback_next).end);
    state.writeback = WritebackAt::Between;
    if state.writeback_next.index() == state.folios.len() {
        state.writeback_next = Lblk(0);
        state.passes -= 1;
        if state.passes == 0 {
            state.writeback = WritebackAt::Done;
        }
    }
}

/// The completions and reclaims that are possible. The device and the worker are one here: the
/// data lands, the extent is converted, and the folio's writeback ends.
pub(super) fn next_of_rest(state: &State, actions: &mut Vec<Action>) {
    let complete = |block| Action::on(Actor::Worker, Step::CompleteIo, block);
    actions.extend(state.ioends.first().map(|(block, ..)| complete(*block)));
}

/// The folios that may be reclaimed: clean ones that nobody holds.
pub(super) fn reclaimable(model: &ShortWritePunch, state: &State, actions: &mut Vec<Action>) {
    let is_between = is_before_pass(state, 1) && state.ioends.is_empty();
    if state.reclaims == 0 || (model.config.settles && !is_between) {
        return;
    }
    // In the code the write call brings a folio in before it locks it.
    let page = state.folio(state.write_block());
    let is_brought_in = model.config.as_code && state.writer.at == WriterAt::Mapped;
    if is_brought_in && state.folios[usize::from(page.start)].is_none() {
        let block = Lblk(page.start);
        actions.push(Action::on(Actor::Reclaim, Step::ReclaimFolio, block));
    }
    for (number, folio) in (0..).zip(&state.folios) {
        let block = Lblk(number);
        let is_clean = |folio: &Folio| !folio.dirty && !folio.writeback;
        let page = state.folio(block);
        let is_first = page.start == number;
        let mut page = page.map(|index| state.folios[usize::from(index)]);
        let is_idle = folio.is_some() && is_first && page.all(|f| f.as_ref().is_some_and(is_clean));
        if is_idle && state.folio_lock(block).is_none() {
            actions.push(Action::on(Actor::Reclaim, Step::ReclaimFolio, block));
        }
    }
}

/// Takes a step that [`next_of_rest`] or [`reclaimable`] gives.
pub(super) fn apply_rest(model: &ShortWritePunch, state: &mut State, action: Action) {
    if let (Step::ReclaimFolio, Some(block)) = (action.step, action.block) {
        for index in state.folio(block) {
            state.folios[usize::from(index)] = None;
        }
        state.reclaims -= 1;
        let is_brought_in = model.config.as_code && state.writer.at == WriterAt::Mapped;
        state.writer.is_folio_gone |= is_brought_in;
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
