//! The search against the definitions, on generated histories.

use super::brute::{self, Bag, Call, Pushes, Queue};
use crate::oracle::{History, Specification, linearize, recoverable};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::cell::Cell;

const CASES: u32 = 1000;
/// The brute force is factorial in the calls.
const CALLS_MAX: usize = 6;
const TASKS: usize = 3;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// What a task of a generated history does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Invoke(Call),
    Return(Option<u8>),
    /// Return what the object would, had every call taken effect when it was invoked.
    ReturnRight,
    Acknowledge,
    /// The call under way fails; the task goes on.
    Fail,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..4u8).prop_map(|item| Act::Invoke(Call::Push(item))),
        3 => Just(Act::Invoke(Call::Pop)),
        4 => Just(Act::ReturnRight),
        3 => prop::option::of(1..4u8).prop_map(Act::Return),
        1 => Just(Act::Acknowledge),
        1 => Just(Act::Fail),
    ]
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    prop::collection::vec((0..TASKS, act()), 4..20)
}

fn history(acts: &[(usize, Act)]) -> Pushes {
    let mut history = History::new();
    let mut under_way = [None; TASKS];
    let mut newest = [None; TASKS];
    let mut items = Queue.initial();
    for &(task, act) in acts {
        match (act, under_way[task]) {
            (Act::Invoke(call), None) if history.calls().len() < CALLS_MAX => {
                let id = history.invoke(format!("task {task}"), call);
                under_way[task] = Some((id, Queue.apply(&mut items, &call)));
                newest[task] = Some(id);
            }
            (Act::Return(value), Some((id, _))) | (Act::ReturnRight, Some((id, value))) => {
                history.returned(id, value);
                under_way[task] = None;
            }
            (Act::Fail, Some(_)) => (under_way[task], newest[task]) = (None, None),
            (Act::Acknowledge, None) => {
                if let Some(id) = newest[task] {
                    history.acknowledged(id);
                }
            }
            _ => {}
        }
    }
    history
}

fn agrees<S>(spec: &S, history: &Pushes) -> Result<bool, TestCaseError>
where
    S: Specification<Call = Call, Return = Option<u8>>,
{
    let found = linearize(spec, history);
    prop_assert_eq!(found.is_ok(), brute::is_linearizable(spec, history));
    match &found {
        Ok(order) => prop_assert!(brute::explains(spec, history, order), "{:?}", order),
        Err(error) => {
            // Up to the culprit's return there is an order, and with it there is none.
            let at = history.calls()[error.culprit]
                .returned_at
                .expect("it returned");
            prop_assert!(brute::is_linearizable(
                spec,
                &history.restricted(|e| e < at)
            ));
            prop_assert!(!brute::is_linearizable(
                spec,
                &history.restricted(|e| e <= at)
            ));
        }
    }
    prop_assert_eq!(
        recoverable(spec, history),
        brute::recoverable(spec, history)
    );
    Ok(found.is_ok())
}

#[test]
fn the_search_finds_what_all_permutations_do() {
    let (right, wrong) = (Cell::new(0u32), Cell::new(0u32));
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let result = runner.run(&acts(), |acts| {
        let history = history(&acts);
        let count = match agrees(&Queue, &history)? {
            true => &right,
            false => &wrong,
        };
        count.set(count.get() + 1);
        agrees(&Bag, &history)?;
        Ok(())
    });
    result.expect("they agree");
    // Both kinds of history were seen, or the agreement says little.
    assert!(
        right.get() > CASES / 5 && wrong.get() > CASES / 5,
        "{right:?} {wrong:?}"
    );
}
