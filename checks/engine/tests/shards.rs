//! Parts of a search: together they see what the whole sees, and no trace twice.

mod common;

use common::{Body, Explorer, mix, mutex, traces_of};
use cutpoint::differential::{Numbers, Program, body as body_of};
use cutpoint::explore::dpor::{self, Mistake};
use cutpoint::explore::{Execution, Explored, Options, Shard};
use cutpoint::trace_hash::TraceHasher;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

const PROGRAMS: u64 = 250;
const INTERLEAVINGS_MAX: f64 = 1_000.0;

/// What one part of the search sees, expecting no trace twice, unless plain shuttle types make it
/// run every order of turns.
fn part(shard: Shard, body: &Body, plain_types: bool) -> (Explored, BTreeSet<u128>) {
    let mut traces = BTreeSet::new();
    let mut hasher = TraceHasher::default();
    let options = Options {
        past_findings: true,
        shard,
        plain_types,
        ..Options::default()
    };
    let body = body.clone();
    let mut observe = |execution: &Execution<'_>| {
        let is_new = traces.insert(hasher.hash(execution.log));
        assert!(
            is_new || plain_types,
            "a trace is explored twice in part {shard}"
        );
        ControlFlow::Continue(())
    };
    let explored = dpor::explore(&options, move || body(), &mut observe);
    (explored, traces)
}

/// Explores in `of` parts, expecting `all` of the traces and none in two parts. Answers the number
/// of executions of each part.
fn parts(
    of: u32,
    body: &Body,
    (whole, all): &(Explored, BTreeSet<u128>),
    what: &dyn std::fmt::Debug,
) -> Vec<u64> {
    let plain_types = whole.plain_types;
    let mut union = BTreeSet::new();
    let mut executions = Vec::new();
    for index in 1..=of {
        let (explored, traces) = part(Shard::new(index, of).unwrap(), body, plain_types);
        assert_eq!(explored.traces_distinct, Some(traces.len() as u64));
        for trace in traces {
            assert!(
                union.insert(trace) || plain_types,
                "in two of {of} parts: {what:#?}"
            );
        }
        executions.push(explored.executions);
    }
    let missing = all.difference(&union).count();
    let invented = union.difference(all).count();
    assert_eq!((missing, invented), (0, 0), "{of} parts: {what:#?}");
    executions
}

#[test]
fn the_parts_of_generated_programs_are_the_whole_and_disjoint() {
    let mut numbers = Numbers(2);
    let mut plain = 0;
    for _ in 0..PROGRAMS {
        let program = Program::generate(&mut numbers, INTERLEAVINGS_MAX);
        let body: Body = body_of(&program);
        let whole = traces_of(Explorer::Dpor(Mistake::None), &body);
        assert!(whole.0.complete);
        plain += u64::from(whole.0.plain_types);
        for of in [1, 2, 3, 5] {
            parts(of, &body, &whole, &program);
        }
    }
    assert!(plain > 0, "no program uses plain types");
}

#[test]
fn every_part_has_its_share() {
    for body in [Arc::new(mutex(3, 3)) as Body, Arc::new(mix(3, 5))] {
        let whole = traces_of(Explorer::Dpor(Mistake::None), &body);
        let all = whole.0.executions;
        for of in [2, 3, 5] {
            let executions = parts(of, &body, &whole, &"a mix of locks");
            let most = executions.iter().max().unwrap();
            println!("{all} in {of}: {executions:?}");
            assert!(most * u64::from(of) * 100 <= all * 250, "{executions:?}");
        }
    }
}
