//! The scenario `short_write_punch_vs_mmap_fault` as paths of the model `short_write_punch`.
//!
//! Where a step of the model is taken at another event than the one of its name:
//!
//! - *The mapping is read under `i_es_lock` alone*, so a look-up, and the comparison of a cookie,
//!   count from that lock's section on, and so does the end of an I/O, which converts.
//! - *A copy is not announced*; what it came to is said when the call returns. It happens under
//!   the folio lock, and is taken before the folio is unlocked. A copy that stops within a half
//!   counts as one of the whole half, as nothing depends on where within a half it stops.
//! - *The scan is not announced*, only what is punched after it.
//! - *Allocation is announced as three steps* in one section of `i_data_sem`; the model's step is
//!   taken with the last.
//! - *A store has two sections of the folio lock:* the fault makes the page dirty and lets stores
//!   through, and then the program stores. The model's step is the first of them: what comes
//!   between writes other bytes of the page, and does not look at these.
//! - *Reclaim counts from the moment at which the page cache has lost the folio*, not from the
//!   announcement before it: who looks the folio up in between finds it still, locks it, and then
//!   sees that it is gone.
//!
//! The model has no crash, so what recovery finds is not compared.

use super::cover::Reasons;
use super::recovered::Recovered;
use super::seen::{Seen, SeenWhat, block, range, small};
use super::{Projection, Way, Ways};
use cutpoint_event::{Args, Op};
use cutpoint_model::file::Extent;
use cutpoint_model::short_write_punch::state::{FaultAt, WritebackAt, WriterAt};
use cutpoint_model::short_write_punch::{Config, ShortWritePunch, State as Model};
use cutpoint_model::step::{Action, Actor, Step};
use stateright::Model as _;

mod reasons;

/// Bytes of half a block.
const HALF: u64 = crate::content::BLOCK_SIZE as u64 / 2;

/// Executions of the scenario.
#[derive(Clone)]
pub struct Races {
    model: ShortWritePunch,
}

/// A state of the model, and what is remembered of the execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    model: Model,
    /// The blocks whose conversion is announced and not made.
    converting: Option<(u8, u8)>,
    /// The folio that is about to be reclaimed.
    reclaiming: Option<u8>,
}

/// What an event shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// The writer has read or changed the extent status tree.
    WriterStatus,
    /// The other task has read or changed it.
    OtherStatus,
    /// Somebody has reserved blocks.
    Reserved(Actor, u8, u8),
    /// Somebody has taken or released a folio lock.
    Folio(Actor, Locked),
    /// Somebody has taken or released `invalidate_lock`.
    Invalidate(Actor, Step),
    /// The writer has punched blocks, and released so many reservations.
    Punched(u8, u8, u8),
    /// The write call has returned, after so many halves.
    Wrote(u8),
    /// The fault has made the page dirty, and lets stores through.
    Writable,
    /// Writeback has taken the folio's dirty blocks.
    WritebackLocked(u8),
    /// It has allocated so many blocks in place of so many delayed ones.
    Claimed(u8, u8),
    /// Blocks are with the device.
    Submitted(u8, u8),
    /// Their conversion comes next.
    Converting(u8, u8),
    /// A folio is about to be reclaimed.
    Reclaiming(u8),
    /// The other task has looked into the page cache, or changed it.
    OtherCache,
}

/// A change of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locked {
    /// It is taken.
    Taken,
    /// It is released.
    Released,
}

impl Races {
    /// The scenario as it is.
    pub fn new() -> Self {
        Self::with(Config::of_scenario())
    }

    /// The scenario against another configuration of the model.
    pub fn with(config: Config) -> Self {
        Self {
            model: ShortWritePunch::new(config),
        }
    }
}

impl Default for Races {
    fn default() -> Self {
        Self::new()
    }
}

fn pair(args: &Args) -> Option<(u8, u8)> {
    range(args).map(|range| (block(range.start), block(range.end)))
}

/// The actor that a task is in what writers and faults both do.
fn actor(who: &str) -> Option<Actor> {
    match who {
        "write" => Some(Actor::Writer),
        "store and writeback" => Some(Actor::Fault),
        _ => None,
    }
}

fn of_step(who: &str, name: &str, args: &Args) -> Option<Label> {
    Some(match name {
        "reserve" => {
            let (start, end) = pair(args)?;
            Label::Reserved(actor(who)?, start, end)
        }
        "punch delayed blocks" => {
            let (start, end) = pair(args)?;
            Label::Punched(start, end, small(args, "reservations released"))
        }
        "write" if who == "write" => {
            let bytes = u64::try_from(args.number("bytes")?).ok()?;
            Label::Wrote(block(bytes.div_ceil(HALF)))
        }
        "make page writable" => Label::Writable,
        "lock folio" => Label::WritebackLocked(pair(args)?.0),
        "claim" => Label::Claimed(small(args, "reserved blocks"), small(args, "of")),
        "submit" => pair(args).map(|(start, end)| Label::Submitted(start, end))?,
        "convert to written" => pair(args).map(|(start, end)| Label::Converting(start, end))?,
        "reclaim folio" => Label::Reclaiming(pair(args)?.0),
        _ => return None,
    })
}

fn of_op(who: &str, op: Op, class: &str) -> Option<Label> {
    Some(match (class, op) {
        ("i_es_lock", _) if who == "write" => Label::WriterStatus,
        ("i_es_lock", _) => Label::OtherStatus,
        ("page cache", Op::Update) if who == "store and writeback" => Label::OtherCache,
        ("folio lock", Op::AcquireExclusive) => Label::Folio(actor(who)?, Locked::Taken),
        ("folio lock", Op::ReleaseExclusive) => {
            let actor = actor(who).unwrap_or(Actor::Writeback);
            Label::Folio(actor, Locked::Released)
        }
        ("invalidate_lock", Op::AcquireShared | Op::AcquireExclusive) => {
            Label::Invalidate(actor(who)?, Step::LockInvalidate)
        }
        ("invalidate_lock", Op::ReleaseShared | Op::ReleaseExclusive) => {
            Label::Invalidate(actor(who)?, Step::UnlockInvalidate)
        }
        _ => return None,
    })
}

impl Projection for Races {
    type Model = ShortWritePunch;
    type State = State;
    type Label = Label;

    fn name(&self) -> &'static str {
        "short_write_punch"
    }

    fn model(&self) -> &ShortWritePunch {
        &self.model
    }

    fn start(&self) -> Vec<State> {
        let initial = self.model.init_states().into_iter();
        let state = |model| State {
            model,
            converting: None,
            reclaiming: None,
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
            SeenWhat::Op(op, class, _) => of_op(seen.who, op, class),
            SeenWhat::Chosen(..) => None,
        }
    }

    fn is_silent(&self, state: &State, action: &Action) -> bool {
        let is_hole = |block: u8| state.model.inode.extents[usize::from(block)] == Extent::Hole;
        match (action.actor, action.step) {
            // Of the write call: a copy, which is under the folio lock; a page of the caller's that
            // can not be brought in; the scan of a block.
            (Actor::Writer, Step::CopyIn | Step::ShortCopy | Step::FailCopy | Step::ScanFolio) => {
                true
            }
            // A second look that finds that there is nothing to reserve any more.
            (Actor::Writer, Step::InsertDelayed) => !is_hole(state.model.write_block().0),
            (Actor::Fault, Step::InsertDelayed) => !is_hole(state.model.fault_at.0),
            // A clean folio, a mapping that is there, a block that is added to an I/O.
            (Actor::Writeback, Step::SkipFolio | Step::SubmitIo) => true,
            // Nothing to convert.
            (Actor::Worker, Step::CompleteIo) => {
                let block = action.block.map_or(0, |block| block.index());
                matches!(state.model.inode.extents[block], Extent::Written(_))
            }
            _ => false,
        }
    }

    fn follow<'a>(&self, way: Way<'a, Self>, label: Label, ways: &mut Ways<'a, Self>) {
        match label {
            Label::WriterStatus => {
                for step in [Step::QueryMap, Step::ReuseMap, Step::DropMap] {
                    ways.add(writer(&way, step));
                }
                ways.add(Some(way));
            }
            Label::Reserved(actor, start, end) => {
                let before = way.state.model.inode.extents.clone();
                let is_it = |a: &Action| (a.actor, a.step) == (actor, Step::InsertDelayed);
                ways.compare(way.take_any(is_it), "reserved", (start, end), |s| {
                    changed(&before, &s.model.inode.extents)
                });
            }
            Label::Folio(Actor::Writer, locked) => follow_folio_of_writer(way, locked, ways),
            Label::Folio(_, locked) => follow_folio_of_other(way, locked, ways),
            Label::Invalidate(actor, step) => {
                ways.add(way.take_any(|a| (a.actor, a.step) == (actor, step)));
            }
            Label::Punched(start, end, released) => {
                let reserved = way.state.model.inode.reserved;
                let found = way.state.model.writer.found.clone();
                let until = end - start;
                let punched = writer(&way, Step::PunchDelayed);
                ways.compare(punched, "punched", (start, until, released), |s| {
                    let left = s.model.writer.found.len();
                    let first = found.first().map_or(u8::MAX, |block| block.0);
                    let released = u8::try_from(reserved - s.model.inode.reserved);
                    let length = u8::try_from(found.len() - left).unwrap_or(u8::MAX);
                    (first, length, released.unwrap_or(u8::MAX))
                });
            }
            Label::Wrote(halves) => {
                let done = way.only_if(|s| s.model.writer.at == WriterAt::Done);
                ways.compare(done, "halves written", halves, |s| s.model.writer.next);
            }
            Label::Writable => {
                ways.add(way.take_any(|a| (a.actor, a.step) == (Actor::Fault, Step::Store)));
            }
            _ => follow_writeback(way, label, ways),
        }
    }

    fn recovered(&self, _: &State) -> Option<Vec<Recovered>> {
        None
    }

    fn reasons(&self) -> Reasons<ShortWritePunch> {
        reasons::REASONS
    }
}

/// Takes a step of the write call.
fn writer<'a>(way: &Way<'a, Races>, step: Step) -> Option<Way<'a, Races>> {
    way.take_any(|action| (action.actor, action.step) == (Actor::Writer, step))
}

/// Takes a step of writeback.
fn writeback<'a>(way: &Way<'a, Races>, step: Step) -> Option<Way<'a, Races>> {
    way.take_any(|action| (action.actor, action.step) == (Actor::Writeback, step))
}

/// The run of blocks that differ.
fn changed(before: &[Extent], after: &[Extent]) -> (u8, u8) {
    let pairs = before.iter().zip(after).zip(0..);
    let mut differ = pairs.filter(|((before, after), _)| before != after);
    let first = differ.next().map_or(0, |(_, at)| at);
    (first, differ.last().map_or(first, |(_, at)| at) + 1)
}

/// The write call locks a folio to copy into it, and while it scans.
fn follow_folio_of_writer<'a>(way: Way<'a, Races>, locked: Locked, ways: &mut Ways<'a, Races>) {
    let scans = |at| matches!(at, WriterAt::Scan | WriterAt::ToPunch | WriterAt::Punched);
    match locked {
        Locked::Taken => ways.add(writer(&way, Step::LockFolio)),
        // A folio that was reclaimed before it was locked is let go as if the map were out of date.
        Locked::Released => {
            ways.add(writer(&way, Step::UnlockFolio));
            ways.add(writer(&way, Step::DropMap));
        }
    }
    // A map that was found out of date ends the look at the folio.
    let is_stale = |s: &State| {
        let writer = &s.model.writer;
        locked == Locked::Released && matches!(writer.at, WriterAt::Begin | WriterAt::End)
    };
    ways.add(way.only_if(|s| scans(s.model.writer.at) || is_stale(s)));
}

/// The other task locks a folio to see whether it may store, to fault, to write back, to reclaim.
fn follow_folio_of_other<'a>(way: Way<'a, Races>, locked: Locked, ways: &mut Ways<'a, Races>) {
    let fault = |step| way.take_any(|a| (a.actor, a.step) == (Actor::Fault, step));
    if locked == Locked::Taken {
        match fault(Step::LockFolio) {
            Some(locked) => ways.add(Some(locked)),
            None => ways.add(Some(way)),
        }
        return;
    }
    ways.add(fault(Step::UnlockFolio));
    ways.add(writeback(&way, Step::UnlockFolio));
    let holds = |s: &State| {
        let model = &s.model;
        let faults = !matches!(
            model.fault,
            FaultAt::Begin | FaultAt::InvalidateLocked | FaultAt::FolioUnlocked | FaultAt::Done
        );
        faults || !matches!(model.writeback, WritebackAt::Between | WritebackAt::Done)
    };
    ways.add(way.only_if(|s| !holds(s)));
}

/// Writeback, its completion, and reclaim.
fn follow_writeback<'a>(way: Way<'a, Races>, label: Label, ways: &mut Ways<'a, Races>) {
    match label {
        // It looks a mapping up for writeback or for the fault, or changes it, or the end of an I/O
        // converts.
        Label::OtherStatus => {
            // One look-up of the code may answer for several blocks of the page.
            let look = |way: &Way<'a, Races>| {
                way.take_any(|a| (a.actor, a.step) == (Actor::Fault, Step::QueryMap))
            };
            std::iter::successors(look(&way), look).for_each(|way| ways.add(Some(way)));
            let mapped = writeback(&way, Step::LookUp);
            let mapped = mapped.and_then(|way| {
                way.only_if(|s| !matches!(s.model.writeback, WritebackAt::LookedUp(_)))
            });
            ways.add(mapped);
            match way.state.converting {
                Some((start, end)) => {
                    let complete =
                        |way: Way<'a, Races>, at| way.take_on(Actor::Worker, Step::CompleteIo, at);
                    let converted = (start..end).try_fold(way, complete);
                    ways.add(converted.map(|way| way.with(|s| s.converting = None)));
                }
                None => ways.add(Some(way)),
            }
        }
        Label::WritebackLocked(at) => {
            ways.add(way.take_on(Actor::Writeback, Step::LockFolio, at));
        }
        Label::Claimed(claimed, of) => {
            let before = way.state.model.inode.clone();
            let looked = writeback(&way, Step::LookUp);
            let allocated = looked.and_then(|way| writeback(&way, Step::Allocate));
            ways.compare(
                allocated,
                "blocks claimed and allocated",
                (claimed, of),
                |s| {
                    let (start, end) = changed(&before.extents, &s.model.inode.extents);
                    let claimed = u8::try_from(before.reserved - s.model.inode.reserved);
                    (claimed.unwrap_or(u8::MAX), end - start)
                },
            );
        }
        Label::Submitted(start, end) => {
            let ioends = &way.state.model.ioends;
            let with_device = |at: u8| ioends.iter().any(|(block, ..)| block.0 == at);
            let all = (start..end).all(with_device);
            ways.add(all.then_some(way));
        }
        Label::Converting(start, end) => {
            ways.add(Some(way.with(|s| s.converting = Some((start, end)))));
        }
        Label::Reclaiming(at) => {
            ways.add(Some(way.with(|s| s.reclaiming = Some(at))));
        }
        Label::OtherCache => ways.add(match way.state.reclaiming {
            None => Some(way),
            Some(at) => {
                let reclaimed = way.take_on(Actor::Reclaim, Step::ReclaimFolio, at);
                reclaimed.map(|way| way.with(|s| s.reclaiming = None))
            }
        }),
        _ => unreachable!("{label:?} is not writeback's"),
    }
}
