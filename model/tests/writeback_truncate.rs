//! The race of writeback against truncate: what holds with every rule, and what breaks without
//! each.
//!
//! Counts of states, lengths and last steps are exact. A change of one of them is a change of the
//! protocol as modelled, and belongs in the review of the change that caused it.

use cutpoint_model::check::{self, Counterexample, Verdict};
use cutpoint_model::invariants::Invariant;
use cutpoint_model::rule::{Rule, Rules};
use cutpoint_model::step::Action;
use cutpoint_model::writeback_truncate::properties::invariants;
use cutpoint_model::writeback_truncate::{self, Config, RULES, State, WritebackTruncate};
use std::collections::BTreeSet;

fn shortest(config: &Config) -> Counterexample<State, Action> {
    let outcome = writeback_truncate::check(config, &mut |_| {});
    let Verdict::Violated(counterexample) = outcome.verdict else {
        panic!("nothing is violated under {config:?}");
    };
    counterexample
}

fn violated(config: &Config) -> Vec<&'static str> {
    check::violated(&WritebackTruncate::new(config.clone()), &mut |_| {}).0
}

/// Asserts that `config` violates exactly the `expected` invariants, each by a shortest
/// counterexample of this many steps with this last step.
fn breaks(config: &Config, expected: &[(Invariant, usize, &str)]) {
    let ids: Vec<_> = expected
        .iter()
        .map(|(invariant, ..)| invariant.id())
        .collect();
    assert_eq!(violated(config), ids, "{config:?}");
    for (invariant, length, last) in expected {
        let found = shortest(&Config {
            only: Some(*invariant),
            ..config.clone()
        });
        let found_last = found
            .actions
            .last()
            .expect("the initial state is good")
            .to_string();
        assert_eq!(
            (found.actions.len(), found_last.as_str()),
            (*length, *last),
            "{invariant}"
        );
        assert_eq!(found.states.len(), length + 1, "{invariant}");
    }
    let least = expected.iter().map(|(_, length, _)| *length).min();
    assert_eq!(Some(shortest(config).actions.len()), least);
}

fn without(rule: Rule) -> Config {
    Config {
        rules: Rules::without([rule]),
        ..Config::default()
    }
}

/// Asserts that every invariant holds under `config`, that every situation is reached, and how
/// many different states there are on how long a path.
fn holds(config: &Config, unique_states: usize, depth: usize) {
    let outcome = writeback_truncate::check(config, &mut |_| {});
    assert_eq!(outcome.verdict, Verdict::Holds, "{config:?}");
    let explored = outcome.explored;
    assert_eq!(
        (explored.unique_states, explored.depth),
        (unique_states, depth),
        "{config:?}"
    );
}

/// What executions of the code are compared with promises the same.
#[test]
fn every_invariant_holds_in_the_configuration_of_the_scenario() {
    let outcome = writeback_truncate::check(&Config::of_scenario(), &mut |_| {});
    assert_eq!(outcome.verdict, Verdict::Holds);
    assert_eq!(outcome.explored.unique_states, 16_348);
}

#[test]
fn every_invariant_holds_with_every_rule() {
    holds(&Config::default(), 13_458, 43);
}

#[test]
fn every_invariant_holds_in_other_sizes() {
    let base = Config::default;
    let four = Config {
        blocks: 4,
        truncate_to: 2,
        ..base()
    };
    let table = [
        (
            Config {
                truncate_to: 0,
                ..base()
            },
            10_161,
            46,
        ),
        (
            Config {
                truncate_to: 2,
                ..base()
            },
            25_462,
            43,
        ),
        (
            Config {
                rewrite: false,
                ..base()
            },
            10_091,
            43,
        ),
        (
            Config {
                crash: false,
                ..base()
            },
            13_160,
            43,
        ),
        (
            Config {
                commits: 0,
                ..base()
            },
            2_157,
            41,
        ),
        (
            Config {
                passes: 2,
                commits: 3,
                ..base()
            },
            29_220,
            56,
        ),
        (
            Config {
                passes: 2,
                commits: 3,
                ..four
            },
            107_781,
            64,
        ),
    ];
    for (config, unique_states, depth) in table {
        holds(&config, unique_states, depth);
    }
}

#[test]
fn the_same_check_gives_the_same_outcome() {
    let config = without(Rule::TruncateWaitsForWriteback);
    let first = writeback_truncate::check(&config, &mut |_| {});
    let second = writeback_truncate::check(&config, &mut |_| {});
    assert_eq!(first, second);
}

#[test]
fn a_split_lookup_leaves_blocks_uncharged() {
    let config = without(Rule::LookupAndAllocateUnderOneLock);
    breaks(&config, &[(Invariant::I3, 17, "writeback: allocate 0")]);

    // The race of the mail: blocks 1 and 2 are removed between look-up and allocation. All three
    // are allocated then, and one is charged.
    let found = shortest(&config);
    let steps: Vec<_> = found.actions.iter().map(ToString::to_string).collect();
    assert_eq!(steps[3], "writeback: look up again 0");
    assert_eq!(steps[15], "truncate: remove extents");
    let inode = &found.states.last().expect("a path has states").inode;
    assert_eq!((inode.quota_used, inode.reserved), (1, 0));
    assert!(inode.extents.iter().all(|extent| extent.pblk().is_some()));
}

#[test]
fn a_stale_cached_map_writes_to_freed_blocks() {
    let expected = [
        (Invariant::I8, 25, "writeback: reuse map 1"),
        (Invariant::I11, 32, "journal: commit"),
        (Invariant::I15, 26, "writeback: submit 1"),
        (Invariant::I23, 34, "mount: journal recovered"),
        (Invariant::I37, 33, "worker: end writeback 1"),
    ];
    breaks(&without(Rule::CheckCookieBeforeUse), &expected);
}

#[test]
fn a_stale_cached_map_is_harmless_without_an_append() {
    let config = Config {
        rewrite: false,
        ..without(Rule::CheckCookieBeforeUse)
    };
    assert_eq!(violated(&config), [""; 0]);
}

#[test]
fn a_size_raised_with_the_allocation_is_committed_without_data() {
    let expected = [
        (Invariant::I11, 6, "journal: commit"),
        (Invariant::I23, 8, "mount: journal recovered"),
    ];
    breaks(&without(Rule::RaiseDisksizeAfterIo), &expected);
}

#[test]
fn an_unclamped_raise_passes_the_end_of_a_truncated_file() {
    let expected = [
        (
            Invariant::I9,
            18,
            "worker: convert to written and raise i_disksize 1",
        ),
        (Invariant::I11, 32, "journal: commit"),
        (Invariant::I23, 34, "mount: journal recovered"),
    ];
    breaks(&without(Rule::ClampRaiseToSize), &expected);
}

#[test]
fn allocating_written_exposes_an_earlier_owners_bytes() {
    let expected = [
        (Invariant::I13, 4, "writeback: look up again and allocate 0"),
        (Invariant::I14, 8, "mount: journal recovered"),
        (Invariant::I19, 6, "journal: commit"),
        (Invariant::I22, 13, "mount: clean up orphan"),
    ];
    breaks(&without(Rule::AllocateUnwritten), &expected);
}

#[test]
fn ending_writeback_early_lets_a_conversion_outlive_its_blocks() {
    let expected = [
        (Invariant::I11, 34, "journal: commit"),
        (Invariant::I23, 36, "mount: journal recovered"),
        (Invariant::I37, 9, "worker: end writeback 0"),
    ];
    breaks(&without(Rule::ConvertBeforeEndWriteback), &expected);
}

#[test]
fn a_worker_that_wants_the_folio_lock_deadlocks_with_truncate() {
    let config = without(Rule::CompleteWithoutFolioLock);
    breaks(
        &config,
        &[(Invariant::Progress, 22, "truncate: lock folio 1")],
    );
}

#[test]
fn a_truncate_that_does_not_wait_frees_blocks_under_io() {
    let expected = [
        (Invariant::I11, 33, "journal: commit"),
        (Invariant::I15, 23, "truncate: remove extents"),
        (Invariant::I23, 35, "mount: journal recovered"),
    ];
    breaks(&without(Rule::TruncateWaitsForWriteback), &expected);
}

#[test]
fn extents_removed_before_folios_leave_writeback_with_a_false_map() {
    let expected = [
        (Invariant::I8, 15, "truncate: remove extents"),
        (Invariant::I15, 16, "truncate: remove extents"),
    ];
    breaks(&without(Rule::DropFoliosBeforeExtents), &expected);
}

#[test]
fn sizes_before_the_orphan_record_leave_blocks_past_the_end() {
    let expected = [
        (Invariant::I14, 21, "mount: journal recovered"),
        (Invariant::I19, 19, "journal: commit"),
    ];
    breaks(&without(Rule::OrphanBeforeSizes), &expected);
}

#[test]
fn an_orphan_record_deleted_early_leaves_blocks_past_the_end() {
    let expected = [
        (Invariant::I14, 33, "mount: journal recovered"),
        (Invariant::I19, 31, "journal: commit"),
    ];
    breaks(&without(Rule::OrphanUntilExtentsRemoved), &expected);
}

#[test]
fn a_removed_delayed_block_that_keeps_its_reservation_leaks_it() {
    let config = without(Rule::ReleaseReservationOnRemove);
    breaks(&config, &[(Invariant::I1, 12, "truncate: remove extents")]);
}

#[test]
fn a_freed_block_reused_at_once_is_owned_twice_after_a_crash() {
    let config = without(Rule::ReuseFreedBlocksAfterCommit);
    breaks(
        &config,
        &[(
            Invariant::I16,
            27,
            "writeback: look up again and allocate 1",
        )],
    );
}

#[test]
fn a_mount_that_ignores_orphans_leaves_them() {
    let expected = [
        (Invariant::I14, 22, "mount: journal recovered"),
        (Invariant::I18, 7, "mount: journal recovered"),
    ];
    breaks(&without(Rule::CleanUpOrphansAtMount), &expected);
}

/// No invariant is vacuous: for each there is a rule without which it breaks.
#[test]
fn every_invariant_is_broken_by_the_lack_of_some_rule() {
    let broken: BTreeSet<_> = RULES
        .iter()
        .flat_map(|rule| violated(&without(*rule)))
        .collect();
    let all: BTreeSet<_> = invariants().map(Invariant::id).collect();
    assert_eq!(broken, all);
}

/// The protocol as it stands raises the size to the end of whatever completes, in whatever order.
/// A device that finishes block 1 before block 0 therefore leaves zeroes below the size after a
/// crash; nothing else breaks.
#[test]
fn limit_a_reordering_device_leaves_zeroes_below_the_size() {
    let config = Config {
        device_reorders: true,
        ..Config::default()
    };
    let expected = [
        (Invariant::I11, 13, "journal: commit"),
        (Invariant::I23, 15, "mount: journal recovered"),
    ];
    breaks(&config, &expected);
}

#[test]
fn states_and_actions_print_on_one_line() {
    let found = shortest(&without(Rule::OrphanBeforeSizes));
    let last = found.states.last().expect("a path has states").to_string();
    assert_eq!(
        last,
        "power On | mapping [w0 w1 u2] | size 1/1 | reserved 0 | quota 3+0 | seq 3 \
         | folios [1 1w 1d] | io 1.1>1 Converted | writeback 1 Submitted map 0:[u0 u1 u2]@1 \
         | truncate 3 | disk [w0 w1 u2] size 1 | medium [0.1 1.1 ? ? ? ?]"
    );
    assert_eq!(found.actions[0].to_string(), "writeback: lock folio 0");
}
