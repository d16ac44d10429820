//! Writeback of blocks that are dirty in the page cache, and its completion, as in the iomap
//! design.
//!
//! Each block is written back by itself: of two that are dirty there is a block between that is
//! not, so nothing is done for both at once, and only the order of the two can matter. Writeback
//! goes forward through the file, and takes a later block when it has looked at the earlier one.

use super::DioExtension;
use super::state::{At, Flush, RestAt, State, WritebackAt};
use crate::file::{Content, Data, Extent, Folio};
use crate::step::{Action, Actor, Step};

/// The steps that writeback and its completion can take next.
pub(super) fn next(model: &DioExtension, state: &State, actions: &mut Vec<Action>) {
    for (number, flush) in state.writeback.iter().enumerate() {
        let next = match number {
            0 => next_of(model, state, flush),
            _ => next_of_rest(model, state, flush),
        };
        actions.extend(next.map(|(actor, step)| Action::on(actor, step, flush.block)));
    }
}

/// The step at one block.
fn next_of(model: &DioExtension, state: &State, flush: &Flush) -> Option<(Actor, Step)> {
    Some(match flush.at {
        WritebackAt::Begin if super::others::writeback_must_wait(model, state) => return None,
        WritebackAt::Begin if state.folios[flush.block.index()].is_dirty() => {
            (Actor::Writeback, Step::LockFolio)
        }
        WritebackAt::Begin => (Actor::Writeback, Step::SkipFolio),
        WritebackAt::Locked => (flush.by, Step::LookUpAndAllocate),
        WritebackAt::Allocated => (flush.by, Step::SubmitIo),
        WritebackAt::InFlight => (Actor::Device, Step::CompleteIo),
        // There is one worker.
        WritebackAt::Completed if handle_is_open(state) => return None,
        WritebackAt::Completed if model.config.as_code => (Actor::Worker, Step::Convert),
        WritebackAt::Completed => (Actor::Worker, Step::ConvertAndRaiseSize),
        WritebackAt::Converted => (Actor::Worker, Step::RaiseDisksize),
        WritebackAt::Done => return None,
    })
}

/// The step at the rest of a short direct write, which writeback may take before the write itself
/// comes to it.
fn next_of_rest(model: &DioExtension, state: &State, flush: &Flush) -> Option<(Actor, Step)> {
    if flush.at != WritebackAt::Begin {
        return next_of(model, state, flush);
    }
    let is_dirty = state.folios[flush.block.index()].is_dirty();
    let mut direct = state.direct.iter();
    let is_locked = direct.any(|direct| direct.at == At::Rest(RestAt::Copied));
    let has_come_to_it = state.writeback[0].at != WritebackAt::Begin;
    let takes = is_dirty && !is_locked && has_come_to_it;
    takes.then_some((Actor::Writeback, Step::LockFolio))
}

/// Whether the worker's handle is open: it has converted, and raises the size next.
pub(super) fn handle_is_open(state: &State) -> bool {
    let mut writeback = state.writeback.iter();
    writeback.any(|flush| flush.at == WritebackAt::Converted)
}

/// Takes a step that [`next`] gives, at the block of that number.
pub(super) fn apply(state: &mut State, number: usize, action: Action) {
    let Flush {
        block, version, at, ..
    } = state.writeback[number];
    let index = block.index();
    let next = match at {
        WritebackAt::Begin if state.folios[index].is_dirty() => {
            state.folios[index] = clean(version, true);
            state.writeback[number].by = action.actor;
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
            state.disk.medium[pblk.index()] = Content::Data(Data { block, version });
            WritebackAt::Completed
        }
        WritebackAt::Completed => {
            let inode = &mut state.inode;
            if let Extent::Unwritten(pblk) = inode.extents[index] {
                inode.extents[index] = Extent::Written(pblk);
            }
            inode.seq += 1;
            if action.step == Step::Convert {
                WritebackAt::Converted
            } else {
                raise_disksize(state, number)
            }
        }
        WritebackAt::Converted => raise_disksize(state, number),
        WritebackAt::Begin | WritebackAt::Done => WritebackAt::Done,
    };
    state.writeback[number].at = next;
}

/// Raises the size on disk to the end of the block, and ends its writeback.
fn raise_disksize(state: &mut State, number: usize) -> WritebackAt {
    let Flush { block, version, .. } = state.writeback[number];
    let inode = &mut state.inode;
    inode.i_disksize = inode.i_disksize.max(block.end().min(inode.i_size));
    state.folios[block.index()] = clean(version, false);
    state.writeback[number].by = Actor::Writeback;
    WritebackAt::Done
}

fn clean(version: u8, writeback: bool) -> Folio {
    Folio::Present {
        version,
        dirty: false,
        writeback,
    }
}
