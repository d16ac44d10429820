//! Clocks and trace hashes against their definitions, on random logs.

use cutpoint::clock::clocks_of;
use cutpoint::trace_hash::trace_hash;
use cutpoint_event::{Args, Class, Event, Key, Log, ObjectId, ObjectName, Op, TaskId, What};
use std::collections::{BTreeMap, BTreeSet};

static THING: Class = Class::new("thing");

/// A generator of numbers, the same on every machine (Steele, Lea and Flood's SplitMix, 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn log(events: Vec<Event>) -> Log {
    let name = |key| ObjectName {
        class: &THING,
        key: Key::One(key),
        generation: 0,
    };
    Log {
        events,
        objects: (0..3).map(name).collect(),
        ..Log::default()
    }
}

fn event(numbers: &mut Numbers, tasks: u64, ops: &[Op]) -> Event {
    let object = ObjectId(numbers.next(3) as u32);
    let op = ops[numbers.next(ops.len() as u64) as usize];
    let what = match numbers.next(5) {
        0 => What::Step {
            name: "step",
            args: Args::default(),
        },
        _ => What::Op { op, object },
    };
    Event {
        task: TaskId(numbers.next(tasks) as u16),
        what,
    }
}

/// Whether the earlier of two events is directly before the later: same task, or related
/// operations.
fn directly_before(earlier: &Event, later: &Event) -> bool {
    earlier.task == later.task
        || match (&earlier.what, &later.what) {
            (What::Op { op: a, object: x }, What::Op { op: b, object: y }) => {
                x == y && b.predecessors() & (1 << *a as usize) != 0
            }
            _ => false,
        }
}

/// Happens-before by its definition: the transitive closure.
fn closure(events: &[Event]) -> Vec<Vec<bool>> {
    let n = events.len();
    let mut before = vec![vec![false; n]; n];
    for b in 0..n {
        for a in (0..b).rev() {
            before[a][b] = directly_before(&events[a], &events[b])
                || (a + 1..b).any(|m| before[a][m] && before[m][b]);
        }
    }
    before
}

#[test]
fn clocks_are_the_transitive_closure() {
    let mut numbers = Numbers(3);
    let mut ordered = 0;
    for _ in 0..300 {
        let tasks = 1 + numbers.next(9);
        let length = numbers.next(40);
        let events: Vec<Event> = (0..length)
            .map(|_| event(&mut numbers, tasks, &Op::ALL))
            .collect();
        let before = closure(&events);
        let clocks = clocks_of(&log(events.clone()));
        for a in 0..events.len() {
            for b in 0..events.len() {
                assert_eq!(
                    clocks.happens_before(a, b),
                    before[a][b],
                    "{a} {b} {events:?}"
                );
                ordered += usize::from(before[a][b] && events[a].task != events[b].task);
            }
        }
    }
    assert!(ordered > 1_000, "hardly anything is ordered: vacuous");
}

/// The partial order of a log as a value: per task its operations, and which are before which.
fn order(events: &[Event]) -> String {
    let ops: Vec<&Event> = events
        .iter()
        .filter(|event| matches!(event.what, What::Op { .. }))
        .collect();
    let mut counts = BTreeMap::new();
    let names: Vec<(TaskId, u32)> = ops
        .iter()
        .map(|event| {
            let count = counts.entry(event.task).or_insert(0);
            *count += 1;
            (event.task, *count)
        })
        .collect();
    let mut edges = BTreeSet::new();
    for b in 0..ops.len() {
        edges.insert(format!("{:?} {:?}", names[b], ops[b].what));
        for a in 0..b {
            if directly_before(ops[a], ops[b]) {
                edges.insert(format!("{:?} {:?}", names[a], names[b]));
            }
        }
    }
    format!("{edges:?}")
}

#[test]
fn hashes_are_equal_exactly_for_equal_partial_orders() {
    // Few kinds that relate in every way, so that equal orders and unequal ones both occur.
    let ops = [
        Op::Load,
        Op::Store,
        Op::Merge,
        Op::AcquireShared,
        Op::ReleaseShared,
    ];
    let mut numbers = Numbers(5);
    let mut by_order = BTreeMap::new();
    let mut by_hash = BTreeMap::new();
    let mut logs = 0_usize;
    for _ in 0..400 {
        let mut events: Vec<Event> = (0..5).map(|_| event(&mut numbers, 3, &ops)).collect();
        for _ in 0..60 {
            // Another linear order of the same events, task by task.
            let a = numbers.next(4) as usize;
            if events[a].task != events[a + 1].task {
                events.swap(a, a + 1);
            }
            let (order, hash) = (order(&events), trace_hash(&log(events.clone())));
            assert_eq!(
                *by_order.entry(order.clone()).or_insert(hash),
                hash,
                "{order}"
            );
            assert_eq!(by_hash.entry(hash).or_insert(order.clone()), &order);
            logs += 1;
        }
    }
    let (distinct, logs) = (by_hash.len(), logs);
    assert!(
        distinct > 100 && logs > 4 * distinct,
        "{distinct} of {logs}"
    );
}
