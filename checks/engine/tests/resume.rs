//! Searches that are left and gone on with: as if they had never been left.

mod common;

use common::{Body, mix};
use cutpoint::differential::{Numbers, Program, body as body_of};
use cutpoint::explore::dpor;
use cutpoint::explore::{Execution, Explored, Options, SearchState, Shard, StoppedBy};
use cutpoint::trace_hash::TraceHasher;
use std::ops::ControlFlow;
use std::sync::Arc;

const PROGRAMS: u64 = 150;
const INTERLEAVINGS_MAX: f64 = 1_000.0;

/// The traces of a search in their order, and what it says of itself.
struct Searched {
    explored: Explored,
    traces: Vec<u128>,
}

/// Searches from a state on, until there were so many executions. Answers the state then, as it
/// would be read from a file.
fn search(
    start: Option<SearchState>,
    executions: Option<u64>,
    shard: Shard,
    body: &Body,
    traces: &mut Vec<u128>,
) -> (Explored, Option<SearchState>) {
    let options = Options {
        executions,
        count_traces: true,
        shard,
        ..Options::default()
    };
    let body = body.clone();
    let mut hasher = TraceHasher::default();
    let mut observe = |execution: &Execution<'_>| {
        traces.push(hasher.hash(execution.log));
        ControlFlow::Continue(())
    };
    let mut last = None;
    let mut keep = |state: &dyn Fn() -> SearchState, is_last: bool| {
        if is_last {
            last = Some(serde_json::to_string(&state()).unwrap());
        }
    };
    let body = move || body();
    let explored = dpor::explore_kept(start, &options, body, &mut observe, &mut keep).unwrap();
    (
        explored,
        last.map(|text| serde_json::from_str(&text).unwrap()),
    )
}

/// Searches without a stop.
fn whole(shard: Shard, body: &Body) -> Searched {
    let mut traces = Vec::new();
    let (explored, _) = search(None, None, shard, body, &mut traces);
    Searched { explored, traces }
}

/// Searches in pieces of so many executions.
fn in_pieces(piece: u64, shard: Shard, body: &Body) -> Searched {
    let mut traces = Vec::new();
    let (mut state, mut executions) = (None, 0);
    loop {
        executions += piece;
        let (explored, next) = search(state, Some(executions), shard, body, &mut traces);
        if explored.stopped_by != StoppedBy::Executions {
            return Searched { explored, traces };
        }
        state = next;
        assert!(state.is_some(), "a search that found nothing has a state");
    }
}

fn assert_same(a: &Searched, b: &Searched, what: &dyn std::fmt::Debug) {
    assert_eq!(a.traces, b.traces, "{what:#?}");
    let counts = |of: &Explored| {
        (
            of.executions,
            of.sleep_blocked,
            of.traces_distinct,
            of.steps,
            of.complete,
        )
    };
    assert_eq!(counts(&a.explored), counts(&b.explored), "{what:#?}");
    let findings = |of: &Explored| of.finding.as_ref().map(|found| found.findings.clone());
    assert_eq!(findings(&a.explored), findings(&b.explored), "{what:#?}");
}

#[test]
fn generated_programs_go_on_where_they_were_left() {
    let mut numbers = Numbers(3);
    let part = Shard::new(2, 3).unwrap();
    for number in 0..PROGRAMS {
        let program = Program::generate(&mut numbers, INTERLEAVINGS_MAX);
        let body: Body = body_of(&program);
        for shard in [Shard::WHOLE, part] {
            let pieces = in_pieces(1 + number % 7, shard, &body);
            assert_same(&whole(shard, &body), &pieces, &program);
        }
    }
}

#[test]
fn a_search_may_be_left_after_every_execution() {
    let body: Body = Arc::new(mix(3, 4));
    let pieces = in_pieces(1, Shard::WHOLE, &body);
    assert_eq!(pieces.traces.len(), 354);
    assert_same(&whole(Shard::WHOLE, &body), &pieces, &"a mix of locks");
}

#[test]
fn what_is_over_stays_over() {
    let body: Body = Arc::new(mix(2, 3));
    let mut traces = Vec::new();
    let (first, state) = search(None, None, Shard::WHOLE, &body, &mut traces);
    let seen = traces.len();
    let (again, _) = search(state, None, Shard::WHOLE, &body, &mut traces);
    assert_eq!(traces.len(), seen, "nothing is explored again");
    assert_eq!(first.executions, again.executions);
    assert!(again.complete);
}

/// A state that was tampered with is refused, or the search notices; nothing panics.
#[test]
fn no_state_makes_a_search_panic() {
    let body: Body = Arc::new(mix(2, 4));
    let (_, state) = search(None, Some(5), Shard::WHOLE, &body, &mut Vec::new());
    let text = serde_json::to_string(&state.unwrap()).unwrap();
    let digits: Vec<usize> = (0..text.len())
        .filter(|at| text.as_bytes()[*at].is_ascii_digit())
        .collect();
    let mut read = 0;
    for at in digits.into_iter().step_by(3) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'9' { b'1' } else { b'9' };
        let Ok(state) = serde_json::from_slice::<SearchState>(&bytes) else {
            continue;
        };
        read += 1;
        let options = Options {
            executions: Some(60),
            ..Options::default()
        };
        let body = body.clone();
        let mut observe = |_: &Execution<'_>| ControlFlow::Continue(());
        let mut keep = |_: &dyn Fn() -> SearchState, _| ();
        // Whatever it answers, it answers.
        let _ = dpor::explore_kept(
            Some(state),
            &options,
            move || body(),
            &mut observe,
            &mut keep,
        );
    }
    assert!(read > 0, "every change was refused: vacuous");
}
