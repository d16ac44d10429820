//! What a direct write could not write directly goes through the page cache.
//!
//! The caller's pages were not all there to be pinned. What was mapped for the rest has been freed,
//! and the lock is released: the rest is a buffered write of its own, which takes the lock again,
//! reserves, copies, and makes the size larger. So that it is, when the call returns, as if it had
//! been written directly, the block is then written back and leaves the cache.
//!
//! Between the reservation and the folio lock the mapping may change, as writeback of another block
//! does; then the map is thrown away, and with it the reservation. That the map would have done as
//! well is no matter here: why it must not be used is a rule of
//! [`short_write_punch`](crate::short_write_punch). `invalidate_lock`, which is held while the
//! reservation is given back, has no other user here, and is left out.

use super::DioExtension;
use super::state::{At, Held, RestAt, State, version_of};
use crate::file::{Extent, Folio};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The step that the rest of direct write `number` can take next.
pub(super) fn next(state: &State, number: usize, actor: Actor, at: RestAt) -> Option<Action> {
    let block = state.rest()?;
    let step = match at {
        RestAt::Begin if state.lock_is_taken(Some(number), false) => return None,
        RestAt::Begin => Step::LockExclusive,
        RestAt::Locked => Step::InsertDelayed,
        RestAt::Reserved { .. } => Step::LockFolio,
        RestAt::FolioLocked { cookie } if cookie == state.inode.seq => Step::ReuseMap,
        RestAt::FolioLocked { .. } => Step::DropMap,
        RestAt::Current => Step::CopyIn,
        RestAt::Copied | RestAt::Stale => Step::UnlockFolio,
        RestAt::Unused => Step::PunchDelayed,
        RestAt::Written => Step::UnlockInode,
        RestAt::Flush => {
            let folio = state.folios[block.index()];
            match folio.is_dirty() {
                true => Step::LockFolio,
                // Whoever has taken it is waited for.
                false if folio.is_under_writeback() => return None,
                false => Step::InvalidateCacheAgain,
            }
        }
    };
    Some(Action::on(actor, step, block))
}

/// Takes a step that [`next`] gives, or a step of writeback that the direct write makes.
pub(super) fn apply(model: &DioExtension, state: &mut State, number: usize, action: Action) {
    let At::Rest(at) = state.direct[number].at else {
        unreachable!("the rest comes when the write has been made directly");
    };
    let block = action.block.expect("the rest is a block");
    let index = block.index();
    let next = match (at, action.step) {
        (RestAt::Begin, _) => {
            state.direct[number].held = Held::Exclusive;
            RestAt::Locked
        }
        (RestAt::Locked, _) => {
            insert_delayed(state, index);
            let cookie = state.inode.seq;
            RestAt::Reserved { cookie }
        }
        (RestAt::Reserved { cookie }, _) => RestAt::FolioLocked { cookie },
        (RestAt::FolioLocked { .. }, Step::ReuseMap) => RestAt::Current,
        (RestAt::FolioLocked { .. }, _) => RestAt::Stale,
        (RestAt::Current, _) => {
            state.folios[index] = Folio::dirty(version_of(number));
            state.inode.i_size = state.inode.i_size.max(block.end());
            RestAt::Copied
        }
        (RestAt::Copied, _) => RestAt::Written,
        (RestAt::Stale, _) => RestAt::Unused,
        (RestAt::Unused, _) => {
            punch_delayed(state, index);
            RestAt::Locked
        }
        (RestAt::Written, _) => {
            state.direct[number].held = Held::No;
            if !model.holds(Rule::FlushFallback) {
                state.direct[number].at = At::Unlocked;
                return;
            }
            RestAt::Flush
        }
        (RestAt::Flush, Step::InvalidateCacheAgain) => {
            state.folios[index] = Folio::Absent;
            state.direct[number].at = At::Unlocked;
            return;
        }
        (RestAt::Flush, _) => {
            super::writeback::apply(state, 1, action);
            RestAt::Flush
        }
    };
    state.direct[number].at = At::Rest(next);
}

fn insert_delayed(state: &mut State, index: usize) {
    let inode = &mut state.inode;
    inode.extents[index] = Extent::Delayed;
    inode.reserved += 1;
    inode.quota_reserved += 1;
    inode.seq += 1;
}

fn punch_delayed(state: &mut State, index: usize) {
    let inode = &mut state.inode;
    inode.extents[index] = Extent::Hole;
    inode.reserved -= 1;
    inode.quota_reserved -= 1;
    inode.seq += 1;
}
