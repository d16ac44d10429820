//! Edge tours: executions of the code take every edge of a race's model that they can take.
//!
//! Each count is exact: exploration, the tour and the models are deterministic. The reasons why the
//! other edges are not taken are tables of the projections, and each table is held to what was seen
//! from both sides: an edge without a reason, a reason without an edge, and a reason that holds of
//! an edge which was taken are faults.

use cutpoint_suite::conformance::automaton::Item;
use cutpoint_suite::conformance::cover::{COVERED, Covered, cover};
use cutpoint_suite::conformance::edges::{Coverage, Reason};
use cutpoint_suite::conformance::graph::Graph;
use cutpoint_suite::conformance::short_write_punch;
use std::collections::BTreeSet;

/// What of a coverage is asserted.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    states: u64,
    visited: u64,
    edges: u64,
    /// Edges taken by the exploration, and by the tour.
    taken: (u64, u64),
    /// Edges not taken: for each reason; passed within a turn; behind these.
    reasons: Vec<u64>,
    passed: u64,
    behind: u64,
}

fn counts(covered: &Covered) -> Counts {
    let coverage = &covered.coverage;
    Counts {
        states: coverage.states,
        visited: coverage.visited,
        edges: coverage.edges,
        taken: (
            covered.by_exploration,
            coverage.taken - covered.by_exploration,
        ),
        reasons: coverage.reasons.iter().map(|(_, number)| *number).collect(),
        passed: coverage.passed,
        behind: coverage.behind,
    }
}

/// Explores and tours everything.
fn covered(model: &str) -> Covered {
    let covered = cover(model, None, &mut |_| ());
    let covered = covered.expect("it has a projection");
    let covered = covered.unwrap_or_else(|found| panic!("{model}: {found:?}"));
    assert!(covered.is_complete, "{model}");
    let coverage = &covered.coverage;
    let reasons: u64 = coverage.reasons.iter().map(|(_, number)| number).sum();
    let unexplained: u64 = coverage.unexplained.values().sum();
    let not_taken = reasons + unexplained + coverage.passed + coverage.behind;
    assert_eq!(coverage.taken + not_taken, coverage.edges, "{model}");
    covered
}

/// Every edge is taken or has a reason.
fn assert_explained(covered: &Covered) {
    assert_eq!(covered.coverage.faults(), Vec::<String>::new());
}

#[test]
fn the_direct_write_takes_what_it_can_of_its_model() {
    let covered = covered("dio_extension");
    assert_explained(&covered);
    let expected = Counts {
        states: 1_522,
        visited: 1_286,
        edges: 2_659,
        taken: (1_326, 766),
        reasons: vec![9, 34, 12, 1, 18, 6],
        passed: 58,
        behind: 429,
    };
    assert_eq!(counts(&covered), expected);
}

#[test]
fn the_short_write_takes_what_it_can_of_its_model() {
    let covered = covered("short_write_punch");
    assert_explained(&covered);
    let expected = Counts {
        states: 1_170,
        visited: 568,
        edges: 1_905,
        taken: (642, 86),
        reasons: vec![28, 12, 33, 71, 11, 1],
        passed: 84,
        behind: 937,
    };
    assert_eq!(counts(&covered), expected);
}

#[test]
fn the_truncate_takes_what_it_can_of_its_model() {
    let covered = covered("writeback_truncate");
    assert_explained(&covered);
    let expected = Counts {
        states: 16_038,
        visited: 5_187,
        edges: 38_263,
        taken: (6_080, 3_345),
        reasons: vec![398, 24, 28, 4, 101, 33, 70, 100, 30, 14, 8, 33],
        passed: 668,
        behind: 27_327,
    };
    assert_eq!(counts(&covered), expected);
}

/// The three faults of a table are seen, with one edge taken and another to be explained.
#[test]
fn a_wrong_table_of_reasons_is_noticed() {
    let races = short_write_punch::Races::new();
    let graph = Graph::of(&races);
    let begins = graph.reached_by(&|_| false);
    let (_, taken) = graph
        .all()
        .find(|(_, edge)| begins.contains(&edge.0))
        .unwrap();
    let done = BTreeSet::from([Item::Edge(taken), Item::Rest(taken.0)]);
    let faults = |holds| {
        let what = "of this test";
        Coverage::of(&graph, &done, &[Reason { what, holds }]).faults()
    };
    let always = faults(|_, _| true);
    assert!(
        always
            .iter()
            .any(|fault| fault.starts_with("taken in spite of it, 1 times"))
    );
    let never = faults(|_, _| false);
    assert!(
        never
            .iter()
            .any(|fault| fault.starts_with("not taken, without a reason"))
    );
    assert!(
        never
            .iter()
            .any(|fault| fault.starts_with("the reason for no edge"))
    );
}

/// Models without a projection have no coverage.
#[test]
fn only_models_of_races_are_covered() {
    let others = cutpoint_model::specs::SPECS.iter().map(|spec| spec.name);
    let others = others.filter(|name| COVERED.iter().all(|(covered, _)| covered != name));
    for name in others {
        assert!(cover(name, Some(1), &mut |_| ()).is_none(), "{name}");
    }
}
