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
//!
//! A direct write that falls back to the page cache leaves the model, which says so on its first
//! page. What comes after is not compared (`State::has_left`).

use super::recovered::{self, BLOCKS_MAX, Kind, Recovered};
use super::seen::{Seen, SeenWhat, is_set, range, small, word};
use super::{Projection, Way, Ways};
use crate::content::BLOCK_SIZE;
use cutpoint_event::{Args, Op, Value};
use cutpoint_model::dio_extension::state::{At, Power, WritebackAt};
use cutpoint_model::dio_extension::{Config, DioExtension, State as Model};
use cutpoint_model::file::{Extent, Metadata};
use cutpoint_model::step::{Action, Actor, Step};
use stateright::Model as _;

/// The scenario's choice of where the direct write goes.
const WHERE: &str = "direct write inside, beyond in part, beyond";

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
    /// The execution goes on outside the model.
    has_left: bool,
}

/// What an event shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Where the direct write goes.
    Goes(u64),
    /// The direct write has taken `i_rwsem`, or let go of it.
    Lock(Step),
    /// It has read `i_disksize`.
    DisksizeRead,
    /// Its checks are made: whether it extends the file.
    Checked(bool),
    /// It has put the file on the orphan list.
    OrphanAdd,
    /// It has mapped blocks of this kind.
    Mapped(Kind),
    /// A block of it is with the device.
    DirectSubmitted,
    /// Its data is on the device.
    DirectCompleted,
    /// Its blocks are converted.
    DirectConverted,
    /// It has raised the sizes, to this number of bytes at least.
    SizesRaised(u64),
    /// It has taken the file off the orphan list.
    OrphanDel,
    /// It has freed blocks past the end.
    Freed(u8),
    /// It goes on through the page cache.
    FallsBack,
    /// Writeback has locked the delayed block's folio.
    TailLocked,
    /// It has allocated so many blocks in place of so many delayed ones.
    TailClaimed(u8, u8),
    /// The block is with the device.
    TailSubmitted,
    /// It is on the device.
    TailCompleted,
    /// It is converted.
    TailConverted,
    /// The worker is about to raise the size on disk to this number of bytes.
    ToRaise(u64),
    /// It has stored it.
    DisksizeStored,
    /// A transaction is closed.
    CommitLocked,
    /// It is durable.
    CommitFinished,
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
            has_left: false,
        }
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

/// What a step of the direct write shows.
fn of_direct_step(name: &str, args: &Args) -> Option<Label> {
    Some(match name {
        "check direct write" => Label::Checked(is_set(args, "extends")),
        "orphan add" => Label::OrphanAdd,
        "orphan del" => Label::OrphanDel,
        "map" => Label::Mapped(match word(args)? {
            "written" => Kind::Written,
            "unwritten" => Kind::Unwritten,
            _ => Kind::Hole,
        }),
        "submit" => Label::DirectSubmitted,
        "direct I/O completes" => Label::DirectCompleted,
        "convert to written" => Label::DirectConverted,
        "raise i_disksize and i_size" => Label::SizesRaised(args.number("to")? as u64),
        "remove extents" => Label::Freed(small(args, "blocks freed")),
        "fall back to buffered write" => Label::FallsBack,
        _ => return None,
    })
}

/// What a step of writeback, of its completion or of the journal shows.
fn of_other_step(name: &str, args: &Args) -> Option<Label> {
    Some(match name {
        "lock folio" => Label::TailLocked,
        "claim" => Label::TailClaimed(small(args, "reserved blocks"), small(args, "of")),
        "submit" => range(args).map(|_| Label::TailSubmitted)?,
        "I/O completes" => Label::TailCompleted,
        "convert to written" => Label::TailConverted,
        "raise i_disksize" => Label::ToRaise(args.number("to")? as u64),
        "commit" => match args.get("state")? {
            Value::Word("locked") => Label::CommitLocked,
            Value::Word("finished") => Label::CommitFinished,
            _ => return None,
        },
        _ => return None,
    })
}

fn of_op(who: &str, op: Op, class: &str) -> Option<Label> {
    Some(match (who, class, op) {
        ("direct write", "i_rwsem", Op::AcquireShared) => Label::Lock(Step::LockShared),
        ("direct write", "i_rwsem", Op::AcquireExclusive) => Label::Lock(Step::LockExclusive),
        ("direct write", "i_rwsem", Op::ReleaseShared | Op::ReleaseExclusive) => {
            Label::Lock(Step::UnlockInode)
        }
        ("direct write", "i_disksize", Op::Load) => Label::DisksizeRead,
        ("worker" | "main", "i_disksize", Op::Store) => Label::DisksizeStored,
        _ => return None,
    })
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
            SeenWhat::Step(name, args) if seen.who == "direct write" => of_direct_step(name, args),
            SeenWhat::Step(name, args) => of_other_step(name, args),
            SeenWhat::Op(op, class, _) => of_op(seen.who, op, class),
            SeenWhat::Chosen(WHERE, value) => Some(Label::Goes(value)),
            SeenWhat::Chosen(..) => None,
        }
    }

    fn is_silent(&self, state: &State, action: &Action) -> bool {
        let model = &state.model;
        let changes_nothing = || {
            let end = model.tail.end().min(model.inode.i_size);
            end <= model.inode.i_disksize
        };
        match action.step {
            Step::InvalidateCacheAgain => true,
            Step::RaiseDisksize => changes_nothing(),
            _ => false,
        }
    }

    fn follow<'a>(&self, way: Way<'a, Self>, label: Label, ways: &mut Ways<'a, Self>) {
        if way.state.has_left {
            return ways.add(Some(way));
        }
        match label {
            Label::TailLocked
            | Label::TailClaimed(..)
            | Label::TailSubmitted
            | Label::TailCompleted
            | Label::TailConverted
            | Label::ToRaise(..)
            | Label::DisksizeStored => follow_writeback(way, label, ways),
            Label::CommitLocked => follow_commit(way, ways),
            Label::CommitFinished => ways.add(Some(way.with(|s| s.before = None))),
            _ => follow_direct(way, label, ways),
        }
    }

    fn has_left(&self, state: &State) -> bool {
        state.has_left
    }

    fn recovered(&self, state: &State) -> Option<Vec<Recovered>> {
        if state.has_left {
            return None;
        }
        let mut found = vec![recover(&self.model, state)?];
        if let Some(before) = &state.before {
            let mut older = state.clone();
            older.model.disk.committed = before.clone();
            found.push(recover(&self.model, &older)?);
        }
        Some(found)
    }
}

/// The direct write, up to its I/O.
fn follow_direct<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let block = way.state.model.block_of(0);
    let direct = |step| way.take_on(Actor::DirectWriter(0), step, block.0);
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
        Label::Lock(step) => ways.add(direct(step)),
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
    let direct = |step| way.take_on(Actor::DirectWriter(0), step, block.0);
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
        Label::FallsBack => {
            let is_over = |s: &State| matches!(s.model.direct[0].at, At::Unlocked);
            ways.add(
                way.only_if(is_over)
                    .map(|way| way.with(|s| s.has_left = true)),
            );
        }
        _ => unreachable!("{label:?} is not the direct write's"),
    }
}

/// Writeback of the delayed block, and its completion.
fn follow_writeback<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    let tail = way.state.model.tail;
    let reserved = way.state.model.inode.reserved;
    let at_tail = |actor, step| way.take_on(actor, step, tail.0);
    match label {
        Label::TailLocked => ways.add(at_tail(Actor::Writeback, Step::LockFolio)),
        Label::TailClaimed(claimed, of) => {
            let allocated = at_tail(Actor::Writeback, Step::LookUpAndAllocate);
            ways.compare(
                allocated,
                "blocks claimed and allocated",
                (claimed, of),
                |s| {
                    let claimed = u8::try_from(reserved - s.model.inode.reserved);
                    (claimed.unwrap_or(u8::MAX), 1)
                },
            );
        }
        Label::TailSubmitted => ways.add(at_tail(Actor::Writeback, Step::SubmitIo)),
        Label::TailCompleted => ways.add(at_tail(Actor::Device, Step::CompleteIo)),
        Label::TailConverted => ways.add(at_tail(Actor::Worker, Step::Convert)),
        Label::ToRaise(to) => {
            let converted = way.only_if(|s| s.model.writeback == WritebackAt::Converted);
            ways.add(converted.map(|way| way.with(|s| s.to_raise = Some(to))));
        }
        Label::DisksizeStored => {
            let to = way.state.to_raise;
            let raised = at_tail(Actor::Worker, Step::RaiseDisksize);
            let raised = raised.map(|way| way.with(|s| s.to_raise = None));
            ways.compare(raised, "i_disksize", to, |s| {
                Some(s.bytes(s.model.inode.i_disksize))
            });
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
