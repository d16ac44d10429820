//! Direct writes that extend a file: what holds with every rule, and what breaks without each.

mod common;

use common::{breaks_without, holds};
use cutpoint_model::dio_extension::{Config, DioExtension, RULES, invariants};
use cutpoint_model::invariants::Invariant;
use cutpoint_model::rule::Rule;

#[test]
fn every_invariant_holds_with_every_rule() {
    holds(&DioExtension::new(Config::default()), 176_657, 41);
}

/// What executions of the code are compared with promises the same.
#[test]
fn every_invariant_holds_in_the_configuration_of_the_scenario() {
    holds(&DioExtension::new(Config::of_scenario()), 1_756, 44);
}

#[test]
fn every_rule_is_needed() {
    let without = |rule| DioExtension::new(Config::without(rule));
    let also = [
        (Rule::ExtendTestsDisksize, Invariant::I20),
        (Rule::RecheckAfterRelock, Invariant::I14),
        (Rule::UnwrittenInsideSize, Invariant::I22),
        (Rule::RaiseOnly, Invariant::I10),
        (Rule::FlushFallback, Invariant::I20),
    ];
    breaks_without(RULES, invariants(), without, &also, TABLE);
}

/// What breaks first without each rule, and some of what else does.
const TABLE: &str = "
    ExtendTestsDisksize I19 11 journal: commit
    ExclusiveForExtension I35 3 direct writer 0: orphan add 0
    UnlockBeforeRelock PROGRESS 9 worker: convert to written and raise i_disksize 2
    RecheckAfterRelock I19 17 journal: commit
    OrphanBeforeAllocation I19 4 journal: commit
    WaitForExtendingDio I35 8 direct writer 1: raise i_disksize and i_size, orphan del 1
    DecideExtensionOnce I17 17 direct writer 0: unlock i_rwsem 0
    UnwrittenInsideSize I19 11 journal: commit
    RaiseSizesAfterIo I11 5 journal: commit
    RaiseOnly I19 16 journal: commit
    OrphanDelWithSizes I19 8 journal: commit
    CleanUpFailedExtension I17 8 direct writer 1: unlock i_rwsem 1
    TruncateWaitsForDio I15 10 truncate: remove extents
    InvalidateAfterIo I37 9 direct writer 0: drop folio after direct I/O 0
    SyncAfterSizeUpdate I20 9 mount: journal recovered
    FlushFallback I37 18 direct writer 0: unlock i_rwsem 3
    ExtendTestsDisksize I20 15 mount: journal recovered
    RecheckAfterRelock I14 19 mount: journal recovered
    UnwrittenInsideSize I22 14 mount: journal recovered
    RaiseOnly I10 17 direct writer 0: unlock i_rwsem 0
    FlushFallback I20 22 mount: journal recovered
";
