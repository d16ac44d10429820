//! What a run under limits leaves open: which orders and choices there are besides its own, where
//! to split the search that it stands for, and how large that search may be.

use super::limits::{Limit, Nth};
use super::orders;
use super::probe::{Cause, Seen};
use super::wakeup::Action;
use cutpoint_event::{ObjectId, Relation, TaskId};
use std::collections::BTreeMap;

/// What the limits of a run do not decide.
#[derive(Clone, Debug, Default)]
pub(super) struct Undecided {
    /// An estimate of the number of traces: the product of the numbers of orders on each object,
    /// and of the values of choices.
    pub(super) weight: f64,
    /// The answers to the earliest of these questions, the run's own answer first.
    pub(super) split: Vec<Limit>,
}

impl Undecided {
    pub(super) fn of(run: &[Seen], limits: &[Limit]) -> Undecided {
        let mut weight = 1.0;
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
                weight *= seen.of as f64;
                let others = (0..seen.of).filter(|other| *other != own);
                offer(at, std::iter::once(own).chain(others).map(value).collect());
            }
        }
        let causes = causes(run, limits);
        let before = Before::new(&causes, |through| through.is_none());
        for object in objects(run) {
            weight *= orders_on(run, &before, object);
            for (a, b) in open_pairs(run, &causes, object) {
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

    /// A number that is larger if the weight is. (A weight is positive.)
    pub(super) fn rank(&self) -> u64 {
        self.weight.to_bits()
    }
}

/// How many orders the operations on an object have that race, as far as nothing keeps them in
/// order whatever the order on other objects.
fn orders_on(run: &[Seen], before: &Before, object: ObjectId) -> f64 {
    let mut chains: BTreeMap<TaskId, Vec<usize>> = BTreeMap::new();
    for (number, seen) in run.iter().enumerate() {
        if seen.operation().is_some_and(|(_, on)| on == object) {
            chains.entry(seen.event.task).or_default().push(number);
        }
    }
    let is_open = |a: usize, b: usize| {
        let (a, b) = (a.min(b), a.max(b));
        run[a].event.task != run[b].event.task
            && are_racing(&run[a], &run[b])
            && !before.contains(a, b)
    };
    let all: Vec<usize> = chains.values().flatten().copied().collect();
    let involved = |number: &usize| all.iter().any(|other| is_open(*number, *other));
    for chain in chains.values_mut() {
        chain.retain(involved);
    }
    let chains: Vec<Vec<usize>> = chains.into_values().collect();
    orders::count(
        &chains,
        |a, b| before.contains(a, b),
        |a, b| !are_racing(&run[a], &run[b]),
    )
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

/// The causes of every event of a run, the limits among them.
fn causes(run: &[Seen], limits: &[Limit]) -> Vec<Vec<Cause>> {
    let mut causes: Vec<Vec<Cause>> = run.iter().map(|seen| seen.causes.clone()).collect();
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
/// itself keeps in order.
fn open_pairs(run: &[Seen], causes: &[Vec<Cause>], object: ObjectId) -> Vec<(usize, usize)> {
    let before = Before::new(causes, |through| through != Some(object));
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
