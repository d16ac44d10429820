//! What events show of the race of writeback against truncate.

use super::super::recovered::Kind;
use super::super::seen::{block, range, small, word};
use super::Model;
use crate::content::BLOCK_SIZE;
use cutpoint_event::{Args, Op};
use cutpoint_model::step::Actor;
use cutpoint_model::writeback_truncate::state::WritebackAt;

/// What an event shows. Blocks and sizes are counted in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Writeback, in whatever task, has locked a folio and cleaned it.
    WritebackLocked(u8),
    /// It has read `i_size`.
    SizeRead,
    /// It has read the extent status tree.
    StatusRead,
    /// The worker, or a task in its place, has changed the extent status tree.
    StatusChanged,
    /// A look-up found this kind of mapping, from one block to another.
    LookedUp(Found),
    /// A look-up under the lock found this.
    LookedUpAgain(Found),
    /// Allocated blocks replaced so many delayed ones of so many.
    Claimed(u8, u8),
    /// Writeback, or the main task, has started a handle.
    HandleStart(Actor, Sure),
    /// It has stopped it.
    HandleStop(Actor, Sure),
    /// Blocks are with the device.
    Submitted(u8, u8),
    /// Writeback has let go of a folio.
    WritebackUnlocked(u8),
    /// Blocks are on the device.
    Completed(u8, u8),
    /// Blocks are about to be converted.
    Converting(u8, u8),
    /// The size on disk is raised.
    Raised(u8),
    /// A folio's writeback has ended.
    WritebackEnded(u8),
    /// The truncate, or the append after it, has locked a folio.
    TruncateLocked(u8),
    /// It has waited for a folio's writeback.
    Waited(u8),
    /// It has dropped a folio.
    Dropped(u8),
    /// It is about to set both sizes.
    ToSet(u8),
    /// It has stored `i_size`.
    SizeStored,
    /// It has changed the extent status tree.
    TruncateChangedStatus,
    /// It has released reservations and freed blocks.
    Removed(u8, u8),
    /// It has put the file on the orphan list.
    OrphanAdd,
    /// It has taken it off.
    OrphanDel,
    /// The append has reserved a block.
    Reserved(u8, u8),
    /// The append has given a block back, because its map was out of date.
    GaveBack(u8, u8),
    /// The append has returned; the file ends with this block.
    Wrote(u8),
    /// A transaction is closed.
    CommitLocked,
    /// It is durable.
    CommitFinished,
}

/// Whether only one actor can be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    /// Yes.
    Yes,
    /// The task may also have acted for another.
    No,
}

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub(super) kind: FoundKind,
    pub(super) end: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FoundKind {
    Delayed,
    OnDisk(Kind),
}

impl Found {
    pub(super) fn of(args: &Args) -> Option<Found> {
        let end = block(range(args)?.end);
        let kind = match word(args)? {
            "delayed" => FoundKind::Delayed,
            "hole" => FoundKind::OnDisk(Kind::Hole),
            "unwritten" => FoundKind::OnDisk(Kind::Unwritten),
            _ => FoundKind::OnDisk(Kind::Written),
        };
        Some(Found { kind, end })
    }

    /// What the model's writeback has just found.
    pub(super) fn of_model(state: &Model) -> Option<FoundKind> {
        match state.writeback.at {
            WritebackAt::FoundDelayed(_) => Some(FoundKind::Delayed),
            WritebackAt::Mapped | WritebackAt::Allocated => {
                let map = state.writeback.map.as_ref()?;
                let extent = map.at(state.writeback.next)?;
                Some(FoundKind::OnDisk(Kind::of(extent)))
            }
            _ => None,
        }
    }
}

fn blocks(bytes: i64) -> u8 {
    let size = u64::try_from(bytes).unwrap_or(u64::MAX);
    match size % BLOCK_SIZE as u64 {
        0 => block(size / BLOCK_SIZE as u64),
        // No size of the scenario lies within a block.
        _ => u8::MAX,
    }
}

fn pair(args: &Args) -> Option<(u8, u8)> {
    range(args).map(|range| (block(range.start), block(range.end)))
}

/// What a step shows, by its name and the task's.
pub(super) fn of_step(who: &str, name: &str, args: &Args) -> Option<Label> {
    let writes_back = matches!(who, "writeback" | "main");
    let completes = matches!(who, "worker" | "main");
    let truncates = who == "truncate";
    let sure = if who == "main" { Sure::No } else { Sure::Yes };
    let to = || args.number("to").map(blocks);
    Some(match name {
        "lock folio" if writes_back => Label::WritebackLocked(pair(args)?.0),
        "look up" if writes_back => Label::LookedUp(Found::of(args)?),
        "look up again" if writes_back => Label::LookedUpAgain(Found::of(args)?),
        "claim" if writes_back => Label::Claimed(small(args, "reserved blocks"), small(args, "of")),
        "handle start" if writes_back => Label::HandleStart(Actor::Writeback, sure),
        "handle stop" if writes_back => Label::HandleStop(Actor::Writeback, sure),
        "handle start" if truncates => Label::HandleStart(Actor::Truncate, sure),
        "handle stop" if truncates => Label::HandleStop(Actor::Truncate, sure),
        "submit" => pair(args).map(|(start, end)| Label::Submitted(start, end))?,
        "I/O completes" => pair(args).map(|(start, end)| Label::Completed(start, end))?,
        "convert to written" if completes => {
            pair(args).map(|(start, end)| Label::Converting(start, end))?
        }
        "raise i_disksize" => Label::Raised(to()?),
        "drop folio" if truncates => Label::Dropped(pair(args)?.0),
        "set i_disksize and i_size" if truncates => Label::ToSet(to()?),
        "remove extents" if truncates => Label::Removed(
            small(args, "reservations released"),
            small(args, "blocks freed"),
        ),
        "orphan add" => Label::OrphanAdd,
        "orphan del" => Label::OrphanDel,
        "reserve" if truncates => pair(args).map(|(start, end)| Label::Reserved(start, end))?,
        "punch delayed blocks" if truncates => {
            Label::GaveBack(pair(args)?.0, small(args, "reservations released"))
        }
        "write" if truncates => Label::Wrote(pair(args)?.1),
        "commit" => match args.get("state")? {
            cutpoint_event::Value::Word("locked") => Label::CommitLocked,
            cutpoint_event::Value::Word("finished") => Label::CommitFinished,
            _ => return None,
        },
        _ => return None,
    })
}

/// What an operation shows, by the task's name and the object's class.
pub(super) fn of_op(who: &str, op: Op, class: &str, place: u64) -> Option<Label> {
    let at = block(place);
    Some(match (who, class, op) {
        ("writeback" | "main", "i_size", Op::Load) => Label::SizeRead,
        ("writeback", "i_es_lock", _) | ("main", "i_es_lock", Op::Load) => Label::StatusRead,
        ("worker" | "main", "i_es_lock", Op::Update) => Label::StatusChanged,
        ("writeback" | "main", "folio lock", Op::ReleaseExclusive) => Label::WritebackUnlocked(at),
        ("worker" | "main", "folio writeback", Op::FlagClear) => Label::WritebackEnded(at),
        ("truncate", "folio lock", Op::AcquireExclusive) => Label::TruncateLocked(at),
        ("truncate", "folio writeback", Op::FlagAwait) => Label::Waited(at),
        ("truncate", "i_size", Op::Store) => Label::SizeStored,
        ("truncate", "i_es_lock", Op::Update) => Label::TruncateChangedStatus,
        _ => return None,
    })
}
