//! Direct writes: check, orphan record, map, I/O, sizes, invalidate, return.

use super::DioExtension;
use super::state::{At, Held, State, version_of};
use crate::file::{Content, Data, Extent, Folio, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps that direct write `number` and its I/O can take next.
pub(super) fn next(model: &DioExtension, state: &State, number: usize, actions: &mut Vec<Action>) {
    let direct = &state.direct[number];
    let block = state.block_of(number);
    let end = block.end();
    let number_u8 = u8::try_from(number).expect("there are few writes");
    let actor = Actor::DirectWriter(number_u8);
    let mut offer = |step| actions.push(Action::on(actor, step, block));
    match direct.at {
        // What the call takes first is a guess, made without the lock.
        At::Begin if end > state.inode.i_size => {
            if !state.lock_is_taken(Some(number), false) {
                offer(Step::LockExclusive);
            }
        }
        At::Begin if !state.lock_is_taken(Some(number), true) => offer(Step::LockShared),
        At::Locked => offer(Step::CheckDirectWrite),
        At::Relock if direct.held != Held::No && model.holds(Rule::UnlockBeforeRelock) => {
            offer(Step::UnlockInode);
        }
        At::Relock if !state.lock_is_taken(Some(number), false) => offer(Step::LockExclusive),
        At::Checked if direct.extends && model.holds(Rule::OrphanBeforeAllocation) => {
            offer(Step::OrphanAdd);
        }
        At::Checked | At::Counted => offer(Step::MapDirect),
        At::Mapped => offer(Step::SubmitIo),
        At::InFlight => {
            // Only what nobody waits for under the lock lets go of it before it has completed.
            let is_waited_for = direct.extends && model.holds(Rule::WaitForExtendingDio);
            if direct.held != Held::No && !is_waited_for {
                offer(Step::UnlockInode);
            } else {
                actions.push(Action::on(Actor::Device, Step::CompleteIo, block));
                if model.config.errors && state.direct.iter().all(|other| !other.failed) {
                    actions.push(Action::on(Actor::Device, Step::FailIo, block));
                }
            }
        }
        At::Written => {
            if model.holds(Rule::SyncAfterSizeUpdate) || direct.promised {
                offer(match model.config.as_code {
                    true => end_step_of_code(state, number),
                    false => end_step(model, state, number),
                });
            } else {
                offer(Step::Acknowledge);
            }
        }
        At::Failed if direct.extends && model.holds(Rule::CleanUpFailedExtension) => {
            offer(Step::TruncateFailedWrite);
        }
        At::Failed | At::Ended => offer(Step::InvalidateCacheAgain),
        At::Unprotected => offer(Step::RaiseSizes),
        At::Converted => offer(Step::EndDirectIo),
        At::Extending => offer(Step::ExtendInode),
        At::Invalidated if model.config.as_code && direct.short => {
            offer(Step::TruncateFailedWrite);
        }
        At::Invalidated if model.config.as_code && direct.extends && state.inode.orphan => {
            offer(Step::OrphanDel);
        }
        At::Invalidated => offer(Step::UnlockInode),
        At::Unlocked => {
            // What a synchronous write promises, a commit has made durable.
            let is_committed = state.disk.committed == state.inode.metadata();
            if direct.failed || direct.promised || is_committed {
                offer(Step::Acknowledge);
            }
        }
        At::Begin | At::Relock | At::Done => {}
    }
}

/// What completes a write: inside the file the conversion, past its end the sizes too.
fn end_step(model: &DioExtension, state: &State, number: usize) -> Step {
    let direct = &state.direct[number];
    let decides_again = !model.holds(Rule::DecideExtensionOnce);
    let still_extends = state.block_of(number).end() > state.inode.i_disksize;
    if !direct.extends || (decides_again && !still_extends) {
        Step::EndDirectIo
    } else if model.holds(Rule::OrphanDelWithSizes) {
        Step::ExtendInode
    } else {
        Step::OrphanDel
    }
}

/// What completes a write in the code, where each part has a handle of its own: first the
/// conversion, if there is something to convert, and then another look at the sizes.
fn end_step_of_code(state: &State, number: usize) -> Step {
    match state.inode.extents[state.block_of(number).index()] {
        Extent::Unwritten(_) => Step::Convert,
        _ => Step::EndDirectIo,
    }
}

/// Takes one of the steps that [`next`] gives.
pub(super) fn apply(model: &DioExtension, state: &mut State, number: usize, step: Step) {
    let block = state.block_of(number);
    match step {
        Step::LockShared => set(state, number, At::Locked, Held::Shared),
        Step::LockExclusive => {
            let repeats = model.holds(Rule::RecheckAfterRelock);
            let first = state.direct[number].at == At::Begin;
            let at = if repeats || first {
                At::Locked
            } else {
                At::Checked
            };
            set(state, number, at, Held::Exclusive);
        }
        Step::CheckDirectWrite => check(model, state, number),
        Step::OrphanAdd => {
            change_orphan(state, number, true);
            state.direct[number].at = At::Counted;
        }
        Step::MapDirect => map(model, state, number),
        Step::SubmitIo => state.direct[number].at = At::InFlight,
        Step::CompleteIo => {
            let pblk = state.direct[number].pblk.expect("it was mapped");
            let version = version_of(number);
            state.disk.medium[pblk.index()] = Content::Data(Data { block, version });
            state.direct[number].at = At::Written;
        }
        Step::FailIo => {
            state.direct[number].at = At::Failed;
            state.direct[number].failed = true;
        }
        Step::Convert => {
            convert(state, block);
            state.direct[number].at = At::Converted;
        }
        Step::EndDirectIo if model.config.as_code => {
            let inode = &state.inode;
            let extends = block.end() > inode.i_disksize || block.end() > inode.i_size;
            state.direct[number].at = if extends { At::Extending } else { At::Ended };
        }
        Step::OrphanDel if model.config.as_code => change_orphan(state, number, false),
        Step::EndDirectIo
        | Step::ExtendInode
        | Step::OrphanDel
        | Step::RaiseSizes
        | Step::TruncateFailedWrite => complete(model, state, number, step),
        Step::InvalidateCacheAgain => {
            if model.holds(Rule::InvalidateAfterIo) {
                state.folios[block.index()] = Folio::Absent;
            }
            let direct = &mut state.direct[number];
            direct.at = if direct.held == Held::No {
                At::Unlocked
            } else {
                At::Invalidated
            };
        }
        Step::UnlockInode => {
            let direct = &mut state.direct[number];
            direct.held = Held::No;
            if direct.at == At::Invalidated {
                direct.at = At::Unlocked;
            }
        }
        Step::Acknowledge => {
            let direct = &mut state.direct[number];
            direct.promised = !direct.failed;
            if direct.at != At::Written {
                direct.at = At::Done;
            }
        }
        step => unreachable!("a direct write takes no step {step}"),
    }
}

/// What is done to the inode when the I/O has ended, well or not.
fn complete(model: &DioExtension, state: &mut State, number: usize, step: Step) {
    let block = state.block_of(number);
    let mut at = At::Ended;
    match step {
        Step::EndDirectIo => convert(state, block),
        Step::ExtendInode => {
            convert(state, block);
            raise(model, state, number);
            if !state.direct[number].short {
                change_orphan(state, number, false);
            }
        }
        Step::OrphanDel => {
            convert(state, block);
            change_orphan(state, number, false);
            at = At::Unprotected;
        }
        Step::RaiseSizes => raise(model, state, number),
        _ => {
            let size = state.inode.i_size;
            state.inode.remove_extents(size, true);
            change_orphan(state, number, false);
            if std::mem::take(&mut state.direct[number].short) {
                at = At::Invalidated;
            }
        }
    }
    state.direct[number].at = at;
}

fn set(state: &mut State, number: usize, at: At, held: Held) {
    let direct = &mut state.direct[number];
    (direct.at, direct.held) = (at, held);
}

/// Whether the write extends the file is a question of both sizes: past `i_disksize` too, nobody
/// else would see to it that the size on disk covers the data. Only what neither extends the file
/// nor changes its mapping may share the lock.
fn check(model: &DioExtension, state: &mut State, number: usize) {
    let block = state.block_of(number);
    let inode = &state.inode;
    let end = block.end();
    let past_disksize = end > inode.i_disksize && model.holds(Rule::ExtendTestsDisksize);
    let extends = end > inode.i_size || past_disksize;
    let overwrites = inode.extents[block.index()].pblk().is_some();
    let direct = &mut state.direct[number];
    direct.extends = extends;
    let needs_exclusive = match model.holds(Rule::ExclusiveForExtension) {
        true => extends || !overwrites,
        false => false,
    };
    direct.at = if needs_exclusive && direct.held == Held::Shared {
        At::Relock
    } else {
        At::Checked
    };
}

/// A block past the end may be written at once, because the orphan record protects it.
fn map(model: &DioExtension, state: &mut State, number: usize) {
    let block = state.block_of(number);
    if state.direct[number].short {
        map_one_more(state, block);
    }
    let pblk = state.free_block();
    let inode = &mut state.inode;
    let is_past_end = block.end() > inode.i_size;
    let extent = &mut inode.extents[block.index()];
    let mapped = extent.pblk().unwrap_or_else(|| {
        let unwritten = !is_past_end && model.holds(Rule::UnwrittenInsideSize);
        *extent = if unwritten {
            Extent::Unwritten(pblk)
        } else {
            Extent::Written(pblk)
        };
        inode.quota_used += 1;
        inode.seq += 1;
        pblk
    });
    state.direct[number].pblk = Some(mapped);
    state.direct[number].at = At::Mapped;
    if state.direct[number].extends && !model.holds(Rule::RaiseSizesAfterIo) {
        raise(model, state, number);
    }
}

/// The block after the one that is written, which the caller wanted written too.
fn map_one_more(state: &mut State, block: Lblk) {
    let pblk = state.free_block();
    state.inode.extents[usize::from(block.end())] = Extent::Written(pblk);
    state.inode.quota_used += 1;
    state.inode.seq += 1;
}

fn convert(state: &mut State, block: Lblk) {
    let extent = &mut state.inode.extents[block.index()];
    if let Extent::Unwritten(pblk) = *extent {
        *extent = Extent::Written(pblk);
        state.inode.seq += 1;
    }
}

fn raise(model: &DioExtension, state: &mut State, number: usize) {
    let end = state.block_of(number).end();
    let inode = &mut state.inode;
    inode.i_size = inode.i_size.max(end);
    inode.i_disksize = match model.holds(Rule::RaiseOnly) {
        true => inode.i_disksize.max(end),
        false => end,
    };
}

fn change_orphan(state: &mut State, number: usize, is_orphan: bool) {
    state.inode.orphan = is_orphan;
    state.changed_unlocked |= state.direct[number].held != Held::Exclusive;
}
