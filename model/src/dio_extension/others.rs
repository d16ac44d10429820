//! Truncate, the reader, commit, crash and recovery.

use super::DioExtension;
use super::state::{At, Power, State, TruncateAt, WritebackAt};
use crate::file::{Content, Extent, Folio, Inode, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The step of the truncate, which cuts the file to nothing.
pub(super) fn next_of_truncate(model: &DioExtension, state: &State) -> Option<Action> {
    let step = match state.truncate {
        TruncateAt::Begin if model.config.truncate => {
            (!state.lock_is_taken(None, false)).then_some(Step::LockExclusive)?
        }
        TruncateAt::Locked => {
            let waits = model.holds(Rule::TruncateWaitsForDio) && state.dio_count() > 0;
            (!waits).then_some(Step::WaitDio)?
        }
        TruncateAt::Drained => Step::SetSizes,
        TruncateAt::Shrunk => {
            let mut folios = state.folios.iter();
            let waits = folios.any(|folio| folio.is_under_writeback());
            (!waits).then_some(Step::DropFolio)?
        }
        TruncateAt::Dropped => Step::RemoveExtents,
        TruncateAt::Removed => Step::UnlockInode,
        TruncateAt::Begin | TruncateAt::Done => return None,
    };
    Some(Action::new(Actor::Truncate, step))
}

/// Takes the step that [`next_of_truncate`] gives. Its orphan record is made in the handle that
/// sets the sizes, and deleted in the one that removes the extents.
pub(super) fn apply_truncate(state: &mut State) {
    state.truncate = match state.truncate {
        TruncateAt::Begin => TruncateAt::Locked,
        TruncateAt::Locked => TruncateAt::Drained,
        TruncateAt::Drained => {
            state.inode.orphan = true;
            state.inode.set_sizes(0);
            TruncateAt::Shrunk
        }
        TruncateAt::Shrunk => {
            state.folios.fill(Folio::Absent);
            TruncateAt::Dropped
        }
        TruncateAt::Dropped => {
            state.inode.remove_extents(0, true);
            state.inode.orphan = false;
            TruncateAt::Removed
        }
        TruncateAt::Removed | TruncateAt::Done => TruncateAt::Done,
    };
}

/// What the reader can bring into the page cache: written blocks of the file that are not in it.
pub(super) fn next_of_reader(state: &State, actions: &mut Vec<Action>) {
    if state.reads == 0 || state.truncate_holds_lock() {
        return;
    }
    let blocks = (0..state.inode.i_size).map(Lblk);
    let readable = blocks.filter(|block| {
        let is_absent = state.folios[block.index()] == Folio::Absent;
        is_absent && on_disk(state, *block).is_some()
    });
    actions.extend(readable.map(|block| Action::on(Actor::Reader, Step::ReadFolio, block)));
}

/// Which write the disk has of a block.
pub(super) fn on_disk(state: &State, block: Lblk) -> Option<u8> {
    let Extent::Written(pblk) = state.inode.extents[block.index()] else {
        return None;
    };
    match state.disk.medium[pblk.index()] {
        Content::Data(data) if data.block == block => Some(data.version),
        _ => None,
    }
}

/// Takes a step that [`next_of_reader`] gives.
pub(super) fn apply_reader(state: &mut State, block: Lblk) {
    let version = on_disk(state, block).expect("it is readable");
    state.reads -= 1;
    state.folios[block.index()] = Folio::Present {
        version,
        dirty: false,
        writeback: false,
    };
}

/// The steps of journal and power, which never have to happen.
pub(super) fn next_of_journal_and_power(
    model: &DioExtension,
    state: &State,
    actions: &mut Vec<Action>,
) {
    if state.power != Power::On {
        return;
    }
    actions.push(Action::new(Actor::Power, Step::Crash));
    let has_changes = state.inode.metadata() != state.disk.committed;
    // Between conversion and size the worker's handle is open.
    let handle_is_open = super::writeback::handle_is_open(state);
    let may_commit = state.commits < model.config.commits && may_commit(model, state);
    if has_changes && !handle_is_open && may_commit {
        actions.push(Action::new(Actor::Journal, Step::Commit));
    }
}

/// Whether a commit can come now, if it has to come as in the scenario.
fn may_commit(model: &DioExtension, state: &State) -> bool {
    let is_beyond = state.first != Lblk(0);
    let writes_back = is_beyond && state.writeback[0].at != WritebackAt::Begin;
    let mut writeback = state.writeback.iter();
    let is_done = writes_are_done(state)
        && state.writeback[0].at == WritebackAt::Done
        && writeback.all(|flush| matches!(flush.at, WritebackAt::Begin | WritebackAt::Done));
    !model.config.settles || is_done || (state.commits == 0 && !writes_back)
}

/// Whether every direct write has returned, or has only its return left.
fn writes_are_done(state: &State) -> bool {
    let mut direct = state.direct.iter();
    direct.all(|direct| matches!(direct.at, At::Unlocked | At::Done))
}

/// Whether writeback must wait, if it has to come as in the scenario.
pub(super) fn writeback_must_wait(model: &DioExtension, state: &State) -> bool {
    let is_beyond = state.first != Lblk(0);
    model.config.settles && is_beyond && state.commits > 0 && !writes_are_done(state)
}

/// The step of a mount.
pub(super) fn next_of_mount(state: &State) -> Option<Action> {
    let step = match state.power {
        Power::On | Power::Recovered => return None,
        Power::Off => Step::ReplayJournal,
        Power::Replayed => Step::CleanUpOrphan,
    };
    Some(Action::new(Actor::Mount, step))
}

/// Takes a step of journal, power or mount.
pub(super) fn apply_power(state: &mut State, step: Step) {
    match step {
        Step::Commit => {
            state.disk.committed = state.inode.metadata();
            state.inode.freed.clear();
            state.commits += 1;
        }
        Step::Crash => crash(state),
        Step::ReplayJournal if state.inode.orphan => state.power = Power::Replayed,
        Step::ReplayJournal => state.power = Power::Recovered,
        Step::CleanUpOrphan => {
            let size = state.inode.i_disksize;
            state.inode.remove_extents(size, true);
            state.inode.orphan = false;
            state.power = Power::Recovered;
        }
        step => unreachable!("neither journal, power nor mount takes the step {step}"),
    }
}

/// Only the disk survives, and what was promised.
fn crash(state: &mut State) {
    state.power = Power::Off;
    state.inode = Inode::mounted(&state.disk.committed);
    state.folios.fill(Folio::Absent);
    for flush in &mut state.writeback {
        flush.at = WritebackAt::Done;
        flush.by = Actor::Writeback;
    }
    state.reads = 0;
    state.commits = 0;
    for direct in &mut state.direct {
        direct.at = At::Done;
        direct.held = super::state::Held::No;
        direct.extends = false;
        direct.failed = false;
        direct.pblk = None;
        direct.short = false;
    }
    // A truncate that has begun may or may not have taken effect, so nothing is promised then.
    if state.truncate != TruncateAt::Begin {
        state.direct.iter_mut().for_each(|d| d.promised = false);
    }
    state.truncate = TruncateAt::Done;
}
