//! The lock order: no cycle with every rule, a cycle without each.

mod common;

use common::{assert_holds, breaks_without, holds, quietly};
use cutpoint_model::check;
use cutpoint_model::invariants::Invariant;
use cutpoint_model::lock_order::{BUFFER_HEAD_RULES, Config, Design, LockOrder, RULES};
use cutpoint_model::lock_order::{invariants, representative};
use cutpoint_model::rule::Rule;

#[test]
fn no_task_waits_for_itself_in_either_design() {
    holds(&LockOrder::new(Config::of(Design::Iomap)), 47_304, 41);
    holds(&LockOrder::new(Config::of(Design::BufferHead)), 99_078, 46);
}

#[test]
fn faults_are_alike() {
    let model = LockOrder::new(Config::crowd(Design::Iomap));
    let plain = check::check_large(&model, None, &mut quietly());
    assert_holds(&plain, 89_844, 42);
    let symmetric = check::check_large(&model, Some(representative), &mut quietly());
    assert_holds(&symmetric, 23_820, 42);
}

#[test]
fn every_rule_of_the_iomap_design_is_needed() {
    let without = |rule| LockOrder::new(Config::without(Design::Iomap, rule));
    let also = [(Rule::OneOrderOfFolioAndHandle, Invariant::Progress)];
    breaks_without(RULES, invariants(), without, &also, IOMAP);
}

#[test]
fn every_rule_of_the_buffer_head_design_is_needed() {
    let without = |rule| LockOrder::new(Config::without(Design::BufferHead, rule));
    let also = [(Rule::OneOrderOfFolioAndHandle, Invariant::Progress)];
    breaks_without(BUFFER_HEAD_RULES, invariants(), without, &also, BUFFER_HEAD);
}

const IOMAP: &str = "
    OneOrderOfFolioAndHandle I34 11 journal: lock transaction
    NoOrderedDataUnderFolioLock I34 6 journal: commit
    ZeroOutsideHandle I34 14 journal: lock transaction
    StopHandleBeforeThrottle I34 12 journal: lock transaction
    FaultInBeforeFolioLock I34 7 writer: lock shared invalidate_lock
    FaultWithoutInodeLock I34 5 mapper: begin
    CompleteWithoutFolioLock I34 14 truncate: lock folio
    InvalidateLockBeforeHandle I34 10 journal: lock transaction
    HandleBeforeDataSem I34 13 journal: lock transaction
    ForceCommitWithoutHandle I34 6 journal: lock transaction
    WaitForDirectIoWithoutHandle I34 12 journal: lock transaction
    OneOrderOfFolioAndHandle PROGRESS 16 journal: lock transaction
";

const BUFFER_HEAD: &str = "
    OneOrderOfFolioAndHandle I34 9 journal: commit
    OrderedDataNeedsNoHandle I34 4 journal: lock folio
    SubmitBeforeNextHandle I34 9 journal: lock folio
    ReserveHandleForCompletion I34 11 journal: lock folio
    StopHandleBeforeThrottle I34 11 journal: lock transaction
    FaultInBeforeFolioLock I34 6 writer: lock shared invalidate_lock
    FaultWithoutInodeLock I34 5 mapper: begin
    CompleteWithoutFolioLock I34 14 truncate: lock folio
    InvalidateLockBeforeHandle I34 9 journal: lock transaction
    ForceCommitWithoutHandle I34 6 journal: lock transaction
    WaitForDirectIoWithoutHandle I34 12 journal: lock transaction
    OneOrderOfFolioAndHandle PROGRESS 16 journal: lock transaction
";
