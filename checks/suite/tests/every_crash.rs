//! Every crash, in one thread: histories of eight operations, and for each of them every power cut
//! at every durability frontier, with every distinguishable content of the device's cache, and one
//! more power cut anywhere in each recovery. What is recovered must be what the reference allows,
//! the invariants must hold, and e2fsck must find nothing.
//!
//! `CUTPOINT_SEQUENCES=1000` plays 1,000 histories, which is the nightly size. Some of the images
//! are given to e2fsck and, as root, to the running kernel, which must recover the same files from
//! them: `CUTPOINT_IMAGES=200` for 200 of them.

mod crash_history;
#[path = "../../../impl/on-std/tests/history/mod.rs"]
mod history;
#[path = "../../../impl/on-std/tests/judges/mod.rs"]
mod judges;

use crash_history::images::crash_images;
use crash_history::run::{SHORT_LOG, Setting, Start, Summary, check_seeds};
use crash_history::seeded::Seeded;
use cutpoint::crash::Tear;
use extfs_std::delalloc::Delalloc;
use extfs_std::design::Design;
use extfs_std::device::memory::{Image, MemoryDevice};
use history::{Op, sequences};
use judges::kernel::Access;
use judges::{E2fsprogs, Kernel, Tree, difference};
use std::path::Path;
use std::sync::Arc;

/// Plays one history and judges its power cuts: what a printed test calls.
fn replay(
    (design, delalloc): (Design, Delalloc),
    blocks_per_folio: u32,
    log_blocks_max: Option<u32>,
    tear: Tear,
    ops: &[Op],
) {
    let setting = Setting {
        design,
        delalloc,
        blocks_per_folio,
        log_blocks_max,
        tear,
        seeded: None,
    };
    Start::new()
        .check(ops, setting, &mut Summary::default())
        .unwrap();
}

#[test]
fn every_power_cut_of_every_history_is_survived() {
    let summary = check_seeds(0..u64::from(sequences(300)));
    let stats = &summary.stats;
    println!(
        "{} histories: {} power cuts, {} crash cases, {} crash states covered, {} recoveries run, \
         {} images judged by e2fsck, {} of them distinct",
        summary.histories,
        stats.crash_frontiers,
        stats.crash_cases,
        stats.crash_states_covered,
        stats.recoveries_run,
        summary.e2fsck,
        summary.e2fsck_distinct
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

/// The file reaches further than on disk already, by a block that is delayed. Then the end of a
/// synchronous write over blocks on disk is no new end of the file, and yet it must survive.
#[test]
fn the_end_of_a_synchronous_write_inside_the_file_survives() {
    let setting = Setting::of_seed(0);
    let sync = Op::SyncWrite {
        file: 0,
        offset: 1_884,
        len: 921,
    };
    let ops = [write(0, 5_105, 2_443), sync];
    for design in Design::ALL {
        let setting = Setting { design, ..setting };
        let found = Start::new().check(&ops, setting, &mut Summary::default());
        assert_eq!(found, Ok(()), "{design}");
    }
}

/// As above, past the cache.
#[test]
fn the_end_of_a_synchronous_direct_write_inside_the_file_survives() {
    let sync = Op::Direct {
        file: 0,
        offset: 2_048,
        len: 1_024,
        sync: true,
        queued: false,
    };
    let ops = [write(0, 3_543, 1_784), sync];
    for design in Design::ALL {
        replay((design, Delalloc::Always), 1, None, Tear::Block, &ops);
    }
}

/// What a judge from outside recovers from a copy of an image, if that judge is there.
fn theirs<J>(
    judge: &Result<J, String>,
    image: &Image,
    path: &Path,
    recover: impl Fn(&J, &Path) -> Result<Tree, String>,
) -> Option<Tree> {
    let judge = judge.as_ref().ok()?;
    image.save(path).unwrap();
    Some(recover(judge, path).unwrap_or_else(|why| panic!("{why}")))
}

#[test]
fn the_kernel_and_e2fsck_recover_the_same_files() {
    let count = match std::env::var("CUTPOINT_IMAGES") {
        Ok(number) => number.parse().expect("CUTPOINT_IMAGES is a number"),
        Err(_) => 20,
    };
    let (e2fsprogs, kernel) = (E2fsprogs::find(), Kernel::find());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let (mut files, mut bytes, mut kinds) = (0, 0, std::collections::BTreeSet::new());
    for (name, image) in crash_images(count) {
        let device = Arc::new(MemoryDevice::with_base(Arc::new(image.clone())));
        let ours = judges::recover(device).unwrap_or_else(|why| panic!("{name}: {why}"));
        let by_e2fsck = theirs(&e2fsprogs, &image, &path, |judge, path| {
            judge.recover(path)?;
            judge.read(path)
        });
        // What e2fsck has not accepted is not given to the kernel.
        let by_kernel = by_e2fsck.as_ref().and_then(|_| {
            theirs(&kernel, &image, &path, |kernel, path| {
                kernel.read(path, Access::Recover)
            })
        });
        for (who, found) in [("e2fsck", by_e2fsck), ("the kernel", by_kernel)] {
            let differs = found.and_then(|found| difference([who, "this core"], [&found, &ours]));
            assert_eq!(differs, None, "{name}");
        }
        files += ours.len();
        bytes += ours.values().map(Vec::len).sum::<usize>();
        kinds.insert(ours);
    }
    println!(
        "{count} dirty images, {files} files, {bytes} bytes, {} different contents",
        kinds.len()
    );
    assert!(kinds.len() > count / 4, "the images differ");
    for (who, missing) in [("e2fsck", e2fsprogs.err()), ("the kernel", kernel.err())] {
        match missing {
            None => println!("{who}: the same files, sizes and contents"),
            Some(why) => println!("{who}: NotMeasured, {why}"),
        }
    }
}

fn write(file: usize, offset: u64, len: usize) -> Op {
    Op::Write { file, offset, len }
}

#[test]
fn an_overwrite_in_place_is_durable_after_fsync() {
    let fsync = Op::Fsync { file: 0 };
    let ops = [
        write(0, 2_500, 100),
        fsync.clone(),
        write(0, 0, 1_024),
        fsync,
    ];
    for design in Design::ALL {
        replay((design, Delalloc::Always), 1, None, Tear::Block, &ops);
    }
}

/// Found by such a history: a hole that ended in the last block, beyond the end of the file, zeroed
/// that block in the cache only. The kernel takes the block from the file.
#[test]
fn a_hole_that_reaches_beyond_the_end_takes_the_last_block() {
    let ops = [
        write(0, 1_657, 1_519),
        Op::Fsync { file: 0 },
        Op::Punch {
            file: 0,
            offset: 1_520,
            len: 2_490,
        },
        Op::SyncWrite {
            file: 0,
            offset: 582,
            len: 2_231,
        },
    ];
    for design in Design::ALL {
        replay(
            (design, Delalloc::Always),
            1,
            Some(SHORT_LOG),
            Tear::Block,
            &ops,
        );
    }
}

/// Found by such a history: a block that is only in the cache is cut in part, and the file then
/// grows over it past the cache. On disk it is a hole, and nobody has promised otherwise.
#[test]
fn a_delayed_block_that_was_cut_in_part_may_be_a_hole() {
    let sync = Op::Direct {
        file: 1,
        offset: 4_099,
        len: 530,
        sync: true,
        queued: false,
    };
    let truncate = Op::Truncate {
        file: 1,
        size: 1_323,
    };
    let ops = [write(1, 0, 2_259), truncate, sync];
    for design in Design::ALL {
        let way = (design, Delalloc::Always);
        replay(way, 1, Some(SHORT_LOG), Tear::Block, &ops);
    }
}

/// A superblock is two sectors long, with its checksum in the second, and it is written in place
/// when the file system is mounted: so it does not survive being torn. Linux trusts the device with
/// the same.
#[test]
fn limit_a_torn_superblock_does_not_mount() {
    let setting = Setting {
        design: Design::Im,
        delalloc: Delalloc::Always,
        blocks_per_folio: 1,
        log_blocks_max: None,
        tear: Tear::Sector,
        seeded: None,
    };
    let outcome = Start::new().check(&[], setting, &mut Summary::default());
    let why = outcome.unwrap_err();
    assert!(why.contains("superblock"), "{why}");
}

/// What the history shows under a protocol with a seeded bug. Under the correct one it shows
/// nothing.
fn shows(seeded: Seeded, design: Design, ops: &[Op], log_blocks_max: Option<u32>) -> String {
    let delalloc = Delalloc::Always;
    replay((design, delalloc), 1, log_blocks_max, Tear::Block, ops);
    let setting = Setting {
        design,
        delalloc,
        blocks_per_folio: 1,
        log_blocks_max,
        tear: Tear::Block,
        seeded: Some(seeded),
    };
    let outcome = Start::new().check(ops, setting, &mut Summary::default());
    outcome.expect_err("a seeded bug is found")
}

/// A step that is wrong is found by a history, and by the invariant that it is there for.
#[test]
fn every_wrong_step_is_found() {
    let file = 1;
    let fsync = || Op::Fsync { file };
    let punch = |offset, len| Op::Punch { file, offset, len };
    let shrink = Op::Truncate { file, size: 500 };
    let found = [
        (
            "I23",
            shows(
                Seeded::Variant("disksize_before_io"),
                Design::Im,
                &[
                    write(file, 0, 1_000),
                    Op::Writeback { file, wait: true },
                    Op::Commit,
                ],
                None,
            ),
        ),
        // With a log as short as this a commit falls between the two handles of the truncate,
        // whatever the first one changes.
        (
            "I14",
            shows(
                Seeded::Variant("truncate_without_orphan"),
                Design::Im,
                &[Op::Truncate { file: 0, size: 100 }],
                Some(SHORT_LOG - 4),
            ),
        ),
        (
            "I14",
            shows(
                Seeded::SpaceKept,
                Design::Im,
                &[Op::Truncate { file: 0, size: 100 }, Op::Commit],
                None,
            ),
        ),
        (
            "I12",
            shows(
                Seeded::TailZeroedInCacheOnly,
                Design::Im,
                &[
                    write(file, 0, 1_000),
                    fsync(),
                    shrink.clone(),
                    Op::Extend { file, size: 900 },
                    Op::Commit,
                ],
                None,
            ),
        ),
        (
            "file 1 at byte 100: Some(0) expected",
            shows(
                Seeded::PartsKept,
                Design::Im,
                &[
                    write(file, 0, 1_000),
                    punch(100, 100),
                    Op::Read {
                        file,
                        offset: 0,
                        len: 1_000,
                    },
                ],
                None,
            ),
        ),
        (
            "I6",
            shows(
                Seeded::FoliosKept,
                Design::Im,
                &[write(file, 0, 1_024), punch(0, 1_024)],
                None,
            ),
        ),
        (
            "I10",
            shows(
                Seeded::SizeNotRaisedBeforePunch,
                Design::Im,
                &[
                    write(file, 0, 1_024),
                    fsync(),
                    write(file, 1_024, 1_024),
                    punch(1_024, 1_024),
                ],
                None,
            ),
        ),
        (
            "I17",
            shows(
                Seeded::OrphanLeft,
                Design::Im,
                &[write(file, 0, 1_024), shrink],
                None,
            ),
        ),
    ];
    for (expected, found) in found {
        assert!(found.contains(expected), "{expected} expected: {found}");
    }
}

/// As above, of the steps that only the BH design has.
#[test]
fn every_wrong_step_of_the_bh_design_is_found() {
    let file = 1;
    let fsync = || Op::Fsync { file };
    let data = [
        write(file, 0, 1_024),
        Op::Writeback { file, wait: true },
        Op::Commit,
    ];
    let tail = [
        write(file, 0, 1_000),
        fsync(),
        Op::Truncate { file, size: 500 },
        Op::Extend { file, size: 900 },
        Op::Commit,
    ];
    let end = [write(file, 0, 500), fsync(), write(file, 500, 300), fsync()];
    let bh = Design::Bh;
    let found = [
        ("I22", shows(Seeded::DataNotOrdered, bh, &data, None)),
        ("I22", shows(Seeded::CommitDoesNotWait, bh, &data, None)),
        ("I12", shows(Seeded::TailNotOrdered, bh, &tail, None)),
        ("I12", shows(Seeded::TailOnlyWaitedFor, bh, &tail, None)),
        (
            "I10",
            shows(Seeded::EndInsideBlockForgotten, bh, &end, None),
        ),
    ];
    for (expected, found) in found {
        assert!(found.contains(expected), "{expected} expected: {found}");
    }
}
