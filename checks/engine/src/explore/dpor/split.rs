//! Splitting a search into smaller ones, with nothing in common but what anyone can find out.
//!
//! Sleep sets can not do it. Optimal DPOR may leave an order out because a sibling explores it, as
//! long as the sibling's races ask for what is missing; a process that does not explore the sibling
//! does not hear what it asks for. So the search is split by what its executions are, not by where
//! it stands: one run under the limits so far shows a choice, or two operations that depend on each
//! other and could come in either order, and each of these answers is a search of its own (see
//! [`super::limits`]). Every trace fulfils the limits of exactly one of them. The search that seems
//! to be the largest is split next, until there are enough to deal them out evenly.
//!
//! What it costs is a run for every search, in every part. No execution is given up for the sake of
//! the limits as long as every operation happens in every execution: what can not come about under
//! them is not asked for. Where operations may not happen, an execution may turn out to fulfil
//! another search's limits. To have few of these, the earliest decision of a run is the one to
//! split at: nothing before it is in its way.
//!
//! How large a search is, nobody knows. One of which more orders are undecided in its run seems
//! larger, but another of its executions may go another way and leave far more undecided: searches
//! were seen that are some hundred times as large as that. One that fewer decisions have led to
//! seems larger as well, as if each of them halved it, and that can not be deceived so. Each alone
//! is wrong by factors, so they are taken together, and nothing is computed with the sum: it only
//! says which to split next. What makes the parts alike is that there are many searches, more of
//! them where some that are tried turn out to be large, and that they are dealt out in the order of
//! what is undecided in them. By that, the larger of two parts of four measured programs had at
//! most 1.5 % more than half; it was 2.2 % in the order in which they were split.

use super::limits::Limit;
use super::probe::{Prober, Seen};
use super::undecided::{DOUBLING, Undecided};
use super::wakeup::mix;
use crate::explore::Options;
use crate::explore::drive::{Body, with_stacks};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

/// How many smaller searches there should be for each part, at least.
const UNITS_PER_PART: usize = 64;
/// There are no more than so many, because each keeps a run in memory until they are dealt out.
const UNITS_MAX: usize = 1 << 12;
/// How many of them are tried, smaller and larger ones by what they seem.
const SAMPLES: usize = 2;
/// They are tried for so many executions: it has to cost little, compared with a search of which
/// all are as large.
const SAMPLE_MAX: u64 = 128;
/// How many executions one should have in the mean. Each costs a run in every part, so fewer would
/// cost too much; with more of them in it, it is better split.
const EXECUTIONS_PER_UNIT: u64 = 64;

/// A smaller search.
#[derive(Clone, Debug)]
struct Unit {
    limits: Vec<Limit>,
    /// A run under these limits.
    run: Rc<Vec<Seen>>,
    undecided: Undecided,
}

/// A part of a search.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// The limits of the smaller searches that belong to it.
    pub(super) units: Vec<Vec<Limit>>,
    /// The number of runs that it took to find out.
    pub(super) runs: u64,
    /// Stands for all the smaller searches, those of other parts included.
    pub(super) digest: u64,
    /// Whether the scenario uses plain shuttle types.
    pub(super) plain_types: bool,
}

/// Finds out what the part of the search of `body` is that the options ask for.
pub(super) fn part(options: &Options, body: &Body) -> Part {
    if options.shard.is_whole() {
        return Part {
            plain_types: options.plain_types,
            ..Part::of(vec![Vec::new()])
        };
    }
    let (first, before) = split(options, body);
    match before {
        false => first,
        true => {
            let options = Options {
                plain_types: true,
                ..options.clone()
            };
            let (part, _) = split(&options, body);
            Part {
                runs: first.runs + part.runs,
                plain_types: true,
                ..part
            }
        }
    }
}

/// Splits the search. Answers also whether a run met plain shuttle types that were not expected, so
/// that the parts are no good.
fn split(options: &Options, body: &Body) -> (Part, bool) {
    let shard = options.shard;
    let mut prober = Prober::new(options, body);
    let units = with_stacks(|| smaller(&mut prober, UNITS_PER_PART * shard.of() as usize));
    let digest = units
        .iter()
        .fold(0, |digest, unit| mix(digest, unit.digest()));
    // Those that seem alike are dealt out in turn.
    let numbered = (0..).zip(units);
    let own = numbered.filter(|(number, _)| shard.owns(*number));
    let part = Part {
        units: own.map(|(_, unit)| unit.limits).collect(),
        runs: prober.runs,
        digest,
        plain_types: options.plain_types,
    };
    (part, prober.has_met_plain_types)
}

/// As many smaller searches as wanted, or more if they are large, or as there are; those that seem
/// largest first.
fn smaller(prober: &mut Prober<'_>, wanted: usize) -> Vec<Unit> {
    let mut units = vec![Unit::of(Vec::new(), prober.run(&[]))];
    let mut wanted = wanted.min(UNITS_MAX);
    loop {
        split_largest(prober, &mut units, wanted);
        if units.len() < wanted || wanted == UNITS_MAX || prober.has_met_plain_types {
            return units;
        }
        let samples = (0..SAMPLES).map(|sample| (2 * sample + 1) * units.len() / (2 * SAMPLES));
        let executions: u64 = samples
            .map(|at| prober.count(SAMPLE_MAX, &units[at].limits))
            .sum();
        let tried = SAMPLES as u64;
        let better = wanted as u64 * executions / (tried * EXECUTIONS_PER_UNIT);
        wanted = wanted.max(better as usize).min(UNITS_MAX);
        if executions < tried * SAMPLE_MAX {
            // They are not larger than that, so once more is enough.
            split_largest(prober, &mut units, wanted);
            return units;
        }
    }
}

/// Splits what seems largest until there are as many as wanted, and puts those first in which more
/// is undecided: however many decisions led to them, that says better how large they are.
fn split_largest(prober: &mut Prober<'_>, units: &mut Vec<Unit>, wanted: usize) {
    // Of those that seem alike the first.
    let numbered = units.iter().enumerate();
    let mut by_size: BinaryHeap<(i64, Reverse<usize>)> = numbered
        .map(|(place, unit)| (unit.size(), Reverse(place)))
        .collect();
    while units.len() < wanted {
        let Some((_, Reverse(at))) = by_size.pop() else {
            break;
        };
        let unit = units[at].clone();
        for (number, limit) in unit.undecided.split.iter().enumerate() {
            let limits = [&unit.limits[..], &[*limit]].concat();
            // The first answer is the one that the run gave.
            let (place, run) = match number {
                0 => (at, unit.run.clone()),
                _ => (units.len(), prober.run(&limits)),
            };
            let smaller = Unit::of(limits, run);
            by_size.push((smaller.size(), Reverse(place)));
            match units.get_mut(place) {
                Some(larger) => *larger = smaller,
                None => units.push(smaller),
            }
        }
    }
    units.sort_by_key(|unit| Reverse(unit.undecided.weight));
}

impl Part {
    fn of(units: Vec<Vec<Limit>>) -> Part {
        Part {
            units,
            ..Part::default()
        }
    }
}

impl Unit {
    fn of(limits: Vec<Limit>, run: Rc<Vec<Seen>>) -> Unit {
        Unit {
            undecided: Undecided::of(&run, &limits),
            limits,
            run,
        }
    }

    /// How large it seems, to say what to split; only good for a comparison.
    fn size(&self) -> i64 {
        let halved = DOUBLING * self.limits.len() as u64;
        self.undecided.weight as i64 - halved as i64
    }

    fn digest(&self) -> u64 {
        let limits = self.limits.iter();
        limits.fold(1, |digest, limit| {
            let numbers = match *limit {
                Limit::Order {
                    first,
                    second,
                    must_happen,
                } => [
                    u64::from(must_happen),
                    u64::from(first.task) << 32 | u64::from(second.task),
                    u64::from(first.op) << 32 | u64::from(second.op),
                    u64::from(first.object),
                    u64::from(first.nth) << 32 | u64::from(second.nth),
                ],
                Limit::Choice {
                    task,
                    nth,
                    of,
                    value,
                } => [2, u64::from(task), u64::from(nth), of, value],
            };
            numbers.into_iter().fold(digest, mix)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::Nth;
    use super::*;
    use cutpoint_event::Op;

    #[test]
    fn a_unit_is_told_by_its_limits() {
        let nth = |task, nth| Nth {
            task,
            op: Op::AcquireExclusive as u8,
            object: 3,
            nth,
        };
        let unit = |first, second| Unit {
            limits: vec![Limit::Order {
                first,
                second,
                must_happen: false,
            }],
            run: Rc::default(),
            undecided: Undecided::default(),
        };
        let (a, b) = (nth(1, 1), nth(2, 1));
        assert_ne!(unit(a, b).digest(), unit(b, a).digest());
        assert_ne!(unit(a, b).digest(), unit(nth(1, 2), b).digest());
        assert_eq!(unit(a, b).digest(), unit(a, b).digest());
    }
}
