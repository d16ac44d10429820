//! Writeback: folio by folio, lock, map, submit, unlock.
//!
//! The folio lock is taken before the handle, and a handle is only started if there is something
//! to allocate.

use super::state::{Map, State, WritebackAt};
use super::{Config, WritebackTruncate};
use crate::file::{Data, Extent, Folio, IoStage, Ioend, Lblk};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The step that writeback takes next, unless it has finished or must wait.
pub(super) fn next(model: &WritebackTruncate, state: &State) -> Option<Action> {
    let block = state.writeback.next;
    let is_last_pass = state.writeback.passes_left == 1 && model.config.passes > 1;
    let begins = state.writeback.at == WritebackAt::Between && block == Lblk(0);
    if is_last_pass && begins && !model.is_calm(state) {
        return None;
    }
    let step = match state.writeback.at {
        // Only dirty folios are written, and none that lies past the end of the file: a truncate
        // is about to drop it. `i_size` is sampled under the folio lock, but the truncate sets it
        // without, so sampling it when taking the lock loses nothing.
        WritebackAt::Between => {
            let folio = state.folios[block.index()];
            if !folio.is_dirty() || block.end() > state.inode.i_size {
                Step::SkipFolio
            } else if folio.is_under_writeback()
                || state.folio_lock(model.program(), block).is_some()
            {
                return None;
            } else {
                Step::LockFolio
            }
        }
        // The cached map serves if it covers the block and its cookie is current.
        WritebackAt::Locked => {
            let covers = |map: &&Map| map.at(block).is_some();
            let current = |map: &Map| map.cookie == state.inode.seq;
            let trusts_any = !model.holds(Rule::CheckCookieBeforeUse);
            match state.writeback.map.as_ref().filter(covers) {
                Some(map) if trusts_any || current(map) => Step::ReuseMap,
                _ => Step::QueryMap,
            }
        }
        WritebackAt::FoundDelayed(_) => Step::StartHandle,
        WritebackAt::HandleOpen(_) if model.holds(Rule::LookupAndAllocateUnderOneLock) => {
            Step::LookUpAndAllocate
        }
        WritebackAt::HandleOpen(_) => Step::LookUp,
        WritebackAt::LookedUp(_) => Step::Allocate,
        WritebackAt::Allocated => Step::StopHandle,
        WritebackAt::Mapped => Step::SubmitIo,
        WritebackAt::Submitted => Step::UnlockFolio,
        WritebackAt::Done => return None,
    };
    Some(Action::on(Actor::Writeback, step, block))
}

/// Takes one of the steps that [`next`] gives.
pub(super) fn apply(model: &WritebackTruncate, state: &mut State, action: Action) {
    let block = state.writeback.next;
    state.writeback.at = match (action.step, state.writeback.at) {
        (Step::SkipFolio | Step::UnlockFolio, _) => return advance(&model.config, state),
        (Step::LockFolio, _) => {
            if let Folio::Present {
                dirty, writeback, ..
            } = &mut state.folios[block.index()]
            {
                *dirty = false;
                *writeback = true;
            }
            if model.config.as_code {
                state.writeback.inside = state.inode.i_size;
            }
            WritebackAt::Locked
        }
        (Step::ReuseMap, _) => WritebackAt::Mapped,
        (Step::QueryMap, _) => query(&model.config, state),
        (Step::StartHandle, WritebackAt::FoundDelayed(end)) => WritebackAt::HandleOpen(end),
        // Another look may find that the run has become shorter, a hole, or mapped. The code also
        // allocates what an append has added to it, below the size that it sampled.
        (Step::LookUpAndAllocate, WritebackAt::HandleOpen(end)) => {
            let inside = std::mem::take(&mut state.writeback.inside);
            let end = if model.config.as_code {
                Lblk(inside)
            } else {
                end
            };
            match look_up(state, end) {
                Some(end) => allocate(model, state, end),
                None => WritebackAt::Allocated,
            }
        }
        (Step::LookUp, WritebackAt::HandleOpen(end)) => match look_up(state, end) {
            Some(end) => WritebackAt::LookedUp(end),
            None => WritebackAt::Allocated,
        },
        (Step::Allocate, WritebackAt::LookedUp(end)) => allocate(model, state, end),
        (Step::StopHandle, _) => WritebackAt::Mapped,
        (Step::SubmitIo, _) => submit(state),
        (step, at) => unreachable!("writeback takes no step {step} at {at:?}"),
    };
}

/// Asks for the mapping without a handle. What is mapped, or a hole, is the answer; a delayed run
/// must be allocated first, and it reaches past the folio that is locked.
fn query(config: &Config, state: &mut State) -> WritebackAt {
    match look_up(state, Lblk(config.blocks)) {
        Some(end) => WritebackAt::FoundDelayed(end),
        None => WritebackAt::Mapped,
    }
}

/// Looks up the run that starts with the current block and ends before `end` at the latest: the
/// end of that run if it is delayed, or else `None`, and the mapping found is kept.
fn look_up(state: &mut State, end: Lblk) -> Option<Lblk> {
    let block = state.writeback.next;
    let mut run = state.inode.run(block);
    run.truncate(end.index() - block.index());
    if run[0] == Extent::Delayed {
        let length = u8::try_from(run.len()).expect("a run is within the file");
        return Some(Lblk(block.0 + length));
    }
    cache_map(state, run);
    None
}

/// Allocates every block before `end`, and claims what delayed allocation had reserved for them.
///
/// The allocator charges nothing, because the claim will. The claim is sized by the delayed
/// blocks that the new extent replaced.
fn allocate(model: &WritebackTruncate, state: &mut State, end: Lblk) -> WritebackAt {
    let first = state.writeback.next;
    let reuse_freed = !model.holds(Rule::ReuseFreedBlocksAfterCommit);
    let mut claimed = 0;
    for index in first.index()..end.index() {
        let pblk = state.free_block(reuse_freed);
        let extent = &mut state.inode.extents[index];
        claimed += i8::from(*extent == Extent::Delayed);
        *extent = if model.holds(Rule::AllocateUnwritten) {
            Extent::Unwritten(pblk)
        } else {
            Extent::Written(pblk)
        };
    }
    let inode = &mut state.inode;
    inode.reserved -= claimed;
    inode.quota_reserved -= claimed;
    inode.quota_used += claimed;
    inode.seq += 1;
    if !model.holds(Rule::RaiseDisksizeAfterIo) {
        inode.i_disksize = inode.i_disksize.max(end.0.min(inode.i_size));
    }
    let extents = state.inode.extents[first.index()..end.index()].to_vec();
    cache_map(state, extents);
    WritebackAt::Allocated
}

/// Keeps a mapping with the cookie of the critical section in which it was found.
fn cache_map(state: &mut State, extents: Vec<Extent>) {
    let first = state.writeback.next;
    state.writeback.map = Some(Map {
        first,
        extents,
        cookie: state.inode.seq,
    });
}

/// Hands the data to the device. Over a hole nothing is written, and the folio just becomes
/// clean.
fn submit(state: &mut State) -> WritebackAt {
    let block = state.writeback.next;
    let mapped = state.writeback.map.as_ref().and_then(|map| map.at(block));
    if let Folio::Present {
        version, writeback, ..
    } = &mut state.folios[block.index()]
    {
        match mapped.and_then(Extent::pblk) {
            Some(pblk) => {
                let data = Data {
                    block,
                    version: *version,
                };
                state.ioends.push(Ioend {
                    data,
                    pblk,
                    stage: IoStage::InFlight,
                });
            }
            None => *writeback = false,
        }
    }
    WritebackAt::Submitted
}

/// Goes on to the next folio, the next pass, or the end.
fn advance(config: &Config, state: &mut State) {
    let writeback = &mut state.writeback;
    writeback.at = WritebackAt::Between;
    writeback.inside = 0;
    writeback.next = Lblk(writeback.next.0 + 1);
    if writeback.next.0 == config.blocks {
        writeback.next = Lblk(0);
        writeback.passes_left -= 1;
        writeback.map = None;
        if writeback.passes_left == 0 {
            writeback.at = WritebackAt::Done;
        }
    }
}
