//! The scenario under loom, which must have its process to itself.

use cutpoint_suite::check::check;
use cutpoint_suite::report::Verdict;
use cutpoint_suite::request::{Engine, Request};

#[test]
fn the_correct_protocol_holds_within_one_preemption() {
    let mut request = Request::new("writeback_vs_truncate", None);
    request.engine = Engine::Loom;
    request.preemptions = Some(1);
    let report = check(&request, &mut |_| ()).unwrap();
    assert!(
        matches!(report.verdict, Verdict::WithinBounds(_)),
        "{:?}",
        report.verdict
    );
    assert!(report.executions > 100);
    assert!(report.crash.recoveries_run > 0);
}
