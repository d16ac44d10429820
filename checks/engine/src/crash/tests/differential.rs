//! The engine against the definition, on generated logs.
//!
//! Three claims: one cut per frontier reaches the crash states of all cuts, with promises at least
//! as strong; the candidates of a cut are its images; and lazy recovery reaches the same set of
//! recovered states as running recovery on every image.

use super::brute::{Brute, Image, State};
use super::build::{Act, act, log_of};
use crate::crash::{
    CrashCase, Cut, CutMode, Explored, Ground, LazyDisk, MemoryBase, Persistence, Source, Stopped,
    Tear, explore_images,
};
use cutpoint_event::Log;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

const BLOCKS: u64 = 3;

/// Generated the same way every time.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(4),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn acts() -> impl Strategy<Value = Vec<(u16, Act)>> {
    prop::collection::vec((0..3u16, act()), 4..17)
}

fn ground(size: usize, tear: Tear) -> Ground {
    Ground::new(Arc::new(MemoryBase::zeroed(size, BLOCKS)), tear)
}

fn cases(log: &Log, mode: CutMode, ground: &Ground) -> Vec<(Cut, Arc<CrashCase>)> {
    let persistence = Persistence::of(log).expect("a generated log is sound");
    let versions = ground.versions(&persistence, 0).expect("writes are blocks");
    let mut cases = Vec::new();
    let _ = persistence.cuts(mode, |cut| {
        let case = CrashCase::untouched(ground).after(&persistence, &versions, &cut, None);
        cases.push((cut, Arc::new(case)));
        ControlFlow::Continue(())
    });
    cases
}

fn explore(case: &Arc<CrashCase>, mut run: impl FnMut(&LazyDisk)) -> Explored {
    let explored: Result<Explored, Stopped<Infallible>> = explore_images(case, None, |disk| {
        run(disk);
        Ok(())
    });
    explored.expect("recovery is deterministic")
}

fn all_blocks(disk: &LazyDisk) -> Image {
    let read = |block| disk.read(block).expect("a block of the disk").to_vec();
    (0..BLOCKS).map(read).collect()
}

/// All images of a case, through the identity recovery.
fn images(case: &Arc<CrashCase>) -> BTreeSet<Image> {
    let mut images = BTreeSet::new();
    let explored = explore(case, |disk| {
        images.insert(all_blocks(disk));
    });
    assert_eq!(explored.runs, images.len() as u64, "each image once");
    assert_eq!(u128::from(explored.runs), case.states());
    images
}

/// Every image of every cut in the log, by the definition.
fn brute_states(log: &Log, size: usize, unit: usize) -> BTreeSet<State> {
    let (brute, base) = (Brute::new(log), vec![vec![0; size]; BLOCKS as usize]);
    let mut states = BTreeSet::new();
    for cut in brute.cuts() {
        let acknowledged = brute.acknowledged(&cut);
        for image in brute.images(&cut, &base, unit) {
            states.insert((image, acknowledged.clone()));
        }
    }
    states
}

fn engine_states(log: &Log, mode: CutMode, ground: &Ground) -> BTreeSet<State> {
    let states = cases(log, mode, ground)
        .into_iter()
        .flat_map(|(cut, case)| {
            let acknowledged: BTreeSet<usize> = cut.acknowledged.into_iter().collect();
            let images = images(&case).into_iter();
            images.map(move |image| (image, acknowledged.clone()))
        });
    states.collect()
}

/// A recovery that reads what earlier reads tell it to: block 0 says whether block 1 is copied to
/// block 2, whose content it returns with what it did.
fn recover_records(disk: &LazyDisk) -> (bool, Vec<u8>) {
    let record = disk.read(0).expect("a block of the disk");
    let is_committed = record[0] > 1;
    if is_committed {
        let copy = disk.read(1).expect("a block of the disk");
        disk.write(2, &copy, false).expect("a block of the disk");
    }
    (
        is_committed,
        disk.read(2).expect("a block of the disk").to_vec(),
    )
}

/// What the frontier argument needs of a log to say anything: that frontiers are several, and cuts
/// more than frontiers, and images more than cuts.
#[test]
fn the_generated_logs_are_not_trivial() {
    let (logs, telling) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(config());
    let result = runner.run(&acts(), |acts| {
        let ground = ground(2, Tear::Block);
        let log = log_of(&acts, 2, false);
        let frontiers = cases(&log, CutMode::Frontier, &ground);
        let cuts = cases(&log, CutMode::AllCuts, &ground).len();
        let images: u128 = frontiers.iter().map(|(_, case)| case.states()).sum();
        logs.set(logs.get() + 1);
        let is_telling = frontiers.len() > 1 && cuts > frontiers.len();
        let is_telling = is_telling && images > frontiers.len() as u128;
        telling.set(telling.get() + u32::from(is_telling));
        Ok(())
    });
    result.expect("nothing to fail");
    let (logs, telling) = (logs.get(), telling.get());
    assert!(
        logs >= 500 && telling > logs / 4,
        "{telling} of {logs} logs"
    );
}

/// The case of one image.
fn single(image: &Image, ground: &Ground) -> Arc<CrashCase> {
    let version = |data: &Vec<u8>| {
        let version = ground.version(data.as_slice().into(), Source::Base);
        vec![vec![version]; ground.units()]
    };
    let blocks = (0..).zip(image.iter().map(version)).collect();
    Arc::new(CrashCase::of(ground, blocks))
}

/// Recovery with writes that depend on what it read, flushed and not, before and after.
fn recover_with_writes(disk: &LazyDisk) {
    let read = |block| disk.read(block).expect("a block of the disk");
    let write = |block, byte, fua| {
        let data = vec![byte; disk.block_size()];
        disk.write(block, &data, fua).expect("a block of the disk");
    };
    let first = read(0)[0];
    write(2, first | 0x20, first == 1);
    if first > 1 {
        disk.flush();
    }
    write(0, read(1)[1] | 0x40, false);
    if read(2)[0] == 0x21 {
        disk.flush();
        write(1, 0x60, true);
    }
}

/// What a power cut during recovery leaves of a case, by the engine.
fn nested_images(case: &Arc<CrashCase>) -> BTreeSet<Image> {
    let mut nested = BTreeSet::new();
    explore(case, |disk| {
        recover_with_writes(disk);
        disk.seal();
        let persistence = Persistence::of(&disk.recovery_log()).expect("sound");
        let versions = case.ground().versions(&persistence, 1).expect("blocks");
        let _ = persistence.cuts(CutMode::Frontier, |cut| {
            let beneath = disk.decided_before(cut.prefix[0] as usize);
            let inner = beneath.after(&persistence, &versions, &cut, None);
            nested.extend(images(&Arc::new(inner)));
            ControlFlow::Continue(())
        });
    });
    nested
}

fn recovered(states: &BTreeSet<State>) -> BTreeSet<&Image> {
    states.iter().map(|(image, _)| image).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_cut_per_frontier_reaches_the_states_of_all_cuts(
        acts in acts(),
        unordered in any::<bool>(),
    ) {
        let log = log_of(&acts, 2, unordered);
        let ground = ground(2, Tear::Block);
        let brute = brute_states(&log, 2, 2);
        prop_assert_eq!(&engine_states(&log, CutMode::AllCuts, &ground), &brute);
        let frontier = engine_states(&log, CutMode::Frontier, &ground);
        prop_assert_eq!(recovered(&frontier), recovered(&brute));
        for (image, promises) in &brute {
            let covers = |(same, stronger): &State| same == image && stronger.is_superset(promises);
            prop_assert!(frontier.iter().any(covers), "{:?} with {:?}", image, promises);
        }
        prop_assert!(frontier.is_subset(&brute), "a frontier's largest cut is a cut");
    }

    #[test]
    fn torn_writes_leave_what_the_definition_says(acts in acts()) {
        let log = log_of(&acts, 1024, false);
        let frontier = engine_states(&log, CutMode::Frontier, &ground(1024, Tear::Sector));
        let brute = brute_states(&log, 1024, 512);
        prop_assert_eq!(recovered(&frontier), recovered(&brute));
    }

    #[test]
    fn lazy_recovery_reaches_what_recovery_of_every_image_reaches(acts in acts()) {
        let log = log_of(&acts, 2, false);
        let ground = ground(2, Tear::Block);
        for (_, case) in cases(&log, CutMode::Frontier, &ground) {
            let mut lazily = BTreeSet::new();
            let explored = explore(&case, |disk| {
                let observed = recover_records(disk);
                lazily.insert(observed);
            });
            let mut one_by_one = BTreeSet::new();
            for image in images(&case) {
                let single = single(&image, &ground);
                let runs = explore(&single, |disk| {
                    one_by_one.insert(recover_records(disk));
                });
                prop_assert_eq!(runs.runs, 1);
            }
            prop_assert_eq!(lazily, one_by_one);
            prop_assert!(u128::from(explored.runs) <= case.states());
        }
    }

    #[test]
    fn crashes_in_recovery_leave_what_the_definition_says(acts in acts()) {
        let log = log_of(&acts, 2, false);
        let ground = ground(2, Tear::Block);
        for (_, case) in cases(&log, CutMode::Frontier, &ground) {
            let mut expected = BTreeSet::new();
            for image in images(&case) {
                explore(&single(&image, &ground), |disk| {
                    recover_with_writes(disk);
                    let log = disk.recovery_log();
                    let brute = Brute::new(&log);
                    for cut in brute.cuts() {
                        expected.extend(brute.images(&cut, &image, 2));
                    }
                });
            }
            prop_assert_eq!(nested_images(&case), expected);
        }
    }

    #[test]
    fn clocks_are_the_transitive_closure(acts in acts(), unordered in any::<bool>()) {
        let log = log_of(&acts, 2, unordered);
        let (brute, engine) = (Brute::new(&log), Persistence::of(&log).expect("sound"));
        for a in 0..log.events.len() {
            for b in 0..log.events.len() {
                prop_assert_eq!(engine.reaches(a, b), brute.reaches(a, b), "{} {}", a, b);
            }
        }
    }
}
