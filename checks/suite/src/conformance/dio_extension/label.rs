//! What events show of the model `dio_extension`.

use super::super::recovered::Kind;
use super::super::seen::{block, is_set, range, small, word};
use cutpoint_event::{Args, Op, Value};
use cutpoint_model::step::{Actor, Step};

/// The scenario's choice of where the direct write goes.
pub const WHERE: &str = "direct write inside, beyond in part, beyond";

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
    /// It has reserved the block from this one on.
    Reserved(u8),
    /// It has taken this block's folio lock, or let go of it.
    Folio(Step, u8),
    /// It has looked into the extent status tree.
    StatusRead,
    /// It has stored `i_size`.
    SizeStored,
    /// It has given so many reservations back.
    Punched(u8),
    /// It has dropped the folio of this block.
    Dropped(u8),
    /// Writeback, or the direct write for its rest, has taken the folio of this block.
    WritebackLocked(Actor, u8),
    /// It has allocated so many blocks in place of so many delayed ones.
    Claimed(Actor, u8, u8),
    /// This block is with the device.
    Submitted(Actor, u8),
    /// It is on the device.
    Completed(u8),
    /// Its conversion comes next.
    Converting(u8),
    /// The worker has changed the extent status tree.
    StatusChanged,
    /// The worker is about to raise the size on disk to this number of bytes.
    ToRaise(u64),
    /// It has stored it.
    DisksizeStored,
    /// A transaction is closed.
    CommitLocked,
    /// It is durable.
    CommitFinished,
}

/// The direct write, as its task and as an actor.
pub const DIRECT: (&str, Actor) = ("direct write", Actor::DirectWriter(0));

/// What a step shows.
pub fn of_step(who: &str, name: &str, args: &Args) -> Option<Label> {
    if who == DIRECT.0
        && let Some(label) = of_direct_step(name, args)
    {
        return Some(label);
    }
    let actor = if who == DIRECT.0 {
        DIRECT.1
    } else {
        Actor::Writeback
    };
    of_writeback_step(actor, name, args)
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
        // Writeback says which blocks, direct I/O which block.
        "submit" if range(args).is_none() => Label::DirectSubmitted,
        "direct I/O completes" => Label::DirectCompleted,
        "convert to written" => Label::DirectConverted,
        "raise i_disksize and i_size" => Label::SizesRaised(args.number("to")? as u64),
        "remove extents" => Label::Freed(small(args, "blocks freed")),
        "fall back to buffered write" => Label::FallsBack,
        "reserve" => Label::Reserved(first(args)?),
        "punch delayed blocks" => Label::Punched(small(args, "reservations released")),
        "drop folio" => Label::Dropped(first(args)?),
        _ => return None,
    })
}

/// What a step of writeback, of its completion or of the journal shows.
fn of_writeback_step(actor: Actor, name: &str, args: &Args) -> Option<Label> {
    Some(match name {
        "lock folio" => Label::WritebackLocked(actor, first(args)?),
        "claim" => {
            let (claimed, of) = (small(args, "reserved blocks"), small(args, "of"));
            Label::Claimed(actor, claimed, of)
        }
        "submit" => Label::Submitted(actor, first(args)?),
        "I/O completes" => Label::Completed(first(args)?),
        "convert to written" => Label::Converting(first(args)?),
        "raise i_disksize" => Label::ToRaise(args.number("to")? as u64),
        "commit" => match args.get("state")? {
            Value::Word("locked") => Label::CommitLocked,
            Value::Word("finished") => Label::CommitFinished,
            _ => return None,
        },
        _ => return None,
    })
}

fn first(args: &Args) -> Option<u8> {
    range(args).map(|range| block(range.start))
}

/// What an operation on an object shows.
pub fn of_op(who: &str, op: Op, class: &str, place: u64) -> Option<Label> {
    if who != DIRECT.0 {
        let shown = match (class, op) {
            ("i_disksize", Op::Store) => Label::DisksizeStored,
            ("i_es_lock", Op::Update) => Label::StatusChanged,
            _ => return None,
        };
        return matches!(who, "worker" | "main").then_some(shown);
    }
    Some(match (class, op) {
        ("i_rwsem", Op::AcquireShared) => Label::Lock(Step::LockShared),
        ("i_rwsem", Op::AcquireExclusive) => Label::Lock(Step::LockExclusive),
        ("i_rwsem", Op::ReleaseShared | Op::ReleaseExclusive) => Label::Lock(Step::UnlockInode),
        ("i_disksize", Op::Load) => Label::DisksizeRead,
        ("folio lock", Op::AcquireExclusive) => Label::Folio(Step::LockFolio, block(place)),
        ("folio lock", Op::ReleaseExclusive) => Label::Folio(Step::UnlockFolio, block(place)),
        ("i_es_lock", Op::Load) => Label::StatusRead,
        ("i_size", Op::Store) => Label::SizeStored,
        _ => return None,
    })
}
