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

use super::limits::{Limit, Nth};
use super::wakeup::{Action, Event, mix};
use super::{Dpor, Kind, Mistake, PLAIN};
use crate::clock::place;
use crate::explore::drive::{Body, drive};
use crate::explore::turns::PLAIN_TYPES;
use crate::explore::{Execution, Options, StoppedBy};
use cutpoint_event::{ObjectId, Op, Relation};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::rc::Rc;

/// How many smaller searches there should be for each part.
const UNITS_PER_PART: usize = 64;
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
    let (mut runs, mut has_met) = (0, false);
    let mut probe = |limits: &[Limit]| {
        runs += 1;
        let (run, met) = probe(limits, options, body);
        has_met |= met;
        Rc::new(run)
    };
    let mut units = vec![Unit::of(Vec::new(), probe(&[]))];
    // The largest first, and of those that seem alike the one that was found first.
    let mut by_weight = BinaryHeap::from([(units[0].undecided.weight, Reverse(0))]);
    let wanted = UNITS_MAX.min(UNITS_PER_PART * shard.of() as usize);
    while units.len() < wanted {
        let Some((1.., Reverse(at))) = by_weight.pop() else {
            break;
        };
        let unit = units[at].clone();
        for (number, limit) in unit.undecided.split.iter().enumerate() {
            let limits = [&unit.limits[..], &[*limit]].concat();
            // The first answer is the one that the run gave.
            let (place, run) = match number {
                0 => (at, unit.run.clone()),
                _ => (units.len(), probe(&limits)),
            };
            let smaller = Unit::of(limits, run);
            by_weight.push((smaller.undecided.weight, Reverse(place)));
            match units.get_mut(place) {
                Some(larger) => *larger = smaller,
                None => units.push(smaller),
            }
        }
    }
    // Those that seem alike are dealt out in turn.
    units.sort_by_key(|unit| Reverse(unit.undecided.weight));
    let digest = units
        .iter()
        .fold(0, |digest, unit| mix(digest, unit.digest()));
    let numbered = (0..).zip(units);
    let own = numbered.filter(|(number, _)| shard.owns(*number));
    let part = Part {
        units: own.map(|(_, unit)| unit.limits).collect(),
        runs,
        digest,
        plain_types: options.plain_types,
    };
    (part, has_met)
}

impl Part {
    fn of(units: Vec<Vec<Limit>>) -> Part {
        Part {
            units,
            ..Part::default()
        }
    }
}

/// Runs once under the limits. Answers also whether that met unexpected plain shuttle types.
fn probe(limits: &[Limit], options: &Options, body: &Body) -> (Vec<Seen>, bool) {
    let once = Options {
        executions: None,
        time: None,
        past_findings: true,
        count_traces: false,
        ..options.clone()
    };
    let part = Part::of(vec![limits.to_vec()]);
    let mut policy = Dpor::new(Mistake::None, part, options.plain_types);
    policy.is_probe = true;
    let mut nobody = |_: &Execution<'_>| ControlFlow::Continue(());
    let (explored, policy) = drive(policy, true, &once, body.clone(), &mut nobody);
    let has_met = explored.stopped_by == StoppedBy::Unsupported(PLAIN_TYPES.into());
    (seen(&policy), has_met)
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

/// What the limits of a run do not decide.
#[derive(Clone, Debug, Default)]
struct Undecided {
    /// How many orders of two operations, and choices.
    weight: usize,
    /// The answers to the earliest of these questions, the run's own answer first.
    split: Vec<Limit>,
}

/// An event of a run.
#[derive(Clone, Debug)]
struct Seen {
    event: Event,
    /// Out of how many values, if it is a choice.
    of: u64,
    /// Whether its object is one that there is in every execution.
    is_known: bool,
    /// Which of its task's operations like it, or of its choices, counting from 1.
    nth: u32,
    /// Earlier events that cause it, each with the object through which.
    causes: Vec<Cause>,
}

impl Undecided {
    fn of(run: &[Seen], limits: &[Limit]) -> Undecided {
        let mut weight = 0;
        let mut earliest: Option<(usize, Vec<Limit>)> = None;
        let mut offer = |at: usize, split: Vec<Limit>| {
            weight += 1;
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
                let others = (0..seen.of).filter(|other| *other != own);
                offer(at, std::iter::once(own).chain(others).map(value).collect());
            }
        }
        let causes = causes(run, limits);
        for object in objects(run) {
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
}

impl Seen {
    /// Its name in every execution.
    fn name(&self) -> Nth {
        let Action::Turn { op, object, .. } = self.event.action else {
            unreachable!("choices are not ordered");
        };
        Nth {
            task: self.event.task.0,
            op: op as u8,
            object: object.0,
            nth: self.nth,
        }
    }

    fn operation(&self) -> Option<(Op, ObjectId)> {
        operation(&self.event)
    }
}

/// The events of the last run, with their causes.
fn seen(policy: &Dpor) -> Vec<Seen> {
    let history = &policy.history;
    let known = policy.levels.first().map_or(0, |level| level.known);
    let is_known =
        |object| (1..known).contains(&place(object)) || (policy.plain_types && object == PLAIN);
    let mut run: Vec<Seen> = Vec::new();
    for (step, level) in history.steps.iter().zip(&policy.levels) {
        let event = step.event;
        let (is_known, of) = match (event.action, level.kind) {
            (Action::Turn { object, .. }, _) => (is_known(object), 0),
            (Action::Choice { .. }, Kind::Choice { of, .. }) => (false, of),
            (Action::Choice { .. }, Kind::Turn { .. }) => (false, 0),
        };
        let mut causes = Vec::new();
        let mut nth = 1;
        for (earlier, other) in run.iter().enumerate().rev() {
            let is_like = match (other.event.action, event.action) {
                (Action::Choice { .. }, Action::Choice { .. }) => true,
                _ => other.operation().is_some() && other.operation() == operation(&event),
            };
            nth += u32::from(other.event.task == event.task && is_like);
            if other.event.task == event.task || history.spawned(earlier, event.task) {
                causes.push((earlier, None));
            } else if history.causes(earlier, &event) {
                causes.push((earlier, other.operation().map(|(_, object)| object)));
            }
        }
        run.push(Seen {
            event,
            of,
            is_known,
            nth,
            causes,
        });
    }
    run
}

fn operation(event: &Event) -> Option<(Op, ObjectId)> {
    match event.action {
        Action::Turn { op, object, .. } => Some((op, object)),
        Action::Choice { .. } => None,
    }
}

/// An earlier event that causes one, with the object through which, if it is through one.
type Cause = (usize, Option<ObjectId>);

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

/// The pairs of operations on an object that race in either order and that nothing but the object
/// itself keeps in order.
fn open_pairs(run: &[Seen], causes: &[Vec<Cause>], object: ObjectId) -> Vec<(usize, usize)> {
    // What happens before each event, as bits, without what only the object orders.
    let words = run.len().div_ceil(64);
    let mut before: Vec<u64> = Vec::with_capacity(run.len() * words);
    let mut pairs = Vec::new();
    let is_racing = |a: Op, b: Op| a.before(b) == Relation::Racing;
    for (b, event) in run.iter().enumerate() {
        let mut earlier = vec![0_u64; words];
        for (cause, through) in &causes[b] {
            if *through != Some(object) {
                earlier[cause / 64] |= 1 << (cause % 64);
                let theirs = &before[cause * words..(cause + 1) * words];
                for (mine, theirs) in earlier.iter_mut().zip(theirs) {
                    *mine |= theirs;
                }
            }
        }
        if let Some((other_op, other_on)) = event.operation()
            && other_on == object
        {
            for (a, seen) in run[..b].iter().enumerate() {
                if let Some((op, on)) = seen.operation()
                    && on == object
                    && seen.event.task != event.event.task
                    && is_racing(op, other_op)
                    && is_racing(other_op, op)
                    && earlier[a / 64] & (1 << (a % 64)) == 0
                {
                    pairs.push((a, b));
                }
            }
        }
        before.extend(earlier);
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

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
