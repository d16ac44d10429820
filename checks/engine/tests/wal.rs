//! The write-ahead log example: it holds, and each of its seeded bugs is found.

#[path = "../examples/wal/check.rs"]
mod check;
#[path = "../examples/common/device.rs"]
mod device;
#[path = "../examples/wal/log.rs"]
mod log;
#[path = "../examples/wal/missing_flush.rs"]
mod missing_flush;
#[path = "../examples/wal/torn_record.rs"]
mod torn_record;

use cutpoint::crash::{CrashFailure, CrashViolation, Source};

fn violation<P: log::Protocol>() -> CrashViolation {
    match check::check::<P>().0 {
        Err(CrashFailure::Violated(violation)) => *violation,
        other => panic!("not caught: {other:?}"),
    }
}

#[test]
fn the_log_survives_every_torn_image_and_power_cuts_in_recovery() {
    let (result, stats) = check::check::<log::Correct>();
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(stats.cases_bounded, 0);
    let count = |name| stats.observations.count(name);
    assert!(count("unacknowledged records recovered") > 0);
    assert!(count("only acknowledged records recovered") > 0);
    assert!(stats.crash_cases > stats.controls_run);
}

#[test]
fn an_acknowledged_record_is_lost_without_the_flush() {
    let violation = violation::<missing_flush::MissingFlush>();
    assert_eq!(violation.finding.invariant, "durable");
    assert_eq!(
        violation.kept[&0][0].source,
        Source::Base,
        "nothing of it survived"
    );
}

#[test]
fn a_torn_record_comes_back_without_the_checksum() {
    let violation = violation::<torn_record::TornRecord>();
    assert_eq!(violation.finding.invariant, "records");
    let torn = |units: &Vec<cutpoint::crash::Kept>| {
        let is_new = |unit: usize| units[unit].source != Source::Base;
        is_new(0) && !is_new(1)
    };
    assert!(violation.kept.values().any(torn), "{:?}", violation.kept);
}
