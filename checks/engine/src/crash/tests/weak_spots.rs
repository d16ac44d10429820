//! The weak spots of storage code: each mistake is found, and its corrected twin holds.

use super::journal::{Mistake, check};
use crate::crash::{CrashFailure, CrashOptions, CrashViolation, CutMode, Source, Tear};

const TORN: CrashOptions = CrashOptions {
    mode: CutMode::Frontier,
    tear: Tear::Sector,
    recovery_crashes: 1,
    in_flight_max: None,
    recoveries_per_case_max: None,
    memory_entries_max: 1000,
};

const WHOLE: CrashOptions = CrashOptions {
    tear: Tear::Block,
    ..TORN
};

fn holds(mistake: Mistake, options: CrashOptions) {
    for mode in [CutMode::Frontier, CutMode::AllCuts] {
        let (result, stats) = check(mistake, CrashOptions { mode, ..options });
        assert!(result.is_ok(), "{mistake:?} {mode:?}: {result:?}");
        assert!(stats.crash_cases > 0 && stats.recoveries_run >= stats.crash_cases);
    }
}

/// The finding of the frontier search, which the search of all cuts must share.
fn found(mistake: Mistake, options: CrashOptions, invariant: &str) -> CrashViolation {
    let violation = |mode| match check(mistake, CrashOptions { mode, ..options }).0 {
        Err(CrashFailure::Violated(violation)) => *violation,
        other => panic!("{mistake:?} {mode:?}: {other:?}"),
    };
    violation(CutMode::AllCuts);
    let violation = violation(CutMode::Frontier);
    assert_eq!(violation.finding.invariant, invariant, "{mistake:?}");
    violation
}

#[test]
fn a_correct_journal_holds_and_is_replayed() {
    holds(Mistake::Nothing, WHOLE);
    holds(Mistake::Nothing, TORN);
    let (_, stats) = check(Mistake::Nothing, TORN);
    assert!(stats.observations.count("journal replayed") > 0);
    assert_eq!(stats.observations.count("no such thing"), 0);
    assert_eq!(stats.cases_bounded, 0);
}

#[test]
fn a_missing_flush_is_found() {
    let violation = found(Mistake::NoFlush, WHOLE, "old-or-new");
    let kept = |block: u64| violation.kept[&block][0];
    assert!(
        matches!(kept(0).source, Source::Write { level: 0, .. }),
        "the record survived"
    );
    assert_eq!(kept(1).source, Source::Base, "the copy did not");
    assert!(kept(0).is_decided && kept(1).is_decided);
    assert!(violation.cut.frontier.is_empty());
    assert_eq!(violation.image[&1][0], 0);
}

#[test]
fn reordered_writes_are_found() {
    found(Mistake::RecordFirst, WHOLE, "old-or-new");
}

#[test]
fn a_missing_fua_is_found() {
    let violation = found(Mistake::NoFua, WHOLE, "durable");
    assert_eq!(
        violation.kept[&0][0].source,
        Source::Base,
        "the record is lost"
    );
    assert_eq!(violation.cut.acknowledged.len(), 1);
}

#[test]
fn a_failed_flush_makes_nothing_durable() {
    found(Mistake::FailedFlushIgnored, WHOLE, "old-or-new");
    found(Mistake::FailedFlushRepeated, WHOLE, "old-or-new");
    holds(Mistake::FailedFlushRewritten, WHOLE);
    holds(Mistake::FailedFlushHeeded, WHOLE);
}

#[test]
fn a_torn_record_is_found_where_writes_tear() {
    holds(Mistake::NoChecksum, WHOLE);
    let violation = found(Mistake::NoChecksum, TORN, "old-or-new");
    let sources: Vec<Source> = violation.kept[&0].iter().map(|kept| kept.source).collect();
    assert!(matches!(sources[0], Source::Write { .. }));
    assert_eq!(sources[1], Source::Base);
}

#[test]
fn a_crash_in_recovery_is_found_when_recovery_crashes() {
    let once = CrashOptions {
        recovery_crashes: 0,
        ..WHOLE
    };
    holds(Mistake::RecoveryClearsFirst, once);
    let violation = found(Mistake::RecoveryClearsFirst, WHOLE, "durable");
    let [crash] = &violation.recovery_crashes[..] else {
        panic!("one crash in recovery: {:?}", violation.recovery_crashes);
    };
    assert!(crash.prefix < crash.events.len(), "in its midst");
    assert!(matches!(
        violation.kept[&0][0].source,
        Source::Base | Source::Write { level: 1, .. }
    ));
}

#[test]
fn a_panic_in_recovery_is_a_finding() {
    let violation = found(Mistake::RecoveryPanics, WHOLE, "recovery-returns");
    assert!(
        violation
            .finding
            .observed
            .contains("a transaction was found")
    );
}
