//! Direct writes: check, orphan record, map, I/O, sizes, invalidate, return.

use super::state::{At, Held, RestAt, State, version_of};
use super::{DioExtension, fallback};
use crate::file::{Content, Data, Extent, Folio, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps that direct write `number` and its I/O can take next.
pub(super) fn next(model: &DioExtension, state: &State, number: usize, actions: &mut Vec<Action>) {
    let block = state.block_of(number);
    let number_u8 = u8::try_from(number).expect("there are few writes");
    let actor = Actor::DirectWriter(number_u8);
    match state.direct[number].at {
        At::InFlight => next_in_flight(model, state, number, actor, actions),
        At::Rest(at) => actions.extend(fallback::next(state, number, actor, at)),
        _ => {
            let before = next_before_io(model, state, number);
            let step = before.or_else(|| next_after_io(model, state, number));
            actions.extend(step.map(|step| Action::on(actor, step, block)));
        }
    }
}

/// The steps up to the I/O.
fn next_before_io(model: &DioExtension, state: &State, number: usize) -> Option<Step> {
    let direct = &state.direct[number];
    let is_free = |exclusively| !state.lock_is_taken(Some(number), exclusively);
    Some(match direct.at {
        // What the call takes first is a guess, made without the lock. A reader of the lock keeps
        // nobody out but those who want it alone.
        At::Begin if state.block_of(number).end() > state.inode.i_size => {
            is_free(false).then_some(Step::LockExclusive)?
        }
        At::Begin => is_free(true).then_some(Step::LockShared)?,
        At::Locked => Step::CheckDirectWrite,
        At::Relock if direct.held != Held::No && model.holds(Rule::UnlockBeforeRelock) => {
            Step::UnlockInode
        }
        At::Relock => is_free(false).then_some(Step::LockExclusive)?,
        At::Checked if direct.extends && model.holds(Rule::OrphanBeforeAllocation) => {
            Step::OrphanAdd
        }
        At::Checked | At::Counted => Step::MapDirect,
        At::Mapped => Step::SubmitIo,
        _ => return None,
    })
}

/// What goes on while the data is with the device.
fn next_in_flight(
    model: &DioExtension,
    state: &State,
    number: usize,
    actor: Actor,
    actions: &mut Vec<Action>,
) {
    let direct = &state.direct[number];
    let block = state.block_of(number);
    // Only what nobody waits for under the lock lets go of it before it has completed.
    let is_waited_for = direct.extends && model.holds(Rule::WaitForExtendingDio);
    if direct.held != Held::No && !is_waited_for {
        actions.push(Action::on(actor, Step::UnlockInode, block));
        return;
    }
    actions.push(Action::on(Actor::Device, Step::CompleteIo, block));
    if model.config.errors && state.direct.iter().all(|other| !other.failed) {
        actions.push(Action::on(Actor::Device, Step::FailIo, block));
    }
}

/// The steps after the I/O.
fn next_after_io(model: &DioExtension, state: &State, number: usize) -> Option<Step> {
    let direct = &state.direct[number];
    let as_code = model.config.as_code;
    Some(match direct.at {
        At::Written if !model.holds(Rule::SyncAfterSizeUpdate) && !direct.promised => {
            Step::Acknowledge
        }
        At::Written if as_code => end_step_of_code(state, number),
        At::Written => end_step(model, state, number),
        At::Failed if direct.extends && model.holds(Rule::CleanUpFailedExtension) => {
            Step::TruncateFailedWrite
        }
        At::Failed | At::Ended => Step::InvalidateCacheAgain,
        At::Unprotected => Step::RaiseSizes,
        At::Converted => Step::EndDirectIo,
        At::Extending => Step::ExtendInode,
        At::Invalidated if as_code && direct.short => Step::TruncateFailedWrite,
        At::Invalidated if as_code && direct.extends && state.inode.orphan => Step::OrphanDel,
        At::Invalidated | At::Trimmed => Step::UnlockInode,
        At::Unlocked => {
            // What a synchronous write promises, a commit has made durable.
            let is_committed = state.disk.committed == state.inode.metadata();
            let returns = direct.failed || direct.promised || is_committed;
            returns.then_some(Step::Acknowledge)?
        }
        _ => return None,
    })
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
pub(super) fn apply(model: &DioExtension, state: &mut State, number: usize, action: Action) {
    if matches!(state.direct[number].at, At::Rest(_)) {
        return fallback::apply(model, state, number, action);
    }
    let step = action.step;
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
        Step::CompleteIo | Step::FailIo => end_io(state, number, step),
        Step::Convert
        | Step::EndDirectIo
        | Step::ExtendInode
        | Step::OrphanDel
        | Step::RaiseSizes
        | Step::TruncateFailedWrite => complete(model, state, number, step),
        Step::InvalidateCacheAgain | Step::UnlockInode | Step::Acknowledge => {
            leave(model, state, number, step);
        }
        step => unreachable!("a direct write takes no step {step}"),
    }
}

/// The device has written the data, or could not.
fn end_io(state: &mut State, number: usize, step: Step) {
    if step == Step::FailIo {
        state.direct[number].at = At::Failed;
        state.direct[number].failed = true;
        return;
    }
    let block = state.block_of(number);
    let pblk = state.direct[number].pblk.expect("it was mapped");
    let version = version_of(number);
    state.disk.medium[pblk.index()] = Content::Data(Data { block, version });
    state.direct[number].at = At::Written;
}

/// The last steps: the page cache, the lock, the return.
fn leave(model: &DioExtension, state: &mut State, number: usize, step: Step) {
    let block = state.block_of(number);
    let direct = &mut state.direct[number];
    match step {
        Step::InvalidateCacheAgain => {
            if model.holds(Rule::InvalidateAfterIo) {
                state.folios[block.index()] = Folio::Absent;
            }
            direct.at = match direct.held {
                Held::No => At::Unlocked,
                _ => At::Invalidated,
            };
        }
        Step::UnlockInode => {
            direct.held = Held::No;
            direct.at = match direct.at {
                At::Invalidated => At::Unlocked,
                At::Trimmed => At::Rest(RestAt::Begin),
                at => at,
            };
        }
        _ => {
            direct.promised = !direct.failed;
            if direct.at != At::Written {
                direct.at = At::Done;
            }
        }
    }
}

/// What is done to the inode when the I/O has ended, well or not.
fn complete(model: &DioExtension, state: &mut State, number: usize, step: Step) {
    let block = state.block_of(number);
    let as_code = model.config.as_code;
    let mut at = At::Ended;
    match step {
        Step::Convert => {
            convert(state, block);
            at = At::Converted;
        }
        Step::EndDirectIo if as_code => {
            let inode = &state.inode;
            if block.end() > inode.i_disksize || block.end() > inode.i_size {
                at = At::Extending;
            }
        }
        Step::EndDirectIo => convert(state, block),
        Step::ExtendInode => {
            convert(state, block);
            raise(model, state, number);
            if !state.direct[number].short {
                change_orphan(state, number, false);
            }
        }
        Step::OrphanDel if as_code => {
            change_orphan(state, number, false);
            at = At::Invalidated;
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
            if state.direct[number].short {
                at = At::Trimmed;
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

/// The block after the one that is written, which the caller wants written too.
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
