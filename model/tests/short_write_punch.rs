//! A short write against a fault: what holds with every rule, and what breaks without each.

mod common;

use common::{breaks_without, holds, quietly};
use cutpoint_model::check::{self, Verdict};
use cutpoint_model::invariants::Invariant;
use cutpoint_model::rule::{Rule, Rules};
use cutpoint_model::short_write_punch::{Config, DEFENCES, RULES, ShortWritePunch, invariants};

#[test]
fn every_invariant_holds_with_every_rule() {
    holds(&ShortWritePunch::new(Config::default()), 119_617, 44);
}

/// What executions of the code are compared with promises the same.
#[test]
fn every_invariant_holds_in_the_configuration_of_the_scenario() {
    holds(&ShortWritePunch::new(Config::of_scenario()), 1_170, 35);
}

#[test]
fn every_rule_is_needed() {
    let without = |rule| ShortWritePunch::new(Config::without(rule));
    let also = [
        (Rule::FillUncoveredPart, Invariant::I22),
        (Rule::PunchUnderInvalidateLock, Invariant::I21),
    ];
    breaks_without(RULES, invariants(), without, &also, TABLE);
}

/// The guards of the second line can go alone. Behind them the first line is missed sooner.
#[test]
fn the_second_line_of_defence_can_go_alone() {
    let verdict = |rules: &[Rule]| {
        let rules = Rules::without(rules.iter().copied());
        let config = Config {
            rules,
            ..Config::default()
        };
        check::check(&ShortWritePunch::new(config), &mut quietly()).verdict
    };
    let length = |rules: &[Rule]| match verdict(rules) {
        Verdict::Violated(found) => found.actions.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(verdict(DEFENCES), Verdict::Holds);
    assert_eq!(length(&[Rule::PunchCleanOnly]), 17);
    assert_eq!(length(&[Rule::PunchCleanOnly, Rule::PunchOnlyNew]), 8);
    assert_eq!(length(&[Rule::PunchCleanOnly, Rule::RoundUpUnused]), 13);
}

const TABLE: &str = "
    PunchUnusedReservation I5 6 writer: unlock folio 0
    PunchUnderInvalidateLock I6 16 fault: unlock folio 1
    PunchCleanOnly I6 17 writer: punch delayed blocks 1
    ScanUnderFolioLock I21 23 reclaim: reclaim folio 1
    UnlockFolioBeforePunch PROGRESS 9 writeback: skip folio 1
    PunchDelayedOnly I21 23 reclaim: reclaim folio 1
    PunchUnderDataSem I3 16 writeback: allocate 0
    CheckCookieAfterFolioLock I21 12 writer: unlock folio 0
    ShortCopyIntoStaleBlockIsNothing I21 6 writer: unlock folio 0
    FillUncoveredPart I21 6 writer: unlock folio 0
    LookupAndReserveUnderOneLock I1 6 fault: reserve 1
    LookupAndAllocateUnderOneLock I3 16 writeback: allocate 0
    ReleaseReservationOnRemove I1 9 writer: punch delayed blocks 0
    FillUncoveredPart I22 6 writer: unlock folio 0
    PunchUnderInvalidateLock I21 22 reclaim: reclaim folio 1
";
