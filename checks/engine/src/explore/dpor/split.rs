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
//! What it costs is two runs for every search, and the executions that are given up because a task
//! is held back for ever or because they turn out to fulfil another search's limits. To have few of
//! these, the earliest decision of a run is the one to split at: nothing before it is in its way.

use super::limits::Limit;
use super::probe::{Prober, Seen};
use super::undecided::Undecided;
use super::wakeup::mix;
use crate::explore::drive::{Body, with_stacks};
use crate::explore::{Options, Shard};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

/// How many smaller searches there should be for each part.
const UNITS_PER_PART: usize = 16;
/// There are no more of them than so many traces for each are worth, by the estimate.
const TRACES_PER_UNIT: f64 = 32.0;
/// There are no more than so many, because each keeps a run in memory until they are dealt out.
const UNITS_MAX: usize = 1 << 13;

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
    let split = |options: &Options| with_stacks(|| split(options, body));
    let (first, has_met) = split(options);
    match has_met {
        false => first,
        true => {
            let options = Options {
                plain_types: true,
                ..options.clone()
            };
            let (part, _) = split(&options);
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
    let mut prober = Prober::new(options, body);
    let mut units = vec![Unit::of(Vec::new(), prober.run(&[]))];
    // The largest first, and of those that seem alike the one that was found first.
    let mut by_weight = BinaryHeap::from([(units[0].undecided.rank(), Reverse(0))]);
    let wanted = UNITS_MAX.min(UNITS_PER_PART * options.shard.of() as usize);
    let worth_while = (units[0].undecided.weight / TRACES_PER_UNIT) as usize;
    let wanted = wanted.min(worth_while);
    while units.len() < wanted {
        let Some((_, Reverse(at))) = by_weight.pop() else {
            break;
        };
        let unit = units[at].clone();
        if unit.undecided.split.is_empty() {
            continue;
        }
        for (number, limit) in unit.undecided.split.iter().enumerate() {
            let limits = [&unit.limits[..], &[*limit]].concat();
            // The first answer is the one that the run gave.
            let (place, run) = match number {
                0 => (at, unit.run.clone()),
                _ => (units.len(), prober.run(&limits)),
            };
            let smaller = Unit::of(limits, run);
            by_weight.push((smaller.undecided.rank(), Reverse(place)));
            match units.get_mut(place) {
                Some(larger) => *larger = smaller,
                None => units.push(smaller),
            }
        }
    }
    units.sort_by_key(|unit| Reverse(unit.undecided.rank()));
    let digest = units
        .iter()
        .fold(0, |digest, unit| mix(digest, unit.digest()));
    let part = Part {
        units: dealt_to(options.shard, units),
        runs: prober.runs,
        digest,
        plain_types: options.plain_types,
    };
    (part, prober.has_met_plain_types)
}

impl Part {
    fn of(units: Vec<Vec<Limit>>) -> Part {
        Part {
            units,
            ..Part::default()
        }
    }
}

/// The units of a part. Each goes to the part that has the least so far, the largest first
/// (Graham, *Bounds on multiprocessing timing anomalies*, SIAM J. Appl. Math. 17, 1969).
fn dealt_to(shard: Shard, units: Vec<Unit>) -> Vec<Vec<Limit>> {
    let mut loads = vec![0.0; shard.of() as usize];
    let mut own = Vec::new();
    for unit in units {
        let least = (0..loads.len()).min_by(|a, b| f64::total_cmp(&loads[*a], &loads[*b]));
        let least = least.expect("there is a part");
        loads[least] += unit.undecided.weight;
        if least + 1 == shard.index() as usize {
            own.push(unit.limits);
        }
    }
    own
}

impl Unit {
    fn of(limits: Vec<Limit>, run: Rc<Vec<Seen>>) -> Unit {
        Unit {
            undecided: Undecided::of(&run, &limits),
            limits,
            run,
        }
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
