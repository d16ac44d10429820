//! Every crash, in one thread: histories of eight operations, and for each of them every power cut
//! at every durability frontier, with every distinguishable content of the device's cache, and one
//! more power cut anywhere in each recovery. What is recovered must be what the reference allows,
//! the invariants must hold, and e2fsck must find nothing.
//!
//! `CUTPOINT_NIGHTLY=1` plays 1,000 histories.

mod crash_history;
#[path = "../../../impl/on-std/tests/history/mod.rs"]
mod history;

use crash_history::run::{SHORT_LOG, Setting, Start, Summary, check_seeds};
use cutpoint::crash::Tear;
use cutpoint_suite::on_std::variants;
use extfs_std::protocol::{Correct, Protocol};
use history::Op;

/// Plays one history and judges its power cuts: what a printed test calls.
fn replay(blocks_per_folio: u32, log_blocks_max: Option<u32>, tear: Tear, ops: &[Op]) {
    let setting = Setting {
        blocks_per_folio,
        log_blocks_max,
        tear,
    };
    Start::new()
        .check::<Correct>(ops, setting, &mut Summary::default())
        .unwrap();
}

#[test]
fn every_power_cut_of_every_history_is_survived() {
    let nightly = std::env::var("CUTPOINT_NIGHTLY").is_ok_and(|value| value == "1");
    let summary = check_seeds(0..if nightly { 1_000 } else { 150 });
    let stats = &summary.stats;
    println!(
        "{} histories: {} power cuts, {} crash cases, {} crash states covered, {} recoveries run, \
         {} images judged by e2fsck",
        summary.histories,
        stats.crash_frontiers,
        stats.crash_cases,
        stats.crash_states_covered,
        stats.recoveries_run,
        summary.e2fsck
    );
    if let Some(why) = &summary.not_measured {
        println!("e2fsck: NotMeasured, {why}");
    }
    for name in ["journal replayed", "orphan cleaned up", "orphan deleted"] {
        assert!(stats.observations.count(name) > 0, "no recovery: {name}");
    }
    assert_eq!(stats.cases_bounded, 0, "every image was judged");
    assert!(stats.crash_states_covered > u128::from(stats.recoveries_run));
}

#[test]
fn an_overwrite_in_place_is_durable_after_fsync() {
    let write = |offset, len| Op::Write {
        file: 0,
        offset,
        len,
    };
    let fsync = Op::Fsync { file: 0 };
    replay(
        1,
        None,
        Tear::Block,
        &[write(2_500, 100), fsync.clone(), write(0, 1_024), fsync],
    );
}

/// A superblock is two sectors long, with its checksum in the second, and it is written in place
/// when the file system is mounted: so it does not survive being torn. Linux trusts the device with
/// the same.
#[test]
fn limit_a_torn_superblock_does_not_mount() {
    let setting = Setting {
        blocks_per_folio: 1,
        log_blocks_max: None,
        tear: Tear::Sector,
    };
    let outcome = Start::new().check::<Correct>(&[], setting, &mut Summary::default());
    let why = outcome.unwrap_err();
    assert!(why.contains("superblock"), "{why}");
}

/// What the history shows under a protocol with a seeded bug. Under the correct one it shows
/// nothing.
fn shows<P: Protocol>(ops: &[Op], log_blocks_max: Option<u32>) -> String {
    replay(1, log_blocks_max, Tear::Block, ops);
    let setting = Setting {
        blocks_per_folio: 1,
        log_blocks_max,
        tear: Tear::Block,
    };
    let outcome = Start::new().check::<P>(ops, setting, &mut Summary::default());
    outcome.expect_err("a seeded bug is found")
}

#[test]
fn a_size_without_its_data_is_found() {
    let ops = [
        Op::Write {
            file: 1,
            offset: 0,
            len: 1_000,
        },
        Op::Writeback {
            file: 1,
            wait: true,
        },
        Op::Commit,
    ];
    let found = shows::<variants::disksize_before_io::DisksizeBeforeIo>(&ops, None);
    assert!(found.contains("I23"), "{found}");
}

/// With a log as short as this a commit falls between the two handles of the truncate, whatever the
/// first one changes.
#[test]
fn blocks_past_the_end_that_nobody_frees_are_found() {
    let ops = [Op::Truncate { file: 0, size: 100 }];
    let shortest = Some(SHORT_LOG - 4);
    let found = shows::<variants::truncate_without_orphan::TruncateWithoutOrphan>(&ops, shortest);
    assert!(found.contains("I14"), "{found}");
}
