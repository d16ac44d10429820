//! The smallest power cut: what is left of it, by hand, for every mistake.

use super::journal::{Journal, Mistake, check, checker, execution};
use crate::crash::{CrashFailure, CrashOptions, CrashViolation, CutMode, Source, Tear};
use cutpoint_event::{Log, What};

const OPTIONS: CrashOptions = CrashOptions {
    mode: CutMode::Frontier,
    tear: Tear::Sector,
    recovery_crashes: 1,
    in_flight_max: None,
    recoveries_per_case_max: None,
    memory_entries_max: 1000,
};

/// The first violation that the check comes upon, and the smallest of its kind.
fn found(mistake: Mistake) -> (CrashViolation, CrashViolation) {
    let first = match check(mistake, OPTIONS).0 {
        Err(CrashFailure::Violated(violation)) => *violation,
        other => panic!("{mistake:?}: {other:?}"),
    };
    let (log, invariant) = (execution(mistake), first.finding.invariant);
    let smallest = checker(OPTIONS).minimal(&log, &Journal(mistake), invariant);
    let smallest = smallest.expect("the harness works").expect("it is found");
    assert_eq!(smallest.finding.invariant, invariant);
    (first, smallest)
}

/// Events before the cut, operations on synchronisation objects aside.
fn events(log: &Log, violation: &CrashViolation) -> usize {
    let events = log.events.iter().enumerate();
    let inside = events.filter(|(index, event)| {
        violation.cut.contains(*index) && !matches!(event.what, What::Op { .. })
    });
    inside.count()
}

/// The units in which a write survived that was not durable.
fn survivors(violation: &CrashViolation) -> usize {
    let all = violation.kept.values().flatten();
    let survived = |kept: &&crate::crash::Kept| kept.of > 1 && kept.source != Source::Base;
    all.filter(survived).count()
}

fn is_torn(violation: &CrashViolation) -> bool {
    let torn =
        |units: &Vec<crate::crash::Kept>| units.windows(2).any(|p| p[0].source != p[1].source);
    violation.kept.values().any(torn)
}

#[test]
fn nothing_is_larger_than_what_was_found_and_what_it_needs_is_left() {
    // Per mistake: events before the cut, units that survived, whether a write tore, and how
    // often recovery was cut off.
    let expected = [
        // The copy is written, the record submitted: the record survived, the copy did not.
        (Mistake::NoFlush, 3, 1, false, 0),
        // The record is submitted, and survived.
        (Mistake::RecordFirst, 1, 1, false, 0),
        // All up to the acknowledgement: the record was lost.
        (Mistake::NoFua, 6, 0, false, 0),
        // As without a flush, and with a failed one, or a failed and a useless one.
        (Mistake::FailedFlushIgnored, 4, 1, false, 0),
        (Mistake::FailedFlushRepeated, 5, 1, false, 0),
        // The record's first sector survived, its second did not.
        (Mistake::NoChecksum, 4, 1, true, 0),
        // All up to the acknowledgement; then the clearing of the record survived, and the home
        // block did not.
        (Mistake::RecoveryClearsFirst, 6, 1, false, 1),
    ];
    for (mistake, cut, survived, torn, nested) in expected {
        let (first, smallest) = found(mistake);
        let log = execution(mistake);
        assert!(
            events(&log, &smallest) <= events(&log, &first),
            "{mistake:?}"
        );
        assert_eq!(
            (
                events(&log, &smallest),
                survivors(&smallest),
                is_torn(&smallest),
                smallest.recovery_crashes.len()
            ),
            (cut, survived, torn, nested),
            "{mistake:?}"
        );
    }
}

#[test]
fn what_is_not_violated_has_no_smallest_cut() {
    let log = execution(Mistake::Nothing);
    for invariant in ["old-or-new", "durable", "recovery-returns"] {
        let none = checker(OPTIONS).minimal(&log, &Journal(Mistake::Nothing), invariant);
        assert!(none.expect("the harness works").is_none(), "{invariant}");
    }
    // A mistake that breaks another promise than the one asked for.
    let log = execution(Mistake::NoFua);
    let none = checker(OPTIONS).minimal(&log, &Journal(Mistake::NoFua), "old-or-new");
    assert!(none.expect("the harness works").is_none());
}
