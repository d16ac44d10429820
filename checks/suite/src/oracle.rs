//! What a recovered file may hold, and what it must.
//!
//! Promises are read off the steps and acknowledgements that lie inside a power cut. They say what
//! recovery *must* show (an fsync that returned) and what it *may* show besides (a size that a
//! truncate has set explicitly, whatever had been written below it).

use crate::content::{Found, Tag};
use cutpoint::crash::{CrashFinding, Cut};
use cutpoint_event::{Log, What};

/// A promise at a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// A call has set the size to this many bytes. Below it, zeroes are legal: the caller asked for
    /// that size, not for the data to be there.
    SizeSet(u64),
    /// fsync has returned: the file has this size, and the content that it had then.
    Synced(u64),
}

/// The promises at a cut, in an order that does not depend on the interleaving.
pub fn promises(log: &Log, cut: &Cut) -> Vec<Promise> {
    let mut promises: Vec<Promise> = log
        .events
        .iter()
        .enumerate()
        .filter(|(index, _)| cut.contains(*index))
        .filter_map(|(_, event)| promise(&event.what))
        .collect();
    promises.sort();
    promises.dedup();
    promises
}

fn promise(what: &What) -> Option<Promise> {
    match what {
        What::Step {
            name: "set i_disksize and i_size",
            args,
        } => Some(Promise::SizeSet(args.number("to")? as u64)),
        What::Acknowledged {
            name: "fsync",
            args,
        } => Some(Promise::Synced(args.number("size")? as u64)),
        _ => None,
    }
}

/// The content that the file has when a scenario's last fsync returns: block by block.
pub const FINAL: [Found; 2] = [Found::Data(Tag::First, 0), Found::Data(Tag::Second, 1)];

/// Judges the recovered size.
///
/// # Errors
/// I20, if an fsync promised another.
pub fn judge_size(size: u64, promises: &[Promise]) -> Result<(), CrashFinding> {
    let synced = promises.iter().find_map(|promise| match promise {
        Promise::Synced(size) => Some(*size),
        Promise::SizeSet(_) => None,
    });
    match synced {
        Some(expected) if expected != size => Err(CrashFinding {
            invariant: "I20",
            expected: format!("the file has {expected} bytes, as fsync promised"),
            observed: format!("{size} bytes"),
        }),
        _ => Ok(()),
    }
}

/// Judges what block `lblk`, which lies inside the recovered size, holds.
///
/// # Errors
/// I20 if an fsync promised something else, I22 if it is nobody's data or another block's, I23 if
/// it is padding that nobody asked for.
pub fn judge_block(lblk: u32, found: Found, promises: &[Promise]) -> Result<(), CrashFinding> {
    let finding = |invariant, expected: String| {
        Err(CrashFinding {
            invariant,
            expected,
            observed: format!("block {lblk} holds {found}"),
        })
    };
    if promises
        .iter()
        .any(|promise| matches!(promise, Promise::Synced(_)))
        && FINAL.get(lblk as usize) != Some(&found)
    {
        return finding("I20", "what was written before fsync survives".into());
    }
    match found {
        Found::Data(_, of) if of == lblk => Ok(()),
        Found::Data(..) | Found::Garbage | Found::Mixed => finding(
            "I22",
            "a block holds its own data, old or new, or legal zeroes".into(),
        ),
        Found::Zeroes => {
            let end = (u64::from(lblk) + 1) * 1024;
            let asked_for = |promise: &Promise| matches!(promise, Promise::SizeSet(s) if *s >= end);
            match promises.iter().any(asked_for) {
                true => Ok(()),
                false => finding(
                    "I23",
                    format!("block {lblk}, below the recovered size, holds data that was written"),
                ),
            }
        }
    }
}
