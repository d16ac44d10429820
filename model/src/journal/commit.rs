//! Commit: lock, switch, write the log, wait, flush, write the commit block.

use super::device::{Content, Location};
use super::state::{Blocks, Checkpoint, Commit, Homeward, Metadata, Power, Stage, State};
use super::state::{Map, Transaction};
use super::{Journal, Place};
use crate::journal::device::Class;
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The step that the commit thread can take next.
pub(super) fn next(model: &Journal, state: &State) -> Option<Action<Place>> {
    if state.power != Power::On || state.aborted {
        return None;
    }
    let Some(commit) = &state.committing else {
        return begin(model, state).map(|step| Action::new(Actor::Journal, step));
    };
    let device = &state.device;
    let step = match commit.stage {
        Stage::WriteLog => Step::WriteLog,
        Stage::WaitOrderedData => {
            let waits = model.holds(Rule::WaitForOrderedData);
            if waits && device.has_in_flight(Class::Data) {
                return None;
            }
            Step::WaitOrderedData
        }
        Stage::WaitLog => {
            let waits = model.holds(Rule::WaitForLogBlocks);
            if waits && device.has_in_flight(Class::Log) {
                return None;
            }
            if state.log_failed && model.holds(Rule::AbortOnLogError) {
                Step::Abort
            } else {
                Step::WaitLog
            }
        }
        Stage::Preflush => Step::Preflush,
        Stage::WriteCommitBlock => Step::WriteCommitBlock,
    };
    Some(Action::new(Actor::Journal, step))
}

/// A commit begins when there is something to commit and the last one has finished. First the
/// transaction is locked; when its handles have stopped it becomes the committing one.
fn begin(model: &Journal, state: &State) -> Option<Step> {
    let tid = state.running.tid;
    let has_work =
        state.handle.is_some_and(|handle| handle.tid == tid) || state.memory.map.tid == tid;
    if state.locked {
        let must_wait = state.handle.is_some() && model.holds(Rule::CloseWithoutHandles)
            || !model.has_space(state);
        (!must_wait).then_some(Step::SwitchTransaction)
    } else {
        has_work.then_some(Step::LockTransaction)
    }
}

/// Takes the step that [`next`] gives.
pub(super) fn apply(model: &Journal, state: &mut State, action: Action<Place>) {
    match action.step {
        Step::LockTransaction => state.locked = true,
        Step::SwitchTransaction => switch(state),
        Step::WriteLog => {
            write_log(model, state);
            go_to(state, Stage::WaitOrderedData);
        }
        Step::WaitOrderedData => go_to(state, Stage::WaitLog),
        Step::WaitLog => go_to(state, Stage::Preflush),
        Step::Preflush => {
            if model.holds(Rule::FlushBeforeCommitBlock) {
                state.device.flush();
            }
            go_to(state, Stage::WriteCommitBlock);
        }
        Step::WriteCommitBlock => write_commit_block(model, state),
        Step::Abort => state.aborted = true,
        step => unreachable!("the commit thread takes no step {step}"),
    }
}

fn go_to(state: &mut State, stage: Stage) {
    state.committing.as_mut().expect("a commit runs").stage = stage;
}

/// From here on handles join the next transaction.
fn switch(state: &mut State) {
    let next = Transaction::new(state.running.tid + 1);
    let transaction = std::mem::replace(&mut state.running, next);
    let frozen = state.memory.clone();
    state.history.push(complete(state, &frozen));
    state.locked = false;
    state.committing = Some(Commit {
        transaction,
        frozen,
        stage: Stage::WriteLog,
    });
}

/// What the transaction should leave behind: all of each of its handles.
fn complete(state: &State, frozen: &Metadata) -> Metadata {
    let mut whole = frozen.clone();
    if let Some(handle) = state.handle {
        whole.map = Map {
            tid: handle.tid,
            ..whole.map
        };
        whole.map.owners[usize::from(handle.block)] = handle.owner;
    }
    whole
}

/// Submits descriptor, revoke records and copies. They are one step, because a power cut may lose
/// each of them as long as they are in flight.
fn write_log(model: &Journal, state: &mut State) {
    let commit = state.committing.as_ref().expect("a commit runs");
    let transaction = &commit.transaction;
    let images = if model.holds(Rule::FreezeCopies) {
        &commit.frozen
    } else {
        &state.memory
    };
    let slot = model.slot(transaction.tid);
    let revoked = if model.holds(Rule::RevokeFreedMetadata) {
        transaction.revoked
    } else {
        Blocks::default()
    };
    let descriptor = Content::Descriptor {
        tid: transaction.tid,
        tags: transaction.modified,
        revoked,
        map: images.map.clone(),
    };
    let device = &mut state.device;
    device.submit(Location::Descriptor(slot), descriptor, Class::Log);
    for block in transaction.modified.iter() {
        let copy = Content::Metadata(images.versions[usize::from(block)]);
        device.submit(Location::Copy(slot, block), copy, Class::Log);
    }
}

/// The transaction is committed when its commit block is durable, which it is when it has
/// completed. What it freed can be allocated from now on.
fn write_commit_block(model: &Journal, state: &mut State) {
    let commit = state.committing.take().expect("a commit runs");
    let transaction = commit.transaction;
    let location = Location::CommitBlock(model.slot(transaction.tid));
    let content = Content::CommitBlock(transaction.tid);
    if model.holds(Rule::CommitBlockIsDurable) {
        state.device.write_through(location, content);
    } else {
        state.device.write_cached(location, content);
    }
    state.acknowledged = transaction.tid;
    // A block is on the list of the newest transaction that has it, and on none if it was freed.
    for older in &mut state.checkpoints {
        older.blocks.remove_all(transaction.modified);
        older.map = false;
        if model.holds(Rule::ForgetFreedBlocks) {
            older.blocks.remove_all(transaction.freed);
        }
    }
    let mut blocks = transaction.modified;
    if model.holds(Rule::ForgetFreedBlocks) {
        blocks.remove_all(transaction.freed);
    }
    state.checkpoints.push(Checkpoint {
        tid: transaction.tid,
        blocks,
        map: true,
        homeward: Homeward::InLog,
    });
}
