//! Scenarios and variants in one design and the other: the correct protocol holds in both.
//!
//! `CUTPOINT_NIGHTLY=1` exhausts it; otherwise the search ends early, but not before the race that
//! it has found once: the size on disk used to be raised after the folios had been unlocked, and by
//! then a truncate and another write may have put delayed blocks below it.

use cutpoint_suite::catalogue::Catalogue;
use cutpoint_suite::check::check;
use cutpoint_suite::report::Verdict;
use cutpoint_suite::request::{Design, Request};

const SCENARIO: &str = "writeback_vs_truncate";

/// Executions that are enough to find the race: it took 17,193.
const EXECUTIONS: u64 = 20_000;

#[test]
fn writeback_against_truncate_holds_in_the_bh_design() {
    let scenario = &Catalogue::get().scenarios[SCENARIO];
    let expected = scenario.in_design(Design::Bh).unwrap();
    let nightly = std::env::var("CUTPOINT_NIGHTLY").is_ok_and(|value| value == "1");
    let request = Request {
        design: Design::Bh,
        executions: (!nightly).then_some(EXECUTIONS),
        ..Request::new(SCENARIO, None)
    };
    let report = check(&request, &mut |_| ()).unwrap();
    match report.verdict {
        Verdict::Exhausted => assert_eq!(report.traces_distinct, expected.traces),
        Verdict::WithinBounds(_) => assert_eq!(report.executions, EXECUTIONS),
        Verdict::Violated(trace) => panic!("{:?}", trace.violation),
        other => panic!("{}", other.name()),
    }
    for state in &expected.reaches {
        assert!(
            report.reached.get(state.as_str()).is_some_and(|n| *n > 0),
            "{state}"
        );
    }
    assert!(report.lock_edges > report.lock_classes);
}

#[test]
fn a_variant_can_be_tried_where_its_step_is_never_taken() {
    let request = Request {
        design: Design::Bh,
        executions: Some(50),
        ..Request::new(SCENARIO, Some("wb_lookup_unlocked"))
    };
    let report = check(&request, &mut |_| ()).unwrap();
    assert!(matches!(report.verdict, Verdict::WithinBounds(_)));
    // A variant of another scenario, too: every block of the log comes before the commit block.
    let request = Request::new("truncate_and_reuse", Some("commit_before_log"));
    let report = check(&request, &mut |_| ()).unwrap();
    assert!(matches!(report.verdict, Verdict::Violated(_)));
}

#[test]
fn the_manifest_says_in_which_design_a_variant_is_found() {
    let request = Request::new("growth_past_tail", Some("tail_not_ordered"));
    assert_eq!(request.design, Design::Bh);
    let request = Request::new("growth_past_tail", Some("tail_zeroed_in_cache"));
    assert_eq!(request.design, Design::Im);
}
