//! The scenario `writeback_vs_truncate` as paths of the model `writeback_truncate`.
//!
//! Where a step of the model is taken at another event than the one of its name:
//!
//! - *Sizes are read without a lock*, so the truncate's new sizes count from the moment at which
//!   `i_size` is stored, and writeback takes a folio, or passes over it, when it has read `i_size`.
//!   It holds the folio lock all the while.
//! - *The mapping is read under `i_es_lock` alone*, so what changes it counts from that lock's
//!   section on: conversion, removal. What was looked up counts from the section too, and the step
//!   announced after it says what was found.
//! - *A size is raised with the conversion.* The code raises it in a second section of the same
//!   handle; why nobody can tell is said in the model. Before the folio's writeback ends, both
//!   sizes on disk must be equal.
//! - *Allocation is announced as three steps* in one section of `i_data_sem`; the model's step is
//!   taken with the last.
//! - *A commit counts from the moment at which its transaction is closed.* Until it has finished,
//!   a power cut may leave either the transaction or the one before it.

use super::cover::Reasons;
use super::recovered::{self, BLOCKS_MAX, Kind, Recovered};
use super::seen::{Seen, SeenWhat};
use super::{Projection, Way, Ways};
use crate::content::BLOCK_SIZE;
use cutpoint_model::file::{Extent, Lblk, Metadata};
use cutpoint_model::step::{Action, Actor, Step};
use cutpoint_model::writeback_truncate::state::{Power, WritebackAt};
use cutpoint_model::writeback_truncate::{Config, State as Model, WritebackTruncate};
use label::{Found, FoundKind, of_op, of_step};
use stateright::Model as _;

mod label;
mod reasons;

pub use label::{Label, Sure};

/// Executions of the scenario.
#[derive(Clone)]
pub struct Races {
    model: WritebackTruncate,
}

/// A state of the model, and what is remembered of the execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    model: Model,
    /// What was committed before the commit that is under way.
    before: Option<Metadata>,
    /// `i_disksize` in blocks, as the code has it.
    disksize: u8,
    /// The size that the truncate is about to set.
    to_set: Option<u8>,
    /// The folio that writeback has taken and not looked at further.
    locking: Option<u8>,
    /// Writeback has looked up, and has not said what it found.
    queried: bool,
    /// The blocks that the worker is converting.
    converting: Option<(u8, u8)>,
    /// What the truncate has removed and not told of: reservations released and blocks freed.
    removed: Option<(u8, u8)>,
}

impl Races {
    /// The scenario as it is.
    pub fn new() -> Self {
        Self::with(Config::of_scenario())
    }

    /// The scenario against another configuration of the model.
    pub fn with(config: Config) -> Self {
        Self {
            model: WritebackTruncate::new(config),
        }
    }
}

impl Default for Races {
    fn default() -> Self {
        Self::new()
    }
}

impl Projection for Races {
    type Model = WritebackTruncate;
    type State = State;
    type Label = Label;

    fn name(&self) -> &'static str {
        "writeback_truncate"
    }

    fn model(&self) -> &WritebackTruncate {
        &self.model
    }

    fn start(&self) -> Vec<State> {
        let initial = self.model.init_states().into_iter();
        let state = |model| State {
            model,
            before: None,
            disksize: 0,
            to_set: None,
            locking: None,
            queried: false,
            converting: None,
            removed: None,
        };
        initial.map(state).collect()
    }

    fn in_model<'a>(&self, state: &'a State) -> &'a Model {
        &state.model
    }

    fn in_model_mut<'a>(&self, state: &'a mut State) -> &'a mut Model {
        &mut state.model
    }

    fn label(&self, seen: &Seen<'_>) -> Option<Label> {
        match seen.what {
            SeenWhat::Step(name, args) => of_step(seen.who, name, args),
            SeenWhat::Op(op, class, place) => of_op(seen.who, op, class, place),
            SeenWhat::Chosen(..) => None,
        }
    }

    /// A folio that is not dirty, or not there, is passed over without a word; and when a block is
    /// added to the I/O that is being gathered, only the whole of it is announced later. An append
    /// that finds a block mapped reserves none.
    fn is_silent(&self, state: &State, action: &Action) -> bool {
        if action.step == Step::InsertDelayed {
            let block = action.block.map_or(0, Lblk::index);
            return state.model.inode.extents[block] != Extent::Hole;
        }
        let looks = state.locking.is_some() || state.queried;
        !looks && matches!(action.step, Step::SkipFolio | Step::SubmitIo)
    }

    fn follow<'a>(&self, way: Way<'a, Self>, label: Label, ways: &mut Ways<'a, Self>) {
        match label {
            Label::WritebackLocked(..)
            | Label::SizeRead
            | Label::StatusRead
            | Label::LookedUp(..)
            | Label::LookedUpAgain(..) => follow_look_up(way, label, ways),
            Label::Claimed(..) | Label::Submitted(..) | Label::WritebackUnlocked(..) => {
                follow_submission(way, label, ways);
            }
            Label::Completed(..)
            | Label::Converting(..)
            | Label::StatusChanged
            | Label::Raised(..)
            | Label::WritebackEnded(..) => follow_completion(way, label, ways),
            Label::HandleStart(actor, sure) => {
                ways.add(way.take_any(|a| (a.actor, a.step) == (actor, Step::StartHandle)));
                ways.add((sure == Sure::No).then_some(way));
            }
            Label::HandleStop(actor, sure) => {
                ways.add(way.take_any(|a| (a.actor, a.step) == (actor, Step::StopHandle)));
                ways.add((sure == Sure::No).then_some(way));
            }
            Label::CommitLocked => follow_commit(&self.model, way, ways),
            Label::CommitFinished => ways.add(Some(way.with(|s| s.before = None))),
            _ => follow_truncate(way, label, ways),
        }
    }

    fn recovered(&self, state: &State) -> Option<Vec<Recovered>> {
        let mut found = vec![recover(&self.model, &state.model)?];
        if let Some(before) = &state.before {
            let mut older = state.model.clone();
            older.disk.committed = before.clone();
            found.push(recover(&self.model, &older)?);
        }
        Some(found)
    }

    fn reasons(&self) -> Reasons<WritebackTruncate> {
        reasons::REASONS
    }
}

/// Writeback: lock and look up.
fn follow_look_up<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let next = way.state.model.writeback.next;
    let reserved = way.state.model.inode.reserved;
    let writeback = |step| way.take_on(Actor::Writeback, step, next.0);
    match label {
        Label::WritebackLocked(at) => {
            ways.add(Some(way.with(|s| s.locking = Some(at))));
        }
        // Between the lock and this, nobody else could touch the folio.
        Label::SizeRead => {
            let Some(at) = way.state.locking else {
                return ways.add(Some(way));
            };
            let done = |way: Way<'a, Races>| way.with(|s| s.locking = None);
            if next == Lblk(at) {
                ways.add(writeback(Step::LockFolio).map(done));
                ways.add(writeback(Step::SkipFolio).map(done));
            }
        }
        // It has looked whether its map is current, or looked up, or the look was for something
        // else: what it does next will tell.
        Label::StatusRead => {
            ways.add(writeback(Step::ReuseMap));
            let queried = writeback(Step::QueryMap);
            ways.add(queried.map(|way| way.with(|s| s.queried = true)));
            ways.add(Some(way));
        }
        Label::LookedUp(found) => {
            let now = writeback(Step::QueryMap);
            let before = way.only_if(|s| s.queried);
            for queried in [now, before] {
                let queried = queried.map(|way| way.with(|s| s.queried = false));
                compare_found(queried, found, ways);
            }
        }
        // What is still delayed is allocated in the same section, which announces it further on.
        Label::LookedUpAgain(found) if found.kind == FoundKind::Delayed => {
            let is_open = |s: &State| matches!(s.model.writeback.at, WritebackAt::HandleOpen(_));
            ways.add(way.only_if(is_open));
        }
        Label::LookedUpAgain(found) => {
            let same = |s: &State| s.model.inode.reserved == reserved;
            let again = writeback(Step::LookUpAndAllocate).and_then(|way| way.only_if(same));
            compare_found(again, found, ways);
        }
        _ => unreachable!("{label:?} is not writeback's"),
    }
}

/// Writeback: allocate, submit, unlock.
fn follow_submission<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let next = way.state.model.writeback.next;
    let reserved = way.state.model.inode.reserved;
    let writeback = |step| way.take_on(Actor::Writeback, step, next.0);
    match label {
        Label::Claimed(claimed, of) => {
            let before = way.state.model.inode.extents.clone();
            let allocated = writeback(Step::LookUpAndAllocate);
            ways.compare(
                allocated,
                "blocks claimed and allocated",
                (claimed, of),
                |s| {
                    let changed = s.model.inode.extents.iter().zip(&before);
                    let changed = changed.filter(|(now, before)| now != before).count();
                    (difference(reserved, s.model.inode.reserved), count(changed))
                },
            );
        }
        Label::Submitted(start, end) => {
            let with_device = |at: u8| {
                let mut ioends = way.state.model.ioends.iter();
                ioends.any(|ioend| ioend.data.block == Lblk(at))
            };
            let all = (start..end).all(with_device);
            ways.add(all.then_some(way));
        }
        // A folio that was clean, or that somebody else has, is let go without more.
        Label::WritebackUnlocked(at) => {
            let holds = !matches!(
                way.state.model.writeback.at,
                WritebackAt::Between | WritebackAt::Done
            );
            if holds && next == Lblk(at) {
                ways.add(writeback(Step::UnlockFolio));
            } else {
                ways.add(way.only_if(|s| s.locking.is_none() && !s.queried));
            }
        }
        _ => unreachable!("{label:?} is not writeback's"),
    }
}

/// The end of a delayed run is compared too: it is what will be allocated.
fn compare_found<'a>(way: Option<Way<'a, Races>>, found: Found, ways: &mut Ways<'a, Races>) {
    let is_delayed = found.kind == FoundKind::Delayed;
    let code = (Some(found.kind), is_delayed.then_some(found.end));
    ways.compare(way, "found, and its end", code, |s| {
        let end = match s.model.writeback.at {
            WritebackAt::FoundDelayed(end) => Some(end.0),
            _ => None,
        };
        (Found::of_model(&s.model), end)
    });
}

/// The device and the worker.
fn follow_completion<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    match label {
        Label::Completed(start, end) => ways.add(each(way, start..end, |way, at| {
            way.take_on(Actor::Device, Step::CompleteIo, at)
        })),
        Label::Converting(start, end) => {
            let converting = way.only_if(|s| s.converting.is_none());
            ways.add(converting.map(|way| way.with(|s| s.converting = Some((start, end)))));
        }
        // The main task also changes the tree when it looks something up for the first time.
        Label::StatusChanged => {
            let queried = follow_query(&way);
            ways.add(queried);
            if let Some((start, end)) = way.state.converting {
                let converted = each(way, start..end, |way, at| {
                    way.take_on(Actor::Worker, Step::ConvertAndRaiseSize, at)
                });
                ways.add(converted.map(|way| way.with(|s| s.converting = None)));
            } else {
                ways.add(Some(way));
            }
        }
        Label::Raised(to) => {
            let raised = way.with(|s| s.disksize = to);
            ways.compare(Some(raised), "i_disksize", to, |s| s.model.inode.i_disksize);
        }
        Label::WritebackEnded(at) => {
            let ended = way.take_on(Actor::Worker, Step::EndWriteback, at);
            let disksize = way.state.disksize;
            ways.compare(ended, "i_disksize", disksize, |s| s.model.inode.i_disksize);
            // A folio past the end was never submitted.
            let mut ioends = way.state.model.ioends.iter();
            let is_on_its_way = ioends.any(|ioend| ioend.data.block == Lblk(at));
            ways.add((!is_on_its_way).then_some(way));
        }
        _ => unreachable!("{label:?} is not the worker's"),
    }
}

/// The main task's look-up of something that nobody has looked up before.
fn follow_query<'a>(way: &Way<'a, Races>) -> Option<Way<'a, Races>> {
    let next = way.state.model.writeback.next.0;
    let queried = way.take_on(Actor::Writeback, Step::QueryMap, next);
    queried.map(|way| way.with(|s| s.queried = true))
}

/// The truncate, and the append after it.
fn follow_truncate<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let truncate = |step| way.take(Actor::Truncate, step);
    let truncate_on = |step, at| way.take_on(Actor::Truncate, step, at);
    match label {
        // The append locks its folio too, which nobody else can hold or want.
        Label::TruncateLocked(at) => match truncate_on(Step::LockFolio, at) {
            Some(locked) => ways.add(Some(locked)),
            None => ways.add(way.take_any(is_copy).map(|_| way.clone())),
        },
        Label::Waited(at) => ways.add(truncate_on(Step::WaitWriteback, at)),
        Label::Dropped(at) => ways.add(truncate_on(Step::DropFolio, at)),
        Label::ToSet(to) => ways.add(Some(way.with(|s| s.to_set = Some(to)))),
        Label::SizeStored => match way.state.to_set {
            Some(to) => {
                let set = truncate(Step::SetSizes).map(|way| {
                    way.with(|s| {
                        s.to_set = None;
                        s.disksize = to;
                    })
                });
                ways.compare(set, "both sizes", (to, to), |s| {
                    (s.model.inode.i_size, s.model.inode.i_disksize)
                });
            }
            None => ways.add(way.take_any(is_copy)),
        },
        Label::TruncateChangedStatus => {
            let inode = way.state.model.inode.clone();
            let removed = truncate(Step::RemoveExtents).map(|way| {
                way.with(|s| {
                    let now = &s.model.inode;
                    let freed = now.freed.len() - inode.freed.len();
                    s.removed = Some((difference(inode.reserved, now.reserved), count(freed)));
                })
            });
            ways.add(removed);
            ways.add(Some(way));
        }
        Label::Removed(released, freed) => {
            let removed = way.state.removed;
            let told = way.with(|s| s.removed = None);
            ways.compare(
                Some(told),
                "reservations released and blocks freed",
                Some((released, freed)),
                |_| removed,
            );
        }
        Label::OrphanAdd => ways.add(truncate(Step::OrphanAdd)),
        Label::OrphanDel => ways.add(truncate(Step::OrphanDel)),
        Label::Reserved(start, end) => {
            let reserved = truncate_on(Step::InsertDelayed, start);
            ways.compare(reserved, "blocks reserved", end - start, |_| 1);
        }
        Label::GaveBack(at, released) => {
            let before = way.state.model.inode.reserved;
            let gave = truncate_on(Step::PunchDelayed, at);
            ways.compare(gave, "reservations released", released, |s| {
                difference(before, s.model.inode.reserved)
            });
        }
        Label::Wrote(end) => {
            ways.compare(Some(way), "i_size", end, |s| s.model.inode.i_size);
        }
        _ => unreachable!("{label:?} is not the truncate's"),
    }
}

fn is_copy(action: &Action) -> bool {
    (action.actor, action.step) == (Actor::Truncate, Step::CopyIn)
}

/// A transaction without changes of the file may be committed too.
fn follow_commit<'a>(model: &WritebackTruncate, way: Way<'a, Races>, ways: &mut Ways<'a, Races>) {
    let before = way.state.model.disk.committed.clone();
    let committed = way.take(Actor::Journal, Step::Commit);
    match committed {
        Some(committed) => ways.add(Some(committed.with(|s| s.before = Some(before)))),
        None => ways.add(way.only_if(|s| {
            let has_changes = s.model.inode.metadata() != s.model.disk.committed;
            !has_changes && !s.model.handle_is_open(model.program())
        })),
    }
}

/// Takes one step for each of a range of blocks.
fn each<'a>(
    way: Way<'a, Races>,
    blocks: std::ops::Range<u8>,
    step: impl Fn(&Way<'a, Races>, u8) -> Option<Way<'a, Races>>,
) -> Option<Way<'a, Races>> {
    let mut blocks = blocks;
    blocks.try_fold(way, |way, at| step(&way, at))
}

fn difference(before: i8, after: i8) -> u8 {
    u8::try_from(before - after).unwrap_or(u8::MAX)
}

fn count(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The power fails, and a mount recovers.
fn recover(model: &WritebackTruncate, state: &Model) -> Option<Recovered> {
    let state = recovered::after_crash(model, state, |state| state.power == Power::Recovered)?;
    let mut kinds = [Kind::Hole; BLOCKS_MAX];
    for (kind, extent) in kinds.iter_mut().zip(&state.inode.extents) {
        *kind = Kind::of(*extent);
    }
    Some(Recovered {
        size: u64::from(state.inode.i_size) * BLOCK_SIZE as u64,
        kinds,
    })
}
