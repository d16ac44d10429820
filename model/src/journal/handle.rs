//! Handles: one update of metadata each.
//!
//! A handle changes one block and then the map, in two steps, so that a commit can try to come
//! between them. The map changes in every handle: it stands for the bitmaps and inodes that every
//! real update touches too.

use super::device::{Class, Content, Location};
use super::state::{Handle, Owner, Power, State};
use super::{Journal, Place};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps that the updating task can take next.
pub(super) fn next(model: &Journal, state: &State, actions: &mut Vec<Action<Place>>) {
    if state.power != Power::On || state.aborted {
        return;
    }
    if state.handle.is_some() {
        actions.push(Action::new(Actor::Updater, Step::StopHandle));
        return;
    }
    // A handle joins the running transaction unless that is locked, and only if the log has space
    // for the transaction.
    let config = &model.config;
    let has_space = model.has_space(state) || !model.holds(Rule::WaitForSpaceBeforeJoining);
    let may_begin = state.handles < config.handles && state.running.tid <= config.transactions;
    if state.locked || !has_space || !may_begin {
        return;
    }
    for block in 0..config.blocks {
        let mut offer = |step| actions.push(Action::on(Actor::Updater, step, Place::Block(block)));
        match state.memory.map.owners[usize::from(block)] {
            Owner::Metadata => {
                offer(Step::UpdateBlock);
                offer(Step::FreeBlock);
            }
            Owner::Data(_) => offer(Step::FreeBlock),
            // What was freed can be allocated when the transaction that freed it has committed.
            Owner::Free if is_allocatable(model, state, block) => {
                offer(Step::NewMetadata);
                if !must_wait_for_old_owner(model, state, block) {
                    offer(Step::NewData);
                }
            }
            Owner::Free => {}
        }
    }
}

fn is_allocatable(model: &Journal, state: &State, block: u8) -> bool {
    !model.holds(Rule::ReuseFreedBlocksAfterCommit) || !state.freed_uncommitted().contains(block)
}

fn must_wait_for_old_owner(model: &Journal, state: &State, block: u8) -> bool {
    let mut pending = state.device.pending.iter();
    model.holds(Rule::WaitForOldOwnersWrites)
        && pending.any(|write| {
            write.location == Location::Home(block) && write.in_flight == Some(Class::Home)
        })
}

/// Takes one of the steps that [`next`] gives.
pub(super) fn apply(state: &mut State, action: Action<Place>) {
    let Some(Place::Block(block)) = action.block else {
        stop(state);
        return;
    };
    let tid = state.running.tid;
    let index = usize::from(block);
    let owner = match action.step {
        Step::UpdateBlock | Step::NewMetadata => {
            state.memory.versions[index] = tid;
            state.running.modified.insert(block);
            Owner::Metadata
        }
        Step::FreeBlock => {
            state.running.freed.insert(block);
            if state.memory.map.owners[index] == Owner::Metadata {
                state.running.revoked.insert(block);
            }
            Owner::Free
        }
        // Data goes to its place at once, ordered before the commit of the map that names it.
        Step::NewData => {
            let device = &mut state.device;
            device.submit(Location::Home(block), Content::Data(tid), Class::Data);
            state.running.ordered.insert(block);
            Owner::Data(tid)
        }
        step => unreachable!("a handle takes no step {step}"),
    };
    state.handle = Some(Handle { tid, block, owner });
    state.handles += 1;
}

/// The second change, and the end of the handle.
fn stop(state: &mut State) {
    let handle = state.handle.take().expect("a handle is open");
    state.memory.map.owners[usize::from(handle.block)] = handle.owner;
    state.memory.map.tid = state.running.tid;
}
