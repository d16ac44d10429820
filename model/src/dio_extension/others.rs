//! Writeback of the buffered block, truncate, the reader, commit, crash and recovery.

use super::DioExtension;
use super::state::{At, Power, State, TruncateAt, WritebackAt};
use crate::file::{Content, Data, Extent, Folio, Inode, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The step of writeback and its completion, as in the iomap design.
pub(super) fn next_of_writeback(model: &DioExtension, state: &State) -> Option<Action> {
    let (actor, step) = match state.writeback {
        WritebackAt::Begin if state.folios[state.tail.index()].is_dirty() => {
            (Actor::Writeback, Step::LockFolio)
        }
        WritebackAt::Begin => (Actor::Writeback, Step::SkipFolio),
        WritebackAt::Locked => (Actor::Writeback, Step::LookUpAndAllocate),
        WritebackAt::Allocated => (Actor::Writeback, Step::SubmitIo),
        WritebackAt::InFlight => (Actor::Device, Step::CompleteIo),
        WritebackAt::Completed if model.config.as_code => (Actor::Worker, Step::Convert),
        WritebackAt::Completed => (Actor::Worker, Step::ConvertAndRaiseSize),
        WritebackAt::Converted => (Actor::Worker, Step::RaiseDisksize),
        WritebackAt::Done => return None,
    };
    Some(Action::on(actor, step, state.tail))
}

/// Takes the step that [`next_of_writeback`] gives.
pub(super) fn apply_writeback(state: &mut State, step: Step) {
    let block = state.tail;
    let index = block.index();
    state.writeback = match state.writeback {
        WritebackAt::Begin if state.folios[index].is_dirty() => {
            state.folios[index] = clean(true);
            WritebackAt::Locked
        }
        WritebackAt::Locked => {
            let pblk = state.free_block();
            let inode = &mut state.inode;
            inode.extents[index] = Extent::Unwritten(pblk);
            inode.reserved -= 1;
            inode.quota_reserved -= 1;
            inode.quota_used += 1;
            inode.seq += 1;
            WritebackAt::Allocated
        }
        WritebackAt::Allocated => WritebackAt::InFlight,
        WritebackAt::InFlight => {
            let pblk = state.inode.extents[index].pblk();
            let pblk = pblk.expect("a truncate waits for writeback");
            state.disk.medium[pblk.index()] = Content::Data(Data {
                block,
                version: super::state::FIRST_VERSION,
            });
            WritebackAt::Completed
        }
        WritebackAt::Completed => {
            let inode = &mut state.inode;
            if let Extent::Unwritten(pblk) = inode.extents[index] {
                inode.extents[index] = Extent::Written(pblk);
            }
            inode.seq += 1;
            if step == Step::Convert {
                WritebackAt::Converted
            } else {
                raise_disksize(state)
            }
        }
        WritebackAt::Converted => raise_disksize(state),
        WritebackAt::Begin | WritebackAt::Done => WritebackAt::Done,
    };
}

/// Raises the size on disk to the end of the block, and ends its writeback.
fn raise_disksize(state: &mut State) -> WritebackAt {
    let inode = &mut state.inode;
    inode.i_disksize = inode.i_disksize.max(state.tail.end().min(inode.i_size));
    state.folios[state.tail.index()] = clean(false);
    WritebackAt::Done
}

fn clean(writeback: bool) -> Folio {
    Folio::Present {
        version: super::state::FIRST_VERSION,
        dirty: false,
        writeback,
    }
}

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
    let handle_is_open = state.writeback == WritebackAt::Converted;
    if has_changes && !handle_is_open && state.commits < model.config.commits {
        actions.push(Action::new(Actor::Journal, Step::Commit));
    }
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
    state.writeback = WritebackAt::Done;
    state.reads = 0;
    state.commits = 0;
    for direct in &mut state.direct {
        direct.at = At::Done;
        direct.held = super::state::Held::No;
        direct.extends = false;
        direct.failed = false;
        direct.pblk = None;
    }
    // A truncate that has begun may or may not have taken effect, so nothing is promised then.
    if state.truncate != TruncateAt::Begin {
        state.direct.iter_mut().for_each(|d| d.promised = false);
    }
    state.truncate = TruncateAt::Done;
}
