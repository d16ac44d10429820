//! The journal: what holds with every rule, and what breaks without each.

mod common;

use common::{assert_holds, breaks_without, holds, quietly};
use cutpoint_model::check::{self, Verdict};
use cutpoint_model::invariants::Invariant;
use cutpoint_model::journal::properties::invariants;
use cutpoint_model::journal::{Cache, Config, Journal, RULES, representative};
use cutpoint_model::rule::{Rule, Rules};

fn without(rule: Rule) -> Journal {
    Journal::new(Config::without(rule))
}

#[test]
fn every_invariant_holds_with_every_rule() {
    holds(&Journal::new(Config::default()), 50_368, 59);
}

#[test]
fn every_invariant_holds_in_other_sizes() {
    let base = || Config {
        handles: 3,
        transactions: 3,
        slots: 2,
        ..Config::default()
    };
    let two = Config {
        blocks: 2,
        ..base()
    };
    let through = Config {
        cache: Cache::WriteThrough,
        ..base()
    };
    holds(&Journal::new(base()), 8_064, 45);
    holds(&Journal::new(two), 64_446, 46);
    holds(&Journal::new(through), 6_957, 45);
}

#[test]
fn symmetry_changes_the_count_and_not_the_verdict() {
    let two = |rules| {
        Journal::new(Config {
            blocks: 2,
            handles: 3,
            transactions: 3,
            slots: 2,
            rules,
            ..Config::default()
        })
    };
    let all = two(Rules::all());
    let outcome = check::check_large(&all, Some(representative), &mut quietly());
    assert_holds(&outcome, 29_850, 47);
    for rule in RULES {
        let model = two(Rules::without([*rule]));
        let plain = check::check(&model, &mut quietly()).verdict;
        let symmetric = check::check_large(&model, Some(representative), &mut quietly()).verdict;
        let violated = |verdict| matches!(verdict, &Verdict::Violated(_));
        assert_eq!(violated(&plain), violated(&symmetric), "{rule}");
        // A path through representatives is no path of the model, so the one that is reported is
        // found without symmetry.
        assert_eq!(plain, symmetric, "{rule}");
    }
}

/// A device without a volatile cache needs no flush: the rules that order flushes are for the
/// cache alone.
#[test]
fn a_device_that_writes_through_needs_no_preflush() {
    let model = |rule| {
        Journal::new(Config {
            cache: Cache::WriteThrough,
            rules: Rules::without([rule]),
            ..Config::default()
        })
    };
    let verdict = |rule| check::check(&model(rule), &mut quietly()).verdict;
    assert_eq!(verdict(Rule::FlushBeforeCommitBlock), Verdict::Holds);
    assert!(matches!(
        verdict(Rule::WaitForLogBlocks),
        Verdict::Violated(_)
    ));
}

#[test]
fn every_rule_is_needed() {
    let also = [
        (Rule::CloseWithoutHandles, Invariant::I29),
        (Rule::FlushBeforeCommitBlock, Invariant::I22),
        (Rule::SkipRevokedCopies, Invariant::I30),
    ];
    breaks_without(RULES, invariants(), without, &also, TABLE);
}

/// What breaks first without each rule, and some of what else does.
const TABLE: &str = "
    CloseWithoutHandles I32 3 journal: commit
    FreezeCopies I25 11 journal: write commit block
    WaitForOrderedData I25 20 journal: write commit block
    WaitForLogBlocks I24 8 device: I/O fails of log
    FlushBeforeCommitBlock I25 10 journal: write commit block
    CommitBlockIsDurable I29 15 mount: journal recovered
    AbortOnLogError I24 8 journal: wait for log
    RevokeFreedMetadata I22 27 mount: journal recovered
    ReuseFreedBlocksAfterCommit I16 3 updater: handle start, allocate for metadata 0
    ForgetFreedBlocks I25 25 journal: write commit block
    WaitForOldOwnersWrites I25 33 journal: write commit block
    WriteHomeAfterCommit I26 12 checkpoint: checkpoint
    WriteHomeBeforeTail I27 11 checkpoint: update log tail
    FlushHomeBeforeTail I24 13 device: I/O fails to home
    AbortOnHomeError I24 13 checkpoint: checkpoint flush
    WaitForSpaceBeforeJoining PROGRESS 13 journal: lock transaction
    ReuseLogAfterTail I29 42 mount: journal recovered
    ReplayCommittedOnly I29 11 mount: journal recovered
    CheckSequence I28 36 mount: replay
    SkipRevokedCopies I22 27 mount: journal recovered
    ReplayCopiesAfterRevoke I29 24 mount: journal recovered
    FlushReplayBeforeReset I29 17 mount: journal recovered
    CloseWithoutHandles I29 13 mount: journal recovered
    FlushBeforeCommitBlock I22 28 mount: journal recovered
    SkipRevokedCopies I30 27 mount: journal recovered
";
