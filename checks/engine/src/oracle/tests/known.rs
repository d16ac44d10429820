//! Histories known to be linearizable or not, and what a power cut may leave of them.

use super::brute::{Call, Pushes, Queue};
use crate::oracle::{History, linearize, recoverable};
use std::collections::{BTreeSet, VecDeque};

/// A history from events: who, and what they begin or get.
fn history(events: &[(&str, Event)]) -> Pushes {
    let mut history = History::new();
    for &(task, event) in events {
        let newest = history.calls().iter().rposition(|call| call.task == task);
        match (event, newest) {
            (Event::Begins(call), _) => drop(history.invoke(task, call)),
            (Event::Gets(value), Some(id)) => history.returned(id, value),
            (Event::Durable, Some(id)) => history.acknowledged(id),
            (_, None) => panic!("{task} has made no call"),
        }
    }
    history
}

#[derive(Clone, Copy)]
enum Event {
    Begins(Call),
    Gets(Option<u8>),
    Durable,
}

use Call::{Pop, Push};
use Event::{Begins, Durable, Gets};

#[test]
fn an_item_popped_twice_is_not_linearizable() {
    let history = history(&[
        ("a", Begins(Push(1))),
        ("a", Gets(None)),
        ("b", Begins(Pop)),
        ("c", Begins(Pop)),
        ("c", Gets(Some(1))),
        ("b", Gets(Some(1))),
        ("a", Begins(Pop)),
    ]);
    let error = linearize(&Queue, &history).expect_err("one item, two pops");
    assert_eq!(error.culprit, 1, "the pop that returned last");
    assert_eq!(
        error.to_string(),
        "no order of the calls explains b: Pop returned Some(1) (2 to 5) among: \
         a: Push(1) returned None (0 to 1); b: Pop returned Some(1) (2 to 5); \
         c: Pop returned Some(1) (3 to 4)"
    );
}

#[test]
fn real_time_is_kept() {
    // Each pop by itself is right, but 2 was pushed after the push of 1 had returned.
    let sequential = history(&[
        ("a", Begins(Push(1))),
        ("a", Gets(None)),
        ("b", Begins(Push(2))),
        ("b", Gets(None)),
        ("a", Begins(Pop)),
        ("a", Gets(Some(2))),
    ]);
    assert!(linearize(&Queue, &sequential).is_err());
    let overlapping = history(&[
        ("a", Begins(Push(1))),
        ("b", Begins(Push(2))),
        ("a", Gets(None)),
        ("b", Gets(None)),
        ("a", Begins(Pop)),
        ("a", Gets(Some(2))),
    ]);
    assert_eq!(linearize(&Queue, &overlapping), Ok(vec![1, 0, 2]));
}

#[test]
fn a_call_that_did_not_return_may_have_taken_effect() {
    let seen = history(&[
        ("a", Begins(Push(1))),
        ("b", Begins(Pop)),
        ("b", Gets(Some(1))),
    ]);
    assert_eq!(linearize(&Queue, &seen), Ok(vec![0, 1]));
    let unseen = history(&[
        ("a", Begins(Push(1))),
        ("b", Begins(Pop)),
        ("b", Gets(None)),
    ]);
    assert_eq!(linearize(&Queue, &unseen), Ok(vec![1]));
}

fn states(states: &[&[u8]]) -> BTreeSet<VecDeque<u8>> {
    let queue = |items: &&[u8]| items.iter().copied().collect();
    states.iter().map(queue).collect()
}

#[test]
fn what_is_acknowledged_must_survive_and_the_rest_may() {
    let history = history(&[
        ("a", Begins(Push(1))),
        ("a", Gets(None)),
        ("a", Durable),
        ("a", Begins(Push(2))),
        ("a", Gets(None)),
        ("b", Begins(Push(3))),
    ]);
    // 3 may be in front of 2 only if it overlapped with it.
    let allowed = states(&[&[1], &[1, 2], &[1, 2, 3]]);
    assert_eq!(recoverable(&Queue, &history), allowed);
}

#[test]
fn what_survives_is_a_prefix() {
    let history = history(&[
        ("a", Begins(Push(1))),
        ("a", Gets(None)),
        ("a", Begins(Push(2))),
        ("a", Gets(None)),
        ("a", Durable),
    ]);
    // Only the second push was acknowledged, but it takes the first one with it.
    assert_eq!(recoverable(&Queue, &history), states(&[&[1, 2]]));
}

#[test]
fn a_return_that_was_seen_binds_the_order() {
    // Both pushes overlap, and nobody was promised anything; but a pop got 1, so 1 came first.
    let history = history(&[
        ("a", Begins(Push(1))),
        ("b", Begins(Push(2))),
        ("a", Gets(None)),
        ("b", Gets(None)),
        ("a", Begins(Pop)),
        ("a", Gets(Some(1))),
    ]);
    let allowed = states(&[&[], &[1], &[1, 2], &[2]]);
    assert_eq!(recoverable(&Queue, &history), allowed);
}

#[test]
fn more_calls_than_a_word_has_bits_are_searched() {
    let mut history = History::new();
    for number in 0..100 {
        let push = history.invoke("a", Push(number));
        history.returned(push, None);
    }
    for number in 0..100 {
        let pop = history.invoke("a", Pop);
        history.returned(pop, Some(number));
    }
    assert_eq!(
        linearize(&Queue, &history).map(|order| order.len()),
        Ok(200)
    );
    let pop = history.invoke("a", Pop);
    history.returned(pop, Some(0));
    assert_eq!(linearize(&Queue, &history).expect_err("empty").culprit, 200);
}
