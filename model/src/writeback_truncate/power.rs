//! Commit, crash and recovery.

use super::WritebackTruncate;
use super::state::{Power, State, Writeback, WritebackAt};
use crate::file::{Folio, Inode, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps of the journal and of the power supply that are possible. None of them ever has to
/// happen.
pub(super) fn next_of_journal_and_power(
    model: &WritebackTruncate,
    state: &State,
    actions: &mut Vec<Action>,
) {
    if state.power != Power::On {
        return;
    }
    // A commit waits until no handle is open. An empty transaction is not committed.
    let has_changes = state.inode.metadata() != state.disk.committed;
    let writeback = &state.writeback;
    let passes = writeback.at != WritebackAt::Done
        && (writeback.at != WritebackAt::Between || writeback.next != Lblk(0));
    let settles = model.config.settles && state.commits > 0;
    let must_wait = settles && (passes || !model.is_calm(state));
    let may_commit = state.commits < model.config.commits && !must_wait;
    if may_commit && has_changes && !state.handle_is_open(model.program()) {
        actions.push(Action::new(Actor::Journal, Step::Commit));
    }
    if model.config.crash {
        actions.push(Action::new(Actor::Power, Step::Crash));
    }
}

/// The step of a mount after a crash.
pub(super) fn next_of_mount(state: &State) -> Option<Action> {
    let step = match state.power {
        Power::On | Power::Recovered => return None,
        Power::Off => Step::ReplayJournal,
        Power::Replayed => Step::CleanUpOrphan,
    };
    Some(Action::new(Actor::Mount, step))
}

/// Takes one of the steps that the functions above give.
pub(super) fn apply(model: &WritebackTruncate, state: &mut State, action: Action) {
    match action.step {
        Step::Commit => {
            state.disk.committed = state.inode.metadata();
            // The commit callback: what the transaction freed can be allocated from now on.
            state.inode.freed.clear();
            state.commits += 1;
        }
        Step::Crash => crash(model, state),
        // Replay brings the disk to the last committed transaction, so the mounted file is the
        // committed one.
        Step::ReplayJournal => {
            state.inode = Inode::mounted(&state.disk.committed);
            let cleans_up = state.inode.orphan && model.holds(Rule::CleanUpOrphansAtMount);
            state.power = if cleans_up {
                Power::Replayed
            } else {
                Power::Recovered
            };
        }
        // A file that has a link is truncated to its size on disk and leaves the list.
        Step::CleanUpOrphan => {
            let size = state.inode.i_disksize;
            state.inode.remove_extents(size, true);
            state.inode.orphan = false;
            state.power = Power::Recovered;
        }
        step => unreachable!("neither journal, power nor mount takes the step {step}"),
    }
}

/// Only the disk survives. Everything else is set to one value, so that crashes which leave the
/// same disk become one state.
fn crash(model: &WritebackTruncate, state: &mut State) {
    state.power = Power::Off;
    state.inode = Inode::mounted(&state.disk.committed);
    state.folios = vec![Folio::Absent; usize::from(model.config.blocks)];
    state.ioends.clear();
    state.writeback = Writeback {
        next: Lblk(0),
        at: WritebackAt::Done,
        passes_left: 0,
        inside: 0,
        map: None,
    };
    state.truncate = 0;
    state.append_cookie = 0;
}
