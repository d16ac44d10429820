//! Every declared relation between kinds of operation, against what the operations do.
//!
//! Each family of operations is given a meaning on a small state. In every state that two tasks can
//! bring about, and for every pair of kinds: operations that are declared independent must reach
//! the same state with the same answers in both orders, and neither may let the other go on or keep
//! it waiting; and of a pair whose order is declared to carry information only, both must never be
//! possible at once. Operations that are declared to race are asked to tell their orders apart
//! somewhere, because a race that nobody can notice costs executions; the exceptions are listed.

use cutpoint_event::{Op, Relation};
use std::collections::BTreeSet;

/// A task's number, 0 or 1.
type Task = usize;
/// What an operation answers.
type Answer = u8;

/// What one object is like, whatever its family: two numbers for each task, and one of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    of_task: [[u8; 2]; 2],
    own: [u8; 1],
}

/// What an operation does: `None` if it has to wait, or is none that the task can make now.
type Meaning = fn(State, Task, Op) -> Option<(State, Answer)>;

/// A lock: who holds it shared, how often, and who holds it alone.
fn lock(mut state: State, task: Task, op: Op) -> Option<(State, Answer)> {
    let other = 1 - task;
    let [shares, alone] = state.of_task[task];
    let [other_shares, other_alone] = state.of_task[other];
    let (is_shareable, is_free) = (
        alone + other_alone == 0,
        alone + other_alone + shares + other_shares == 0,
    );
    let answer = match op {
        // Who waits for itself is another matter.
        Op::AcquireShared | Op::TryAcquireShared if alone > 0 || shares > 1 => return None,
        Op::AcquireExclusive | Op::TryAcquireExclusive if alone + shares > 0 => return None,
        Op::AcquireShared => is_shareable
            .then(|| state.of_task[task][0] += 1)
            .map(|()| 0)?,
        Op::AcquireExclusive => is_free.then(|| state.of_task[task][1] = 1).map(|()| 0)?,
        Op::TryAcquireShared => {
            state.of_task[task][0] += u8::from(is_shareable);
            u8::from(is_shareable)
        }
        Op::TryAcquireExclusive => {
            state.of_task[task][1] += u8::from(is_free);
            u8::from(is_free)
        }
        Op::ReleaseShared => {
            state.of_task[task][0] = shares.checked_sub(1)?;
            0
        }
        Op::ReleaseExclusive => {
            state.of_task[task][1] = alone.checked_sub(1)?;
            0
        }
        Op::Downgrade => {
            state.of_task[task] = [shares + 1, alone.checked_sub(1)?];
            0
        }
        _ => return None,
    };
    Some((state, answer))
}

/// A value of three bits. What a task stores is its own; merging sets the task's bit.
fn value(mut state: State, task: Task, op: Op) -> Option<(State, Answer)> {
    let before = state.own[0];
    state.own[0] = match op {
        Op::Load | Op::DeviceRead => return Some((state, before)),
        Op::Store | Op::DeviceWrite => 4 + task as u8,
        Op::Update => (before + 3 + task as u8) % 8,
        Op::Merge => before | 1 << task,
        _ => return None,
    };
    Some((state, if op == Op::Update { before } else { 0 }))
}

/// A flag that the first task raises and clears again.
fn flag(mut state: State, task: Task, op: Op) -> Option<(State, Answer)> {
    let raised = state.own[0];
    match (op, task, raised) {
        (Op::FlagRaise, 0, 0) => state.own[0] = 1,
        (Op::FlagClear, 0, 1) => state.own[0] = 0,
        (Op::FlagAwait, 1, 0) => {}
        (Op::Load, ..) => return Some((state, raised)),
        _ => return None,
    }
    Some((state, 0))
}

/// A count, from which a task takes what it added.
fn count(mut state: State, task: Task, op: Op) -> Option<(State, Answer)> {
    let own = state.of_task[task][0];
    let all = state.of_task[0][0] + state.of_task[1][0];
    match op {
        Op::CountUp if own < 2 => state.of_task[task][0] += 1,
        Op::CountDown => state.of_task[task][0] = own.checked_sub(1)?,
        Op::CountAwaitZero if all == 0 => {}
        Op::CountAwaitSome if all > 0 => {}
        Op::Load => return Some((state, all)),
        _ => return None,
    }
    Some((state, 0))
}

/// A gate: how often each task is inside, and who has closed it.
fn gate(mut state: State, task: Task, op: Op) -> Option<(State, Answer)> {
    let inside = state.of_task[0][0] + state.of_task[1][0];
    let [own, closed] = state.of_task[task];
    let is_closed = state.of_task[0][1] + state.of_task[1][1] > 0;
    match op {
        Op::GateEnter if !is_closed && own < 2 => state.of_task[task][0] += 1,
        Op::GateExit => state.of_task[task][0] = own.checked_sub(1)?,
        Op::GateClose if !is_closed && own == 0 => state.of_task[task][1] = 1,
        Op::GateDrain if closed == 1 && inside == 0 => {}
        Op::GateOpen if closed == 1 => state.of_task[task][1] = 0,
        _ => return None,
    }
    Some((state, 0))
}

/// The families, each with its kinds.
const FAMILIES: [(Meaning, &[Op]); 5] = [
    (
        lock,
        &[
            Op::AcquireShared,
            Op::AcquireExclusive,
            Op::ReleaseShared,
            Op::ReleaseExclusive,
            Op::Downgrade,
            Op::TryAcquireShared,
            Op::TryAcquireExclusive,
        ],
    ),
    (value, &[Op::Load, Op::Store, Op::Update, Op::Merge]),
    (value, &[Op::DeviceWrite, Op::DeviceRead]),
    (
        flag,
        &[Op::FlagRaise, Op::FlagClear, Op::FlagAwait, Op::Load],
    ),
    (
        count,
        &[
            Op::CountUp,
            Op::CountDown,
            Op::CountAwaitZero,
            Op::CountAwaitSome,
            Op::Load,
        ],
    ),
];

const GATE: (Meaning, &[Op]) = (
    gate,
    &[
        Op::GateEnter,
        Op::GateExit,
        Op::GateClose,
        Op::GateDrain,
        Op::GateOpen,
    ],
);

/// All states that two tasks can bring about.
fn states(meaning: Meaning, ops: &[Op]) -> BTreeSet<State> {
    let mut all = BTreeSet::from([State::default()]);
    let mut left = vec![State::default()];
    while let Some(state) = left.pop() {
        for (op, task) in ops.iter().flat_map(|op| [(*op, 0), (*op, 1)]) {
            if let Some((next, _)) = meaning(state, task, op)
                && all.insert(next)
            {
                left.push(next);
            }
        }
    }
    all
}

/// What one order of two operations comes to: the state, and the answers in the order of the tasks.
fn in_order(
    meaning: Meaning,
    state: State,
    first: (Task, Op),
    second: (Task, Op),
) -> Option<(State, [Answer; 2])> {
    let mut answers = [0; 2];
    let (state, answer) = meaning(state, first.0, first.1)?;
    answers[first.0] = answer;
    let (state, answer) = meaning(state, second.0, second.1)?;
    answers[second.0] = answer;
    Some((state, answers))
}

/// Checks a pair of kinds in every state. Answers whether their orders can be told apart.
fn check(meaning: Meaning, all: &BTreeSet<State>, a: Op, b: Op) -> bool {
    let (ab, ba) = (a.before(b), b.before(a));
    let mut differ = false;
    for (state, task) in all.iter().flat_map(|state| [(*state, 0), (*state, 1)]) {
        let (mine, theirs) = ((task, a), (1 - task, b));
        let can = |(task, op)| meaning(state, task, op).is_some();
        let orders = [
            in_order(meaning, state, mine, theirs),
            in_order(meaning, state, theirs, mine),
        ];
        let what = format!("{a:?} and {b:?} in {state:?} by task {task}: {orders:?}");
        if (ab, ba) == (Relation::Independent, Relation::Independent) {
            match (can(mine), can(theirs)) {
                (true, true) => assert!(orders[0].is_some() && orders[0] == orders[1], "{what}"),
                (true, false) => assert_eq!(orders[0], None, "{what}"),
                (false, true) => assert_eq!(orders[1], None, "{what}"),
                (false, false) => {}
            }
        }
        if ab == Relation::Ordered && ba != Relation::Racing {
            assert!(!(can(mine) && can(theirs)), "{what}");
        }
        let excludes = can(mine) && can(theirs) && orders[0].is_none();
        differ |= excludes || orders[0] != orders[1];
    }
    differ
}

/// Races that nobody can notice, or that the discipline of flags rules out. They cost executions
/// and hide nothing.
const CAUTIOUS: [&str; 4] = [
    "Downgrade TryAcquireExclusive",
    "FlagClear FlagRaise",
    "FlagRaise FlagClear",
    "TryAcquireExclusive Downgrade",
];

#[test]
fn what_is_declared_to_commute_does_and_what_is_not_does_not() {
    let (mut commuting, mut cautious) = (0, BTreeSet::new());
    for (meaning, ops) in FAMILIES.into_iter().chain([GATE]) {
        let all = states(meaning, ops);
        assert!(all.len() > 1, "nothing happens to the object: vacuous");
        for (a, b) in ops.iter().flat_map(|a| ops.iter().map(move |b| (*a, *b))) {
            let differ = check(meaning, &all, a, b);
            match a.before(b) {
                Relation::Racing if !differ => {
                    cautious.insert(format!("{a:?} {b:?}"));
                }
                Relation::Independent => commuting += u32::from(b.before(a) == a.before(b)),
                // An order that nobody needs costs nothing: the other one is not possible.
                _ => {}
            }
        }
    }
    assert_eq!(cautious.into_iter().collect::<Vec<String>>(), CAUTIOUS);
    assert!(commuting > 20, "only {commuting} pairs commute");
}

/// The kinds that no family has are of objects whose operations all depend on each other, or that
/// come in one order only.
#[test]
fn no_other_kinds_are_declared_to_commute() {
    let in_families: Vec<Op> = FAMILIES
        .into_iter()
        .chain([GATE])
        .flat_map(|(_, ops)| ops.iter().copied())
        .collect();
    let rest = Op::ALL.into_iter().filter(|op| !in_families.contains(op));
    let expected = [
        Op::Unannounced,
        Op::ConditionAwait,
        Op::ConditionNotify,
        Op::Park,
        Op::Unpark,
        Op::Spawn,
        Op::Begin,
        Op::Exit,
        Op::Join,
    ];
    assert_eq!(rest.collect::<Vec<Op>>(), expected);
    for pair in [
        [Op::Unannounced; 2],
        [Op::ConditionAwait, Op::ConditionNotify],
        [Op::Park, Op::Unpark],
    ] {
        for (a, b) in pair.iter().flat_map(|a| pair.map(|b| (*a, b))) {
            assert_eq!(a.before(b), Relation::Racing, "{a:?} {b:?}");
        }
    }
    assert_eq!(Op::Spawn.before(Op::Begin), Relation::Ordered);
    assert_eq!(Op::Exit.before(Op::Join), Relation::Ordered);
}
