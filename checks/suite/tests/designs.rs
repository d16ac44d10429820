//! A scenario in the design that it was not written for: the correct protocol holds there too.
//!
//! `CUTPOINT_NIGHTLY=1` exhausts it; otherwise the search ends early, but not before the race that
//! it has found once: the size on disk used to be raised after the folios had been unlocked, and by
//! then a truncate and another write may have put delayed blocks below it.

use cutpoint_suite::check::check;
use cutpoint_suite::report::Verdict;
use cutpoint_suite::request::{Design, Request, RequestError};

const SCENARIO: &str = "writeback_vs_truncate";

/// Mazurkiewicz traces of the scenario in the BH design. A change of the protocol, or of a lock's
/// place in it, changes this number.
const TRACES: u64 = 171_453;
/// Executions that are enough to find the race: it took 17,193.
const EXECUTIONS: u64 = 20_000;

#[test]
fn writeback_against_truncate_holds_in_the_bh_design() {
    let nightly = std::env::var("CUTPOINT_NIGHTLY").is_ok_and(|value| value == "1");
    let request = Request {
        design: Design::Bh,
        executions: (!nightly).then_some(EXECUTIONS),
        ..Request::new(SCENARIO, None)
    };
    let report = check(&request, &mut |_| ()).unwrap();
    match report.verdict {
        Verdict::Exhausted => assert_eq!(report.traces_distinct, TRACES),
        Verdict::WithinBounds(_) => assert_eq!(report.executions, EXECUTIONS),
        Verdict::Violated(trace) => panic!("{:?}", trace.violation),
        other => panic!("{}", other.name()),
    }
    for state in ["journal replayed", "orphan cleaned up"] {
        assert!(report.reached.get(state).is_some_and(|n| *n > 0), "{state}");
    }
    assert!(report.lock_edges > report.lock_classes);
}

#[test]
fn variants_are_of_one_design() {
    let request = Request {
        design: Design::Bh,
        ..Request::new(SCENARIO, Some("wb_lookup_unlocked"))
    };
    let refused = check(&request, &mut |_| ()).err();
    assert!(
        matches!(refused, Some(RequestError::Unsupported(_))),
        "{refused:?}"
    );
}
