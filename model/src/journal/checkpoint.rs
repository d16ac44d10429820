//! Checkpoint: committed transactions go home, and the tail of the log follows.

use super::device::{Class, Content, Location};
use super::state::{Homeward, Power, State};
use super::{Journal, Place};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The step that the checkpoint can take next, on the oldest transaction in the log.
pub(super) fn next(model: &Journal, state: &State) -> Option<Action<Place>> {
    if state.power != Power::On || state.aborted {
        return None;
    }
    let oldest = state.checkpoints.first()?;
    let step = match oldest.homeward {
        Homeward::InLog if !model.holds(Rule::WriteHomeBeforeTail) => Step::UpdateLogTail,
        // What memory holds of a block goes home, so it must be what a commit has made durable.
        Homeward::InLog => {
            let mut blocks = oldest.blocks.iter();
            let changed = state.modified_uncommitted();
            let is_newer = blocks.any(|block| changed.contains(block))
                || (oldest.map && state.map_is_uncommitted());
            if is_newer && model.holds(Rule::WriteHomeAfterCommit) {
                return None;
            }
            Step::WriteHome
        }
        Homeward::Written if state.home_failed && model.holds(Rule::AbortOnHomeError) => {
            Step::Abort
        }
        Homeward::Written => {
            let waits = model.holds(Rule::FlushHomeBeforeTail);
            if waits && state.device.has_in_flight(Class::Home) {
                return None;
            }
            Step::FlushHome
        }
        Homeward::Durable => Step::UpdateLogTail,
    };
    Some(Action::new(Actor::Checkpoint, step))
}

/// Takes the step that [`next`] gives.
pub(super) fn apply(model: &Journal, state: &mut State, action: Action<Place>) {
    let oldest = &mut state.checkpoints[0];
    let after = oldest.tid + 1;
    match action.step {
        Step::WriteHome => {
            oldest.homeward = Homeward::Written;
            for block in oldest.blocks.iter() {
                let content = Content::Metadata(state.memory.versions[usize::from(block)]);
                state
                    .device
                    .submit(Location::Home(block), content, Class::Home);
            }
            if oldest.map {
                let content = Content::Map(state.memory.map.clone());
                state
                    .device
                    .submit(Location::HomeOfMap, content, Class::Home);
            }
        }
        Step::FlushHome => {
            oldest.homeward = Homeward::Durable;
            if model.holds(Rule::FlushHomeBeforeTail) {
                state.device.flush();
            }
            if !model.holds(Rule::ReuseLogAfterTail) {
                state.space_from = after;
            }
        }
        // The superblock is durable before anything relies on it.
        Step::UpdateLogTail => {
            let tail = Content::Tail(after);
            state.device.write_through(Location::LogSuperblock, tail);
            state.space_from = after;
            state.checkpoints.remove(0);
        }
        Step::Abort => state.aborted = true,
        step => unreachable!("a checkpoint takes no step {step}"),
    }
}
