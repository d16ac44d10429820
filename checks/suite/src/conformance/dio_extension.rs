//! The scenario `dio_extend_vs_delalloc_writeback` as paths of the model `dio_extension`.
//!
//! A block of the model may be two of the code (`State::bounds`): nothing ever happens to one of
//! them alone. Where a step of the model is taken at another event than the one of its name:
//!
//! - *`i_disksize` is read without a lock*, by the checks of a direct write and at its end. Both
//!   count from the moment of the read, and writeback's raising of it from the moment of the store.
//!   A raise that changes nothing is not announced.
//! - *Allocation for writeback is announced as three steps* in one section of `i_data_sem`; the
//!   model's step is taken with the last.
//! - *Dropping what the cache holds* after the I/O is announced only if there is something.
//! - *A commit counts from the moment at which its transaction is closed*, as in
//!   [`writeback_truncate`](super::writeback_truncate).
//! - *The mapping is read under `i_es_lock` alone*, so the end of writeback's I/O, which converts,
//!   counts from that lock's section on.
//! - *What goes through the page cache has no names of its own:* the cookie of its map is compared
//!   in the section of `i_es_lock` under the folio lock, and the copy counts from the moment at
//!   which it has raised `i_size`.

use super::cover::Reasons;
use super::recovered::{self, BLOCKS_MAX, Kind, Recovered};
use super::seen::{Seen, SeenWhat};
use super::{Projection, Way, Ways};
use crate::content::BLOCK_SIZE;
use cutpoint_model::dio_extension::state::{At, Flush, Power, RestAt, WritebackAt};
use cutpoint_model::dio_extension::{Config, DioExtension, State as Model};
use cutpoint_model::file::{Extent, Lblk, Metadata};
use cutpoint_model::step::{Action, Actor, Step};
use label::{DIRECT, WHERE, of_op, of_step};
use stateright::Model as _;

mod label;
mod reasons;

pub use label::Label;

/// Executions of the scenario.
#[derive(Clone)]
pub struct Races {
    model: DioExtension,
}

/// A state of the model, and what is remembered of the execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    model: Model,
    /// The first block of the code for each block of the model, and the end of the last.
    bounds: &'static [u8],
    /// What was committed before the commit that is under way.
    before: Option<Metadata>,
    /// The size in bytes that the worker is about to put on disk.
    to_raise: Option<u64>,
    /// The block of the code that the worker is converting.
    converting: Option<u8>,
}

impl State {
    fn new(model: Model) -> Self {
        let bounds: &[u8] = match (model.first.0, model.direct[0].short) {
            (0, _) => &[0, 2, 3],
            (_, false) => &[0, 2, 3, 5],
            (_, true) => &[0, 2, 3, 4, 5],
        };
        Self {
            model,
            bounds,
            before: None,
            to_raise: None,
            converting: None,
        }
    }

    /// The block of the model that begins with a block of the code.
    fn block(&self, of_code: u8) -> Option<Lblk> {
        let found = self.bounds.iter().position(|bound| *bound == of_code)?;
        u8::try_from(found).ok().map(Lblk)
    }

    /// Writeback of a block of the code.
    fn flush(&self, of_code: u8) -> Option<&Flush> {
        let block = self.block(of_code)?;
        let mut writeback = self.model.writeback.iter();
        writeback.find(|flush| flush.block == block)
    }

    /// The blocks of which writeback has come to a place.
    fn flushed_to(&self, at: WritebackAt) -> Vec<Lblk> {
        let writeback = self.model.writeback.iter();
        let there = writeback.filter(|flush| flush.at == at);
        there.map(|flush| flush.block).collect()
    }

    /// A size of the model in bytes.
    fn bytes(&self, size: u8) -> u64 {
        u64::from(self.bounds[usize::from(size)]) * BLOCK_SIZE as u64
    }
}

impl Races {
    /// The scenario as it is.
    pub fn new() -> Self {
        Self::with(Config::of_scenario())
    }

    /// The scenario against another configuration of the model.
    pub fn with(config: Config) -> Self {
        Self {
            model: DioExtension::new(config),
        }
    }
}

impl Default for Races {
    fn default() -> Self {
        Self::new()
    }
}

impl Projection for Races {
    type Model = DioExtension;
    type State = State;
    type Label = Label;

    fn name(&self) -> &'static str {
        "dio_extension"
    }

    fn model(&self) -> &DioExtension {
        &self.model
    }

    fn start(&self) -> Vec<State> {
        let initial = self.model.init_states().into_iter();
        initial.map(State::new).collect()
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
            SeenWhat::Chosen(WHERE, value) => Some(Label::Goes(value)),
            SeenWhat::Chosen(..) => None,
        }
    }

    fn is_silent(&self, state: &State, action: &Action) -> bool {
        let inode = &state.model.inode;
        let is_rest = action.block == state.model.rest();
        let changes_nothing = |block: Lblk| block.end().min(inode.i_size) <= inode.i_disksize;
        match action.step {
            Step::InvalidateCacheAgain => !is_rest,
            Step::RaiseDisksize => action.block.is_some_and(changes_nothing),
            _ => false,
        }
    }

    fn follow<'a>(&self, way: Way<'a, Self>, label: Label, ways: &mut Ways<'a, Self>) {
        match label {
            Label::WritebackLocked(..)
            | Label::Claimed(..)
            | Label::Submitted(..)
            | Label::Completed(..)
            | Label::Converting(..)
            | Label::StatusChanged
            | Label::ToRaise(..)
            | Label::DisksizeStored => follow_writeback(way, label, ways),
            Label::FallsBack
            | Label::Reserved(..)
            | Label::Folio(..)
            | Label::StatusRead
            | Label::SizeStored
            | Label::Punched(..)
            | Label::Dropped(..) => follow_rest(way, label, ways),
            Label::CommitLocked => follow_commit(way, ways),
            Label::CommitFinished => ways.add(Some(way.with(|s| s.before = None))),
            _ => follow_direct(way, label, ways),
        }
    }

    fn recovered(&self, state: &State) -> Option<Vec<Recovered>> {
        let mut found = vec![recover(&self.model, state)?];
        if let Some(before) = &state.before {
            let mut older = state.clone();
            older.model.disk.committed = before.clone();
            found.push(recover(&self.model, &older)?);
        }
        Some(found)
    }

    fn reasons(&self) -> Reasons<DioExtension> {
        reasons::REASONS
    }
}

/// The direct write, up to its I/O.
fn follow_direct<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let block = way.state.model.block_of(0);
    let direct = |step| way.take_on(DIRECT.1, step, block.0);
    let at = way.state.model.direct[0].at;
    match label {
        Label::Goes(value) => {
            let goes = match (way.state.model.first.0, way.state.model.direct[0].short) {
                (0, _) => 0,
                (_, true) => 1,
                (_, false) => 2,
            };
            ways.add(way.only_if(|_| goes == value));
        }
        // Of the write itself, or of its rest.
        Label::Lock(step) => {
            ways.add(way.take_any(|action| (action.actor, action.step) == (DIRECT.1, step)));
        }
        // It checks, or looks again after its I/O, or the read was another's.
        Label::DisksizeRead => {
            ways.add(direct(Step::CheckDirectWrite));
            ways.add(direct(Step::EndDirectIo));
            ways.add(Some(way));
        }
        // A write past `i_size` does not ask for `i_disksize`.
        Label::Checked(extends) => {
            let now = direct(Step::CheckDirectWrite);
            let before = way.only_if(|_| matches!(at, At::Checked | At::Relock));
            for checked in [now, before] {
                ways.compare(checked, "whether it extends", extends, |s| {
                    s.model.direct[0].extends
                });
            }
        }
        Label::OrphanAdd => ways.add(direct(Step::OrphanAdd)),
        // A second extent of the same range changes nothing.
        Label::Mapped(kind) => {
            let mapped = direct(Step::MapDirect).or_else(|| way.only_if(|_| at == At::Mapped));
            ways.compare(mapped, "mapped", kind, |s| {
                Kind::of(s.model.inode.extents[block.index()])
            });
        }
        _ => follow_io(way, label, ways),
    }
}

/// The direct write's I/O, and the work after it.
fn follow_io<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let block = way.state.model.block_of(0);
    let direct = |step| way.take_on(DIRECT.1, step, block.0);
    let at = way.state.model.direct[0].at;
    match label {
        Label::DirectSubmitted => {
            ways.add(direct(Step::SubmitIo).or_else(|| way.only_if(|_| at == At::InFlight)));
        }
        Label::DirectCompleted => {
            ways.add(way.take_on(Actor::Device, Step::CompleteIo, block.0));
        }
        Label::DirectConverted => ways.add(direct(Step::Convert)),
        Label::SizesRaised(to) => {
            let tail_end = way.state.bytes(way.state.model.tail.end());
            ways.compare(direct(Step::ExtendInode), "both sizes", (true, true), |s| {
                let sizes = (s.model.inode.i_size, s.model.inode.i_disksize);
                let fits = |size| size == to || (size > to && size == tail_end);
                (fits(s.bytes(sizes.0)), fits(s.bytes(sizes.1)))
            });
        }
        // In the handle that raises the sizes or frees what is too much, or in one of its own.
        Label::OrphanDel => {
            let deleted = direct(Step::OrphanDel);
            ways.add(deleted.or_else(|| way.only_if(|s| !s.model.inode.orphan)));
        }
        Label::Freed(blocks) => {
            let before = way.state.model.inode.quota_used;
            ways.compare(
                direct(Step::TruncateFailedWrite),
                "blocks freed",
                blocks,
                |s| u8::try_from(before - s.model.inode.quota_used).unwrap_or(u8::MAX),
            );
        }
        _ => unreachable!("{label:?} comes after no direct I/O"),
    }
}

/// The direct write's rest, which goes through the page cache.
fn follow_rest<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let rest = way.state.model.rest();
    let step = |step| {
        let rest = rest?;
        way.take_on(DIRECT.1, step, rest.0)
    };
    let is_rest = |of_code| rest.is_some() && way.state.block(of_code) == rest;
    let At::Rest(at) = way.state.model.direct[0].at else {
        // The same events come while the write is made directly; they show nothing then.
        let shows = matches!(
            label,
            Label::FallsBack | Label::Reserved(..) | Label::Punched(..)
        );
        return ways.add((!shows).then_some(way));
    };
    match label {
        Label::FallsBack => ways.add((at == RestAt::Begin).then_some(way)),
        Label::Reserved(block) if is_rest(block) => ways.add(step(Step::InsertDelayed)),
        // For writeback, and to drop the folio, the lock counts from what is done under it.
        Label::Folio(lock, block) if is_rest(block) => match at {
            RestAt::Flush => ways.add(Some(way)),
            _ => ways.add(step(lock)),
        },
        // Once for the look-up, once after the reservation, and then under the folio lock.
        Label::StatusRead => match at {
            RestAt::FolioLocked { .. } => {
                ways.add(step(Step::ReuseMap));
                ways.add(step(Step::DropMap));
            }
            _ => ways.add(Some(way)),
        },
        Label::SizeStored => ways.add(step(Step::CopyIn)),
        Label::Punched(released) => {
            let before = way.state.model.inode.reserved;
            let punched = step(Step::PunchDelayed);
            ways.compare(punched, "reservations released", released, |s| {
                u8::try_from(before - s.model.inode.reserved).unwrap_or(u8::MAX)
            });
        }
        Label::Dropped(block) if is_rest(block) => ways.add(step(Step::InvalidateCacheAgain)),
        _ => {}
    }
}

/// Writeback of a block, and its completion.
fn follow_writeback<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let at_block = |actor, step, of_code| {
        let flush = way.state.flush(of_code)?;
        way.take_on(actor, step, flush.block.0)
    };
    match label {
        Label::WritebackLocked(by, block) => ways.add(at_block(by, Step::LockFolio, block)),
        Label::Claimed(by, claimed, of) => {
            let reserved = way.state.model.inode.reserved;
            for block in way.state.flushed_to(WritebackAt::Locked) {
                let allocated = way.take_on(by, Step::LookUpAndAllocate, block.0);
                let expected = (claimed, of);
                ways.compare(allocated, "blocks claimed and allocated", expected, |s| {
                    let claimed = u8::try_from(reserved - s.model.inode.reserved);
                    (claimed.unwrap_or(u8::MAX), 1)
                });
            }
        }
        Label::Submitted(by, block) => ways.add(at_block(by, Step::SubmitIo, block)),
        Label::Completed(block) => {
            ways.add(at_block(Actor::Device, Step::CompleteIo, block));
        }
        Label::Converting(block) => ways.add(Some(way.with(|s| s.converting = Some(block)))),
        Label::StatusChanged => match way.state.converting {
            Some(block) => {
                let converted = at_block(Actor::Worker, Step::Convert, block);
                ways.add(converted.map(|way| way.with(|s| s.converting = None)));
            }
            None => ways.add(Some(way)),
        },
        Label::ToRaise(to) => {
            let is_open = !way.state.flushed_to(WritebackAt::Converted).is_empty();
            ways.add(is_open.then(|| way.with(|s| s.to_raise = Some(to))));
        }
        Label::DisksizeStored => {
            let to = way.state.to_raise;
            for block in way.state.flushed_to(WritebackAt::Converted) {
                let raised = way.take_on(Actor::Worker, Step::RaiseDisksize, block.0);
                let raised = raised.map(|way| way.with(|s| s.to_raise = None));
                ways.compare(raised, "i_disksize", to, |s| {
                    Some(s.bytes(s.model.inode.i_disksize))
                });
            }
        }
        _ => unreachable!("{label:?} is not writeback's"),
    }
}

/// A transaction without changes of the file may be committed too.
fn follow_commit<'a>(way: Way<'a, Races>, ways: &mut Ways<'a, Races>) {
    let before = way.state.model.disk.committed.clone();
    match way.take(Actor::Journal, Step::Commit) {
        Some(committed) => ways.add(Some(committed.with(|s| s.before = Some(before)))),
        None => ways.add(way.only_if(|s| s.model.inode.metadata() == s.model.disk.committed)),
    }
}

/// The power fails, and a mount recovers.
fn recover(model: &DioExtension, state: &State) -> Option<Recovered> {
    let is_recovered = |model: &Model| model.power == Power::Recovered;
    let found = recovered::after_crash(model, &state.model, is_recovered)?;
    let mut kinds = [Kind::Hole; BLOCKS_MAX];
    for (extent, bounds) in found.inode.extents.iter().zip(state.bounds.windows(2)) {
        let of: Extent = *extent;
        kinds[usize::from(bounds[0])..usize::from(bounds[1])].fill(Kind::of(of));
    }
    Some(Recovered {
        size: state.bytes(found.inode.i_size),
        kinds,
    })
}
