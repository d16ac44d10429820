//! The write call: look up, reserve, copy folio by folio, and give back what was not used.

use super::ShortWritePunch;
use super::state::{Halves, State, Tag, WriteMap, WriterAt};
use crate::file::{Extent, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps that the write call can take next.
pub(super) fn next(model: &ShortWritePunch, state: &State, actions: &mut Vec<Action>) {
    let block = state.write_block();
    let mut offer = |step, block| actions.push(Action::on(Actor::Writer, step, block));
    let sem_is_held = model.data_sem_is_held(state);
    match state.writer.at {
        // The look-up takes no lock, so what it finds can change at once.
        WriterAt::Begin => offer(Step::QueryMap, block),
        WriterAt::FoundHole if !sem_is_held => offer(Step::InsertDelayed, block),
        WriterAt::Mapped => {
            if state.folio_lock(block).is_none() {
                offer(Step::LockFolio, block);
            }
            // The caller's page is brought in before the folio is locked, or can not be.
            if model.config.as_code {
                offer(Step::FailCopy, block);
            }
        }
        // The cookie is compared under the folio lock. From then on nothing that changes the
        // block's content can happen, and changes of the mapping that leave the content alone do
        // not matter.
        WriterAt::FolioLocked => {
            let map = state.writer.map.as_ref().expect("there is a map");
            let is_current = map.cookie == state.inode.seq;
            if is_current || !model.holds(Rule::CheckCookieAfterFolioLock) {
                offer(Step::ReuseMap, block);
            } else {
                offer(Step::DropMap, block);
            }
            // In the code the folio is brought in first and locked then; if it was reclaimed in
            // between, the write begins again.
            if is_current && state.writer.is_folio_gone {
                offer(Step::DropMap, block);
            }
        }
        WriterAt::MapChecked => {
            offer(Step::CopyIn, block);
            let wanted = part_end(state) - state.writer.next;
            if wanted == 2 {
                offer(Step::ShortCopy, block);
            }
            offer(Step::FailCopy, block);
        }
        WriterAt::Copied(_) if model.holds(Rule::UnlockFolioBeforePunch) => {
            offer(Step::UnlockFolio, block);
        }
        WriterAt::Copied(_) => offer(Step::KeepFolio, block),
        // What was reserved and not used is given back, under the lock that faults take.
        WriterAt::End => {
            let excludes = model.holds(Rule::PunchUnderInvalidateLock);
            if !excludes || !state.fault_holds_invalidate() {
                offer(Step::LockInvalidate, state.writer.scan);
            }
        }
        // A folio whose lock is taken is in somebody's hands, and its flags are in transition.
        WriterAt::Scan => {
            let block = state.writer.scan;
            let waits = model.holds(Rule::ScanUnderFolioLock);
            if !waits || state.folio_lock(block).is_none() {
                offer(Step::ScanFolio, block);
            }
        }
        WriterAt::ToPunch if !sem_is_held || !model.holds(Rule::PunchUnderDataSem) => {
            let found = state.writer.found.first();
            offer(Step::PunchDelayed, *found.unwrap_or(&state.writer.scan));
        }
        WriterAt::Punched => offer(Step::UnlockInvalidate, block),
        WriterAt::FoundHole | WriterAt::ToPunch | WriterAt::Done => {}
    }
}

/// Takes one of the steps that [`next`] gives.
pub(super) fn apply(model: &ShortWritePunch, state: &mut State, action: Action) {
    match action.step {
        Step::QueryMap => look_up(state),
        Step::InsertDelayed => reserve(model, state),
        Step::LockFolio => {
            state.grab(state.write_block());
            state.writer.at = WriterAt::FolioLocked;
        }
        Step::ReuseMap => {
            state.writer.is_folio_gone = false;
            state.writer.at = WriterAt::MapChecked;
        }
        Step::DropMap => {
            state.writer.is_folio_gone = false;
            end(model, state);
        }
        Step::CopyIn => copy(model, state, part_end(state)),
        Step::ShortCopy => short(model, state, 1),
        Step::FailCopy if state.writer.at == WriterAt::Mapped => {
            state.writer.is_folio_gone = false;
            state.writer.is_short = true;
            end(model, state);
        }
        Step::FailCopy => short(model, state, 0),
        Step::UnlockFolio => go_on(model, state),
        Step::KeepFolio => {
            let block = state.write_block();
            go_on(model, state);
            let punches = state.writer.at == WriterAt::End;
            state.writer.kept = punches.then_some(block);
        }
        Step::LockInvalidate => state.writer.at = WriterAt::Scan,
        Step::ScanFolio => scan(model, state),
        Step::PunchDelayed if model.config.as_code => punch_found(model, state),
        Step::PunchDelayed => {
            punch(model, state, state.writer.scan);
            go_on_scanning(state);
        }
        Step::UnlockInvalidate => finish(state),
        step => unreachable!("a write takes no step {step}"),
    }
}

/// The half after the last one that the write wants of its current block.
fn part_end(state: &State) -> u8 {
    let writer = &state.writer;
    writer.end.min(2 * state.write_block().end())
}

/// The run of the mapping from the current block on, as far as the write goes.
fn run(state: &State) -> Vec<Extent> {
    let first = state.write_block();
    let mut run = state.inode.run(first);
    let wanted = state.writer.end.div_ceil(2) - first.0;
    run.truncate(usize::from(wanted));
    run
}

fn keep_map(state: &mut State, extents: Vec<Extent>, is_new: bool) {
    let (first, from) = (state.write_block(), state.writer.next);
    state.writer.map = Some(WriteMap {
        first,
        from,
        extents,
        cookie: state.inode.seq,
        is_new,
    });
    state.writer.at = WriterAt::Mapped;
}

fn look_up(state: &mut State) {
    let run = run(state);
    let is_hole = run[0] == Extent::Hole;
    keep_map(state, run, false);
    if is_hole {
        state.writer.at = WriterAt::FoundHole;
    }
}

/// Reserves the hole that was found, after another look at it. The map is new then: this call has
/// reserved its blocks, and may give them back.
fn reserve(model: &ShortWritePunch, state: &mut State) {
    let first = state.write_block().index();
    let found = state.writer.map.take().expect("a hole was found").extents;
    let mut extents = found;
    if model.holds(Rule::LookupAndReserveUnderOneLock) {
        let now = run(state);
        if now[0] != Extent::Hole {
            return keep_map(state, now, false);
        }
        extents.truncate(now.len());
    }
    for (offset, extent) in extents.iter_mut().enumerate() {
        insert_delayed(state, first + offset);
        *extent = Extent::Delayed;
    }
    keep_map(state, extents, true);
}

/// Makes a block delayed, and reserves space for it.
pub(super) fn insert_delayed(state: &mut State, index: usize) {
    let inode = &mut state.inode;
    if inode.extents[index].pblk().is_none() {
        inode.extents[index] = Extent::Delayed;
    }
    inode.reserved += 1;
    inode.quota_reserved += 1;
    inode.seq += 1;
}

/// Copies up to before the half `until`, into a folio that is locked.
fn copy(model: &ShortWritePunch, state: &mut State, until: u8) {
    let block = state.write_block();
    let next = state.writer.next;
    fill(model, state);
    let folio = state.folios[block.index()].as_mut();
    let folio = folio.expect("the write has locked it");
    for half in next..until {
        let part = usize::from(half % 2);
        folio.halves.0[part] = Tag::Write;
        state.expected[block.index()].0[part] = Tag::Write;
    }
    if until > next {
        folio.uptodate = true;
        folio.dirty = true;
    }
    state.writer.at = WriterAt::Copied(until);
}

/// A copy of `copied` halves, fewer than were wanted. Into a block that is not uptodate, and that
/// was to be covered whole, it counts for nothing, because the rest of the block is not content.
fn short(model: &ShortWritePunch, state: &mut State, copied: u8) {
    let block = state.write_block().index();
    let covers_all = part_end(state) - state.writer.next == 2;
    let is_uptodate = state.folios[block].is_some_and(|folio| folio.uptodate);
    let counts = !covers_all || is_uptodate || !model.holds(Rule::ShortCopyIntoStaleBlockIsNothing);
    let copied = if counts { copied } else { 0 };
    copy(model, state, state.writer.next + copied);
    state.writer.is_short = true;
}

/// Before a part of a block is copied into a folio that is not uptodate, the rest is read, or
/// zeroed if the map says that there is nothing to read.
fn fill(model: &ShortWritePunch, state: &mut State) {
    let block = state.write_block();
    let covers_all = part_end(state) - state.writer.next == 2;
    if covers_all || !model.holds(Rule::FillUncoveredPart) {
        return;
    }
    let map = state.writer.map.as_ref().expect("there is a map");
    let content = state.on_disk(map.extents[block.index() - map.first.index()]);
    let folio = state.folios[block.index()].as_mut();
    let folio = folio.expect("the write has locked it");
    if !folio.uptodate {
        folio.halves = content;
        folio.uptodate = true;
    }
}

/// After the copy: the next block of the map, or its end.
fn go_on(model: &ShortWritePunch, state: &mut State) {
    let WriterAt::Copied(until) = state.writer.at else {
        unreachable!("a folio is unlocked after the copy");
    };
    state.writer.next = until;
    let map_end = state.writer.map.as_ref().map_or(0, |map| 2 * map.end());
    if state.writer.is_short || until == state.writer.end || until == map_end {
        end(model, state);
    } else {
        state.writer.at = WriterAt::Mapped;
    }
}

/// The unused blocks of a map are those after the block that the copy ended in, or all if nothing
/// was copied.
fn end(model: &ShortWritePunch, state: &mut State) {
    let writer = &mut state.writer;
    let map = writer.map.as_ref().expect("there is a map");
    let rounds_up = writer.next > map.from && model.holds(Rule::RoundUpUnused);
    writer.scan = Lblk(if rounds_up {
        writer.next.div_ceil(2)
    } else {
        writer.next / 2
    });
    let is_ours = map.is_new || !model.holds(Rule::PunchOnlyNew);
    let punches = is_ours && model.holds(Rule::PunchUnusedReservation);
    if punches && writer.scan.0 < map.end() {
        writer.at = WriterAt::End;
    } else {
        finish(state);
    }
}

/// Blocks under dirty folios are spared.
fn scan(model: &ShortWritePunch, state: &mut State) {
    let folio = state.folios[state.writer.scan.index()];
    let is_dirty = folio.is_some_and(|folio| folio.dirty);
    let spares = is_dirty && model.holds(Rule::PunchCleanOnly);
    if model.config.as_code {
        if !spares {
            state.writer.found.push(state.writer.scan);
        }
        go_on_scanning(state);
        if state.writer.at == WriterAt::Punched && !state.writer.found.is_empty() {
            state.writer.at = WriterAt::ToPunch;
        }
    } else if spares {
        go_on_scanning(state);
    } else {
        state.writer.at = WriterAt::ToPunch;
    }
}

fn go_on_scanning(state: &mut State) {
    let writer = &mut state.writer;
    writer.scan = Lblk(writer.scan.end());
    let map = writer.map.as_ref().expect("there is a map");
    writer.at = if writer.scan.0 < map.end() {
        WriterAt::Scan
    } else {
        WriterAt::Punched
    };
}

/// Removes the first run of the blocks that the scan has found, in one critical section.
fn punch_found(model: &ShortWritePunch, state: &mut State) {
    let found = std::mem::take(&mut state.writer.found);
    let is_next = |pair: &[Lblk]| pair[1].0 == pair[0].end();
    let length = 1 + found.windows(2).take_while(|pair| is_next(pair)).count();
    for block in &found[..length] {
        punch(model, state, *block);
    }
    state.writer.found = found[length..].to_vec();
    if state.writer.found.is_empty() {
        state.writer.at = WriterAt::Punched;
    }
}

/// Removes a delayed block, and releases its reservation.
fn punch(model: &ShortWritePunch, state: &mut State, block: Lblk) {
    let inode = &mut state.inode;
    let extent = &mut inode.extents[block.index()];
    match *extent {
        Extent::Hole => return,
        Extent::Delayed => {
            if model.holds(Rule::ReleaseReservationOnRemove) {
                inode.reserved -= 1;
                inode.quota_reserved -= 1;
            }
        }
        Extent::Unwritten(_) | Extent::Written(_) => {
            if model.holds(Rule::PunchDelayedOnly) {
                return;
            }
            inode.quota_used -= 1;
        }
    }
    *extent = Extent::Hole;
    inode.seq += 1;
}

/// Goes on after the end of a map: with another look-up, unless the call returns.
fn finish(state: &mut State) {
    let writer = &mut state.writer;
    let returns = writer.is_short || writer.next == writer.end;
    writer.map = None;
    writer.kept = None;
    writer.scan = Lblk(0);
    writer.at = if returns {
        WriterAt::Done
    } else {
        WriterAt::Begin
    };
}

/// Whether a block has bytes that nobody wrote.
pub(super) fn has_garbage(halves: Halves) -> bool {
    halves.0.contains(&Tag::Garbage)
}
