//! The scenarios under DPOR: the correct protocol holds, exhaustively, and every variant is caught.

use cutpoint::crash::CutMode;
use cutpoint_suite::catalogue::{Catalogue, InDesign};
use cutpoint_suite::check::check;
use cutpoint_suite::reach;
use cutpoint_suite::replay::replay;
use cutpoint_suite::report::{Replayed, Report, Verdict};
use cutpoint_suite::request::{Design, Request};

const SCENARIO: &str = "writeback_vs_truncate";

fn run(scenario: &str, variant: Option<&str>) -> Report {
    check(&Request::new(scenario, variant), &mut |_| ()).unwrap()
}

/// More preemptions than any variant takes.
const PREEMPTIONS_MAX: usize = 4;

#[test]
fn the_correct_protocol_is_exhausted_and_reaches_the_races() {
    for (name, scenario) in &Catalogue::get().scenarios {
        for (design, expected) in scenario.designs() {
            // What takes minutes is exhausted by the full gate.
            if expected.quick_preemptions.is_none() {
                exhausts(name, design, expected);
            }
        }
    }
}

fn exhausts(scenario: &str, design: Design, expected: &InDesign) {
    let traces = expected.traces;
    let request = Request {
        design,
        ..Request::new(scenario, None)
    };
    let report = check(&request, &mut |_| ()).unwrap();
    assert!(
        matches!(report.verdict, Verdict::Exhausted),
        "{scenario}, {design}: {:?}",
        report.verdict
    );
    assert!(
        report.lock_edges > report.lock_classes,
        "the order of locks is measured: a cycle in it would have been the verdict"
    );
    assert_eq!(report.traces_distinct, traces, "{scenario}, {design}");
    assert!(
        report.executions * 100 <= traces * 105,
        "{scenario}: {} executions",
        report.executions
    );
    for state in &expected.reaches {
        assert!(
            report.reached.get(state.as_str()).is_some_and(|n| *n > 0),
            "{scenario}: {state}"
        );
    }
    assert!(report.crash.crash_states_covered > u128::from(report.crash.recoveries_run));
    let judged = report.e2fsck.judged + report.e2fsck.cached + report.e2fsck.not_measured;
    assert_eq!(
        judged, report.crash.recoveries_run,
        "e2fsck is asked about every recovery"
    );
}

#[test]
fn every_variant_violates_what_is_expected_with_the_fewest_preemptions() {
    for (name, variant) in &Catalogue::get().variants {
        // A cycle in the order of locks belongs to no execution: it is what the search found within
        // its bound, if it found nothing else.
        let is_cycle = variant.invariant == "I34";
        let most = match is_cycle {
            true => variant.preemptions as usize,
            false => PREEMPTIONS_MAX,
        };
        let request = Request {
            preemptions: Some(most),
            ..Request::new(&variant.scenario, Some(name))
        };
        let report = check(&request, &mut |_| ()).unwrap();
        let Verdict::Violated(trace) = report.verdict else {
            panic!("{name} was missed");
        };
        assert_eq!(trace.violation.invariant, variant.invariant, "{name}");
        assert_eq!(trace.crash.is_some(), variant.needs_crash, "{name}");
        let preemptions = (!is_cycle).then_some(variant.preemptions);
        assert_eq!(report.preemptions, preemptions, "{name}");
        trace.validate().unwrap();
    }
}

#[test]
fn the_unlocked_lookup_is_the_race_of_the_mail() {
    let Verdict::Violated(trace) = run(SCENARIO, Some("wb_lookup_unlocked")).verdict else {
        panic!("missed");
    };
    let text = cutpoint_traces::view::text::render(&trace, &Default::default()).unwrap();
    let steps = [
        "look up [0,3) delayed",
        "remove extents [1,3) reservations released=2",
        "allocate [0,3) blocks=3",
        "claim reserved blocks=1 of=3",
    ];
    let mut rest = text.as_str();
    for step in steps {
        let at = rest
            .find(step)
            .unwrap_or_else(|| panic!("no '{step}' in its place:\n{text}"));
        rest = &rest[at..];
    }
    assert_eq!(
        trace.violation.observed,
        "quota used = 1: 2 blocks are stale"
    );
}

/// Without power cuts nothing goes wrong in any execution; but that the journal reads what the next
/// transaction changes, in no order, shows.
#[test]
fn a_buffer_that_is_logged_as_it_is_now_is_a_data_race() {
    let request = Request {
        crash: CutMode::Off,
        preemptions: Some(0),
        ..Request::new(SCENARIO, Some("frozen_copy_missing"))
    };
    let Verdict::Violated(trace) = check(&request, &mut |_| ()).unwrap().verdict else {
        panic!("missed");
    };
    assert_eq!(trace.violation.invariant, "I35");
    let observed = &trace.violation.observed;
    let is_of_the_commit = observed.contains("'journal' reads") && observed.contains("of buffer");
    assert!(is_of_the_commit, "{observed}");
    assert!(trace.crash.is_none());
    let again = replay(&trace, None).unwrap();
    assert!(matches!(again, Replayed::Reproduces { .. }), "{again:?}");
}

#[test]
fn a_second_run_counts_the_same() {
    let count = |report: Report| {
        (
            report.executions,
            report.traces_distinct,
            report.crash,
            report.reached,
        )
    };
    let variant = Some("map_without_cookie");
    assert_eq!(count(run(SCENARIO, variant)), count(run(SCENARIO, variant)));
}

#[test]
fn what_is_reached_is_named_in_the_manifest() {
    let im = Catalogue::get().scenarios[SCENARIO].in_design(Design::Im);
    let reaches = &im.unwrap().reaches;
    assert!(reaches.iter().any(|name| name == reach::CUT_LOOKED_UP));
}

/// Traces within one preemption, by the search that begins with the fewest.
const TRACES_WITHIN_ONE: u64 = 307;

#[test]
fn one_preemption_is_covered_completely_and_enough_for_some_variants() {
    let within_one = |variant| {
        let request = Request {
            preemptions: Some(1),
            ..Request::new(SCENARIO, variant)
        };
        check(&request, &mut |_| ()).unwrap()
    };
    let correct = within_one(None);
    let Verdict::WithinBounds(why) = &correct.verdict else {
        panic!("{:?}", correct.verdict);
    };
    assert_eq!(why, "at most 1 preemption, complete for this bound");
    assert_eq!(correct.traces_distinct, TRACES_WITHIN_ONE);
    assert_eq!(correct.preemptions_covered, Some(1));
    for (variant, preemptions) in [("truncate_without_orphan", 0), ("map_without_cookie", 1)] {
        let report = within_one(Some(variant));
        assert!(matches!(report.verdict, Verdict::Violated(_)), "{variant}");
        assert_eq!(report.preemptions, Some(preemptions), "{variant}");
    }
}
