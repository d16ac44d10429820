//! What a recovered file may hold, and what it must.
//!
//! Promises are read off the steps and acknowledgements that lie inside a power cut. They say what
//! recovery *must* show (what a scenario has acknowledged as durable) and what it *may* show
//! besides (zeroes below a size that was set whatever had been written below it). What else may be
//! there is the scenario's [`Contract`].

use crate::conformance::{self, Recovered};
use crate::content::{BLOCK_SIZE, CLAIMS, Found};
use crate::contract::{Area, Contract, OtherFile, Zeroes};
use cutpoint::crash::{CrashFinding, Cut};
use cutpoint_event::{Args, Log, Value, What};
use std::ops::Range;

/// The acknowledgement by which a scenario says what is durable: of a file's size, or of a part of
/// its content.
pub const DURABLE: &str = "durable";

/// A promise at a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// This step has set the size to so many bytes.
    SizeSet(&'static str, u64),
    /// The file has lost its name.
    Unlinked,
    /// The file is gone.
    Gone,
    /// The file has this size.
    Size(u64),
    /// The bytes from the first to the second number hold this.
    Holds(u64, u64, Found),
    /// The model may recover this. One of all these must be found.
    May(Recovered),
    /// The model can not follow what is in the cut.
    OffModel,
}

/// The promises at a cut, in an order that does not depend on the interleaving.
pub fn promises(contract: &Contract, log: &Log, cut: &Cut) -> Vec<Promise> {
    let mut promises: Vec<Promise> = log
        .events
        .iter()
        .enumerate()
        .filter(|(index, _)| cut.contains(*index))
        .filter_map(|(_, event)| promise(contract, &event.what))
        .collect();
    promises.sort();
    promises.dedup();
    promises
}

fn promise(contract: &Contract, what: &What) -> Option<Promise> {
    match what {
        What::Step { name, args } if contract.sets_size(name) => {
            Some(Promise::SizeSet(name, args.number("to")? as u64))
        }
        What::Step { name, .. } if contract.gone_after == Some(name) => Some(Promise::Unlinked),
        What::Acknowledged {
            name: DURABLE,
            args,
        } => durable(args),
        _ => None,
    }
}

fn durable(args: &Args) -> Option<Promise> {
    if args.get("gone").is_some() {
        return Some(Promise::Gone);
    }
    if let Some(size) = args.number("size") {
        return Some(Promise::Size(size as u64));
    }
    let (from, to) = args.range("bytes")?;
    let Value::Word(word) = args.get("hold")? else {
        return None;
    };
    Some(Promise::Holds(from, to, Found::from_word(word)?))
}

/// Judges whether the file is still there.
///
/// # Errors
/// I20, if it is and should not be; I29, if it is not and should be.
pub fn judge_presence(is_there: bool, promises: &[Promise]) -> Result<(), CrashFinding> {
    let finding = |invariant, expected: &str, observed: &str| {
        Err(CrashFinding {
            invariant,
            expected: expected.into(),
            observed: observed.into(),
        })
    };
    match is_there {
        true if promises.contains(&Promise::Gone) => {
            finding("I20", "the file is gone, as promised", "it is there")
        }
        false if !promises.contains(&Promise::Unlinked) => finding(
            "I29",
            "the file is there: nobody has removed it",
            "it is gone",
        ),
        _ => Ok(()),
    }
}

/// Judges what the model knows of a recovered file, if the model has said anything.
///
/// # Errors
/// [`conformance::INVARIANT`], if the model can not recover that.
pub fn judge_by_model(found: Recovered, promises: &[Promise]) -> Result<(), CrashFinding> {
    let finding = |expected: String| {
        Err(CrashFinding {
            invariant: conformance::INVARIANT,
            expected,
            observed: format!("recovery finds {found}"),
        })
    };
    if promises.contains(&Promise::OffModel) {
        return finding("the model can follow what happened before the power cut".into());
    }
    let may = promises.iter().filter_map(|promise| match promise {
        Promise::May(recovered) => Some(recovered),
        _ => None,
    });
    let may: Vec<_> = may.collect();
    if may.is_empty() || may.contains(&&found) {
        return Ok(());
    }
    let list: Vec<_> = may.iter().map(ToString::to_string).collect();
    finding(format!("the model recovers {}", list.join(", or ")))
}

/// Judges the recovered size.
///
/// # Errors
/// I20, if another was promised, or content beyond it.
pub fn judge_size(size: u64, promises: &[Promise]) -> Result<(), CrashFinding> {
    let finding = |expected: String| CrashFinding {
        invariant: "I20",
        expected,
        observed: format!("{size} bytes"),
    };
    for promise in promises {
        match *promise {
            Promise::Size(expected) if expected != size => {
                return Err(finding(format!(
                    "the file has {expected} bytes, as promised"
                )));
            }
            Promise::Holds(_, end, _) if end > size => {
                return Err(finding(format!(
                    "the file has at least {end} bytes, whose content was promised"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Judges what a part of the file that lies inside the recovered size holds. The part is no longer
/// than [`crate::content::PART_SIZE`].
///
/// # Errors
/// I20 if something else was promised, I12 if it lay beyond the end before the file grew, I22 if it
/// is nobody's data or another block's, I23 if it is padding that nobody asked for.
pub fn judge_part(
    contract: &Contract,
    part: Range<u64>,
    found: Found,
    promises: &[Promise],
) -> Result<(), CrashFinding> {
    let broken = promises.iter().any(|promise| {
        matches!(promise, Promise::Holds(from, to, content)
            if (*from..*to).contains(&part.start) && *content != found)
    });
    if broken {
        let lblk = part.start / BLOCK_SIZE as u64;
        return Err(CrashFinding {
            invariant: "I20",
            expected: "what was acknowledged as durable survives".into(),
            observed: format!("block {lblk} holds {found}"),
        });
    }
    judge_by_areas(contract.areas, 0, part, found, promises)
}

/// Judges what a part of another file holds. Nothing is promised of it.
///
/// # Errors
/// As [`judge_part`], but for I20.
pub fn judge_part_of_other(
    file: &OtherFile,
    part: Range<u64>,
    found: Found,
) -> Result<(), CrashFinding> {
    judge_by_areas(file.areas, file.claims, part, found, &[]).map_err(|finding| CrashFinding {
        observed: format!(
            "file '{}': {}",
            String::from_utf8_lossy(file.name),
            finding.observed
        ),
        ..finding
    })
}

/// Judges a part of a file whose first block's data claims to be block `claims`.
fn judge_by_areas(
    areas: &[Area],
    claims: u32,
    part: Range<u64>,
    found: Found,
    promises: &[Promise],
) -> Result<(), CrashFinding> {
    let lblk = (part.start / BLOCK_SIZE as u64) as u32;
    let finding = |invariant, expected: String| {
        Err(CrashFinding {
            invariant,
            expected,
            observed: format!("block {lblk} holds {found}"),
        })
    };
    let area = areas.iter().find(|area| area.bytes.contains(&part.start));
    let zeroes = area.map_or(Zeroes::Never, |area| area.zeroes);
    let is_own = |of: u32| of == (lblk + claims) % CLAIMS;
    match found {
        Found::Data(tag, of) if is_own(of) && area.is_some_and(|a| a.data.contains(&tag)) => Ok(()),
        Found::Data(..) | Found::Garbage | Found::Mixed if zeroes == Zeroes::Only => finding(
            "I12",
            "what lay beyond the end is zero once the file has grown over it".into(),
        ),
        Found::Data(..) | Found::Garbage | Found::Mixed => finding(
            "I22",
            "a block holds its own data, old or new, or legal zeroes".into(),
        ),
        Found::Zeroes if zeroes_are_legal(zeroes, part.end, promises) => Ok(()),
        Found::Zeroes => finding(
            "I23",
            format!("block {lblk}, below the recovered size, holds data that was written"),
        ),
    }
}

/// Whether zeroes up to byte `end` are legal.
fn zeroes_are_legal(zeroes: Zeroes, end: u64, promises: &[Promise]) -> bool {
    let was_set = |by: &str| {
        let covers = |promise: &Promise| match promise {
            Promise::SizeSet(step, to) => *step == by && *to >= end,
            _ => false,
        };
        promises.iter().any(covers)
    };
    match zeroes {
        Zeroes::Legal | Zeroes::Only => true,
        Zeroes::Never => false,
        Zeroes::After(step) => was_set(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Tag;

    /// The second file of a scenario: a block whose data claims to be the fifth, then a hole.
    static OTHER: OtherFile = OtherFile {
        name: b"other",
        claims: 5,
        areas: &[
            Area {
                bytes: 0..1024,
                data: &[Tag::Second],
                zeroes: Zeroes::Never,
            },
            Area {
                bytes: 1024..2048,
                data: &[],
                zeroes: Zeroes::Legal,
            },
        ],
    };

    fn judged(at: u64, found: Found) -> Option<&'static str> {
        let verdict = judge_part_of_other(&OTHER, at..at + 256, found);
        verdict.err().map(|finding| finding.invariant)
    }

    #[test]
    fn another_file_may_hold_its_own_data_and_legal_zeroes_only() {
        assert_eq!(judged(512, Found::Data(Tag::Second, 5)), None);
        assert_eq!(judged(1024, Found::Zeroes), None);
        // What the first file had in the block, its data of another write, and what was before.
        assert_eq!(judged(512, Found::Data(Tag::First, 1)), Some("I22"));
        assert_eq!(judged(512, Found::Data(Tag::Second, 0)), Some("I22"));
        assert_eq!(judged(512, Found::Garbage), Some("I22"));
        assert_eq!(judged(512, Found::Mixed), Some("I22"));
        assert_eq!(judged(512, Found::Zeroes), Some("I23"));
        // Nothing is said of what lies beyond, so nothing may be there.
        assert_eq!(judged(4096, Found::Zeroes), Some("I23"));
    }

    #[test]
    fn a_finding_says_whose_block_it_is() {
        let finding = judge_part_of_other(&OTHER, 0..256, Found::Garbage).unwrap_err();
        assert!(finding.observed.starts_with("file 'other': block 0 holds"));
    }
}
