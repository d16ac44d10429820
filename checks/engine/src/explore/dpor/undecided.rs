//! What a run under limits leaves open: which orders and choices there are besides its own, where
//! to split the search that it stands for, and how large that search seems.

use super::limits::{Limit, Nth};
use super::probe::Seen;
use super::wakeup::Action;
use cutpoint_event::{ObjectId, Relation, TaskId};
use std::collections::BTreeMap;

/// One doubling of the number of executions, in the unit of weights.
pub(super) const DOUBLING: u64 = 16;

/// What the limits of a run do not decide.
#[derive(Clone, Debug, Default)]
pub(super) struct Undecided {
    /// Says which of two searches seems larger: for every choice, and for every object and two
    /// tasks, how often the number of their orders doubles, in sixteenths, as if all of these had
    /// nothing to do with each other. A number of traces can not be made of it; the sum is an
    /// estimate for the logarithm of one that may well be off by some factor.
    pub(super) weight: u64,
    /// The answers to the earliest of these questions, the run's own answer first.
    pub(super) split: Vec<Limit>,
}

impl Undecided {
    pub(super) fn of(run: &[Seen], limits: &[Limit]) -> Undecided {
        let mut weight = 0;
        let mut earliest: Option<(usize, Vec<Limit>)> = None;
        let mut offer = |at: usize, split: Vec<Limit>| {
            if earliest.as_ref().is_none_or(|(other, _)| at < *other) {
                earliest = Some((at, split));
            }
        };
        for (at, seen) in run.iter().enumerate() {
            let Action::Choice { value: own } = seen.event.action else {
                continue;
            };
            let is_decided = limits.iter().any(|limit| {
                matches!(limit, Limit::Choice { task, nth, .. }
                    if (*task, *nth) == (seen.event.task.0, seen.nth))
            });
            if !is_decided && seen.of > 1 {
                let value = |value| Limit::Choice {
                    task: seen.event.task.0,
                    nth: seen.nth,
                    of: seen.of,
                    value,
                };
                weight += doublings(seen.of.into());
                let others = (0..seen.of).filter(|other| *other != own);
                offer(at, std::iter::once(own).chain(others).map(value).collect());
            }
        }
        let causes = causes(run, limits);
        for object in objects(run) {
            let before = Before::new(&causes, |through| through != Some(object));
            let pairs = open_pairs(run, &before, object);
            weight += doublings_on(run, &before, &pairs);
            for (a, b) in pairs {
                let (first, second) = (run[a].name(), run[b].name());
                let order = |first, second, must_happen| Limit::Order {
                    first,
                    second,
                    must_happen,
                };
                offer(
                    b,
                    vec![order(first, second, false), order(second, first, true)],
                );
            }
        }
        Undecided {
            weight,
            split: earliest.map_or(Vec::new(), |(_, split)| split),
        }
    }
}

/// How often the number of orders of operations on one object doubles, by the pairs of them that
/// are open, taking two tasks at a time.
fn doublings_on(run: &[Seen], before: &Before, pairs: &[(usize, usize)]) -> u64 {
    let mut chains: BTreeMap<(TaskId, TaskId), (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for &(a, b) in pairs {
        let (a, b) = match run[a].event.task < run[b].event.task {
            true => (a, b),
            false => (b, a),
        };
        let chains = chains.entry((run[a].event.task, run[b].event.task));
        let (ours, theirs) = chains.or_default();
        ours.push(a);
        theirs.push(b);
    }
    let orders = chains.into_values().map(|(mut ours, mut theirs)| {
        for chain in [&mut ours, &mut theirs] {
            chain.sort();
            chain.dedup();
        }
        orders(&ours, &theirs, |a, b| a < b && before.contains(a, b))
    });
    orders.map(doublings).sum()
}

/// In how many orders two tasks may make their operations, where `is_before` says of two that their
/// order is fixed. Saturates.
fn orders(ours: &[usize], theirs: &[usize], is_before: impl Fn(usize, usize) -> bool) -> u128 {
    // The numbers of ways to have made so many of theirs, after none, one, two … of ours.
    let mut ways = vec![0_u128; theirs.len() + 1];
    ways[0] = 1;
    for made in 0..=ours.len() {
        if let Some(own) = made.checked_sub(1) {
            for (count, ways) in ways.iter_mut().enumerate() {
                let waits = theirs
                    .get(count)
                    .is_some_and(|next| is_before(*next, ours[own]));
                *ways = if waits { 0 } else { *ways };
            }
        }
        for count in 0..theirs.len() {
            let waits = ours
                .get(made)
                .is_some_and(|next| is_before(*next, theirs[count]));
            if !waits {
                ways[count + 1] = ways[count + 1].saturating_add(ways[count]);
            }
        }
    }
    ways[theirs.len()]
}

/// How often one doubles to this number, in sixteenths, rounded down.
fn doublings(number: u128) -> u64 {
    let whole = u64::from(number.max(1).ilog2());
    // Between two powers of two the logarithm is nearly a straight line.
    let rest = number.max(1) - (1 << whole);
    let part = match whole {
        ..=3 => rest << (4 - whole),
        _ => rest >> (whole - 4),
    };
    whole * DOUBLING + part as u64
}

/// Which events of a run happen before which, without what only some objects order.
struct Before {
    /// For every event, the earlier ones as bits.
    bits: Vec<u64>,
    words: usize,
}

impl Before {
    fn new(causes: &[Vec<Cause>], counts: impl Fn(Option<ObjectId>) -> bool) -> Before {
        let words = causes.len().div_ceil(64);
        let mut bits = vec![0_u64; causes.len() * words];
        for (number, causes) in causes.iter().enumerate() {
            let (earlier, own) = bits.split_at_mut(number * words);
            for &(cause, _) in causes.iter().filter(|(_, through)| counts(*through)) {
                own[cause / 64] |= 1 << (cause % 64);
                let theirs = &earlier[cause * words..(cause + 1) * words];
                for (mine, theirs) in own.iter_mut().zip(theirs) {
                    *mine |= theirs;
                }
            }
        }
        Before { bits, words }
    }

    fn contains(&self, a: usize, b: usize) -> bool {
        self.bits[b * self.words + a / 64] & (1 << (a % 64)) != 0
    }
}

/// An earlier event that causes one, with the object through which, if it is through one.
type Cause = (usize, Option<ObjectId>);

/// The causes of every event of a run, the limits among them. Of its own task's the last is enough.
fn causes(run: &[Seen], limits: &[Limit]) -> Vec<Vec<Cause>> {
    let of = |(number, seen): (usize, &Seen)| -> Vec<Cause> {
        let earlier = run[..number].iter().enumerate();
        let task = seen.event.task;
        let others = earlier
            .clone()
            .filter(|(_, other)| other.event.task != task);
        let causes = others.filter(|(_, other)| other.event.causes(&seen.event));
        let causes = causes.map(|(at, other)| (at, other.operation().map(|(_, object)| object)));
        let own = earlier.rev().find(|(_, other)| other.event.task == task);
        let before = own.map(|(at, _)| at).into_iter().chain(seen.created_after);
        causes.chain(before.map(|at| (at, None))).collect()
    };
    let mut causes: Vec<Vec<Cause>> = run.iter().enumerate().map(of).collect();
    let find = |nth: &Nth| {
        let mut operations = run.iter();
        operations.position(|seen| seen.operation().is_some() && seen.name() == *nth)
    };
    for limit in limits {
        if let Limit::Order { first, second, .. } = limit
            && let (Some(first), Some(second)) = (find(first), find(second))
        {
            causes[second].push((first, None));
        }
    }
    causes
}

/// The objects of the events that there are in every execution.
fn objects(run: &[Seen]) -> Vec<ObjectId> {
    let known = run.iter().filter(|seen| seen.is_known);
    let objects = known.filter_map(Seen::operation);
    let mut objects: Vec<ObjectId> = objects.map(|(_, object)| object).collect();
    objects.sort();
    objects.dedup();
    objects
}

/// Whether two events are operations on one object that race in either order.
fn are_racing(a: &Seen, b: &Seen) -> bool {
    match (a.operation(), b.operation()) {
        (Some((op, on)), Some((other_op, other_on))) if on == other_on => {
            op.before(other_op) == Relation::Racing && other_op.before(op) == Relation::Racing
        }
        _ => false,
    }
}

/// The pairs of operations on an object that race in either order and that nothing but the object
/// itself keeps in order. `before` is without what only the object orders.
fn open_pairs(run: &[Seen], before: &Before, object: ObjectId) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (b, event) in run.iter().enumerate() {
        if event.operation().is_some_and(|(_, on)| on == object) {
            for (a, seen) in run[..b].iter().enumerate() {
                if seen.event.task != event.event.task
                    && are_racing(seen, event)
                    && !before.contains(a, b)
                {
                    pairs.push((a, b));
                }
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tasks_have_as_many_orders_as_there_are_ways_to_merge_them() {
        let free = |_, _| false;
        assert_eq!(orders(&[], &[], free), 1);
        assert_eq!(orders(&[0, 1, 2], &[3, 4, 5], free), 20);
        // The first of ours comes before the last of theirs.
        assert_eq!(orders(&[0, 1], &[2, 3], |a, b| (a, b) == (0, 3)), 5);
        // All of theirs come before all of ours.
        assert_eq!(orders(&[2, 3], &[0, 1], |a, b| a < 2 && b >= 2), 1);
    }

    #[test]
    fn doublings_grow_with_the_number() {
        assert_eq!([0, 1, 2, 3, 4, 6].map(doublings), [0, 0, 16, 24, 32, 40]);
        assert_eq!(doublings(1 << 100), 1_600);
        let numbers = (1..2_000).map(doublings);
        assert!(numbers.is_sorted());
    }
}
