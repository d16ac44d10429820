//! Truncate: a program of steps, taken in order by one task that may append a block afterwards.
//!
//! The task holds `i_rwsem` and `invalidate_lock` throughout the truncate, and `i_rwsem` again
//! for the append.

use super::state::{Power, State};
use super::{Config, WritebackTruncate};
use crate::file::{Extent, Folio, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps of the append.
pub(super) const APPEND: usize = 2;

/// The task's steps, in order.
pub(super) fn program(config: &Config) -> Vec<Action> {
    let mut program = Vec::new();
    program.extend(shrink(config));
    if config.rules.hold(Rule::DropFoliosBeforeExtents) {
        program.extend(drop_folios(config));
        program.extend(remove(config));
    } else {
        program.extend(remove(config));
        program.extend(drop_folios(config));
    }
    if config.rewrite {
        program.extend(append(config));
    }
    program
}

/// First the orphan record and the sizes, in one transaction: from here on the file is short for
/// everyone, and a crash finds out that there is more to do.
fn shrink(config: &Config) -> Vec<Action> {
    let steps: &[Step] = if config.rules.hold(Rule::OrphanBeforeSizes) {
        &[
            Step::StartHandle,
            Step::OrphanAdd,
            Step::SetSizes,
            Step::StopHandle,
        ]
    } else {
        &[
            Step::StartHandle,
            Step::SetSizes,
            Step::StopHandle,
            Step::StartHandle,
            Step::OrphanAdd,
            Step::StopHandle,
        ]
    };
    steps
        .iter()
        .map(|step| Action::new(Actor::Truncate, *step))
        .collect()
}

/// Then the page cache past the new size: each folio is locked, waited for, and dropped.
fn drop_folios(config: &Config) -> Vec<Action> {
    let steps = [Step::LockFolio, Step::WaitWriteback, Step::DropFolio];
    let on = |block| steps.map(|step| Action::on(Actor::Truncate, step, Lblk(block)));
    (config.truncate_to..config.blocks).flat_map(on).collect()
}

/// Then the extents, and the orphan record with them: the truncate is complete.
fn remove(config: &Config) -> Vec<Action> {
    let steps: &[Step] = if config.rules.hold(Rule::OrphanUntilExtentsRemoved) {
        &[
            Step::StartHandle,
            Step::RemoveExtents,
            Step::OrphanDel,
            Step::StopHandle,
        ]
    } else {
        &[
            Step::StartHandle,
            Step::OrphanDel,
            Step::StopHandle,
            Step::StartHandle,
            Step::RemoveExtents,
            Step::StopHandle,
        ]
    };
    steps
        .iter()
        .map(|step| Action::new(Actor::Truncate, *step))
        .collect()
}

/// An append reserves space first, and then copies the data under the folio lock. Nobody else can
/// hold or want the lock of a folio that was not in the cache, so locking, copying and unlocking
/// are one step.
fn append(config: &Config) -> Vec<Action> {
    let steps: [Step; APPEND] = [Step::InsertDelayed, Step::CopyIn];
    steps
        .map(|step| Action::on(Actor::Truncate, step, Lblk(config.truncate_to)))
        .to_vec()
}

/// The steps that the task can take next.
///
/// In the code the append compares its map's cookie under the folio lock. It may find the map out
/// of date because the worker has converted another block; then it gives its reservation back, and
/// reserves again. A map that goes out of date after the comparison serves all the same.
pub(super) fn next(model: &WritebackTruncate, state: &State, actions: &mut Vec<Action>) {
    let next = next_of_program(model, state);
    actions.extend(next);
    let copies = next.filter(|action| action.step == Step::CopyIn);
    if let Some(copies) = copies
        && model.config.as_code
        && state.append_cookie != state.inode.seq
    {
        let step = Step::PunchDelayed;
        actions.push(Action { step, ..copies });
    }
}

/// The step that the task takes next, unless it has finished or must wait.
fn next_of_program(model: &WritebackTruncate, state: &State) -> Option<Action> {
    if state.power != Power::On {
        return None;
    }
    let action = *model.program().get(state.truncate)?;
    let folio = action
        .block
        .map(|block| (block, state.folios[block.index()]));
    let must_wait = match (action.step, folio) {
        (Step::LockFolio, Some((block, _))) => state.folio_lock(model.program(), block).is_some(),
        (Step::WaitWriteback, Some((_, folio))) => {
            model.holds(Rule::TruncateWaitsForWriteback) && folio.is_under_writeback()
        }
        _ => false,
    };
    (!must_wait).then_some(action)
}

/// Takes the step that [`next`] gives.
pub(super) fn apply(model: &WritebackTruncate, state: &mut State, action: Action) {
    let size = model.config.truncate_to;
    let inode = &mut state.inode;
    if action.step == Step::PunchDelayed {
        // Writeback may have allocated it meanwhile; then it stays.
        if inode.extents[usize::from(size)] == Extent::Delayed {
            inode.remove_extents(size, true);
        }
        state.append_cookie = 0;
        state.truncate -= 1;
        return;
    }
    state.truncate += 1;
    match (action.step, action.block) {
        // Where the task is says which handle and which folio lock it has.
        (Step::StartHandle | Step::StopHandle | Step::LockFolio | Step::WaitWriteback, _) => {}
        (Step::OrphanAdd, _) => inode.orphan = true,
        (Step::SetSizes, _) => inode.set_sizes(size),
        (Step::DropFolio, Some(block)) => state.folios[block.index()] = Folio::Absent,
        // Delayed blocks give their reservation back. Allocated ones are freed, but they are not
        // to be had before the transaction has committed.
        (Step::RemoveExtents, _) => {
            inode.remove_extents(size, model.holds(Rule::ReleaseReservationOnRemove));
        }
        (Step::OrphanDel, _) => inode.orphan = false,
        (Step::InsertDelayed, Some(block)) if inode.extents[block.index()] != Extent::Hole => {
            state.append_cookie = inode.seq;
        }
        (Step::InsertDelayed, Some(block)) => {
            inode.extents[block.index()] = Extent::Delayed;
            inode.reserved += 1;
            inode.quota_reserved += 1;
            inode.seq += 1;
            if model.config.as_code {
                state.append_cookie = inode.seq;
            }
        }
        (Step::CopyIn, Some(block)) => {
            state.append_cookie = 0;
            state.folios[block.index()] = Folio::dirty(2);
            inode.i_size = inode.i_size.max(block.end());
        }
        (step, _) => unreachable!("a truncating task takes no step {step}"),
    }
}
