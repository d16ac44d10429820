//! The redb example at a size for every test run, and the file that it keeps on a device.
//!
//! The example itself, with its command line and its full workload, is `examples/redb`.

#[path = "../examples/redb/backend.rs"]
mod backend;
#[path = "../examples/common/device.rs"]
mod device;
#[path = "../examples/redb/oracle.rs"]
mod oracle;
#[path = "../examples/redb/workload.rs"]
mod workload;

use backend::BlockFile;
use cutpoint::crash::{
    CrashCase, CrashChecker, CrashFailure, CrashOptions, CrashStats, CutMode, Ground, LazyDisk,
    MemoryBase, Persistence, Tear, explore_images,
};
use cutpoint_event::log;
use device::{Device, Recorder};
use oracle::Redb;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use redb::StorageBackend;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;
use workload::{SCRIPT, Variant};

const DEVICE_BYTES: u64 = 4 << 20;

const NO_NESTING: CrashOptions = CrashOptions {
    mode: CutMode::Frontier,
    tear: Tear::Block,
    recovery_crashes: 0,
    in_flight_max: None,
    recoveries_per_case_max: None,
    memory_entries_max: 100_000,
};

/// Checks the first `steps` steps of the workload.
fn check(
    steps: usize,
    block_size: usize,
    variant: Variant,
    options: CrashOptions,
) -> (Result<(), CrashFailure>, CrashStats) {
    let blocks = DEVICE_BYTES / block_size as u64;
    let device = Recorder::new(block_size, blocks);
    let run = workload::run(&SCRIPT[..steps], &device, variant).expect("redb runs");
    assert!(run.transactions >= run.states.len() - 1 && run.transactions <= steps);
    let mut checker = CrashChecker::new(options, MemoryBase::zeroed(block_size, blocks));
    let oracle = Redb { states: run.states };
    let result = checker.check(&run.log, &oracle);
    (result, checker.stats().clone())
}

/// Checks with the backend that syncs, exhaustively, and hands out the counters.
fn holds(steps: usize, block_size: usize, options: CrashOptions) -> CrashStats {
    let (result, stats) = check(steps, block_size, Variant::Correct, options);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(stats.cases_bounded, 0, "every distinguishable image");
    assert!(stats.crash_states_covered > u128::from(stats.recoveries_run));
    stats
}

#[test]
fn durable_transactions_survive_every_image_of_every_frontier() {
    // Everything but the growing of the file: 23 transactions, 21 of them committed.
    let stats = holds(25, 4096, NO_NESTING);
    for name in [
        "recovered the last acknowledged state",
        "recovered the last issued state",
        "recovered a state in between",
        "refused a file whose creation was not acknowledged",
    ] {
        assert!(stats.observations.count(name) > 0, "{name}");
    }
}

#[test]
fn durable_transactions_survive_a_power_cut_in_recovery() {
    let options = CrashOptions {
        recovery_crashes: 1,
        ..NO_NESTING
    };
    let stats = holds(9, 4096, options);
    let nested = "recovered after a power cut in recovery";
    assert!(stats.observations.count(nested) > 0);
}

#[test]
fn durable_transactions_survive_torn_pages() {
    let whole = holds(11, 4096, NO_NESTING);
    let torn = holds(11, 512, NO_NESTING);
    assert!(torn.crash_states_covered > whole.crash_states_covered);
}

#[test]
fn all_cuts_agree_with_one_cut_per_frontier() {
    let options = CrashOptions {
        mode: CutMode::AllCuts,
        ..NO_NESTING
    };
    let stats = holds(3, 4096, options);
    assert!(stats.crash_frontiers > holds(3, 4096, NO_NESTING).crash_frontiers);
}

#[test]
fn a_backend_that_does_not_sync_is_caught() {
    let (result, _) = check(3, 4096, Variant::NoSync, NO_NESTING);
    let Err(CrashFailure::Violated(violation)) = result else {
        panic!("not caught: {result:?}");
    };
    assert_eq!(violation.finding.invariant, "durable-prefix");
}

/// The lengths that a power cut at the end of `work` may leave.
fn lengths_after(work: impl FnOnce(&BlockFile<Recorder>)) -> BTreeSet<u64> {
    let (size, blocks) = (16, 64);
    log::start();
    work(&BlockFile(Recorder::new(size, blocks)));
    let persistence = Persistence::of(&log::finish()).expect("a sound log");
    let ground = Ground::new(Arc::new(MemoryBase::zeroed(size, blocks)), Tear::Block);
    let versions = ground.versions(&persistence, 0).expect("blocks");
    let mut last = None;
    let _ = persistence.cuts(CutMode::Frontier, |cut| {
        last = Some(CrashCase::untouched(&ground).after(&persistence, &versions, &cut, None));
        ControlFlow::Continue(())
    });
    let mut lengths = BTreeSet::new();
    let case = Arc::new(last.expect("at least one cut"));
    let explored = explore_images(&case, None, |disk: &LazyDisk| {
        lengths.insert(BlockFile(disk.clone()).len().expect("a length"));
        Ok::<(), Infallible>(())
    });
    assert_eq!(explored.expect("deterministic").runs, lengths.len() as u64);
    lengths
}

#[test]
fn a_length_is_certain_only_after_a_sync() {
    let set = |file: &BlockFile<Recorder>, length| file.set_len(length).expect("room");
    let sync = |file: &BlockFile<Recorder>| file.sync_data().expect("a flush");
    let unsynced = lengths_after(|file| {
        set(file, 100);
        sync(file);
        set(file, 50);
        set(file, 120);
    });
    assert_eq!(unsynced, [50, 100, 120].into());
    let synced = lengths_after(|file| {
        set(file, 100);
        set(file, 50);
        sync(file);
    });
    assert_eq!(synced, [50].into());
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Write {
        offset: u64,
        bytes: usize,
        value: u8,
    },
    SetLength(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..90u64, 0..40usize, 1..=255u8)
            .prop_map(|(offset, bytes, value)| Act::Write { offset, bytes, value }),
        1 => (0..100u64).prop_map(Act::SetLength),
    ]
}

/// Does the same to a file on `device` and to a vector, and compares them after every step.
fn is_a_file<D: Device>(device: D, acts: &[Act]) {
    let (file, mut model) = (BlockFile(device), Vec::new());
    for &act in acts {
        match act {
            Act::SetLength(length) => {
                file.set_len(length).expect("room");
                model.resize(length as usize, 0);
            }
            Act::Write {
                offset,
                bytes,
                value,
            } => {
                let range = offset as usize..offset as usize + bytes;
                let result = file.write(offset, &vec![value; bytes]);
                assert_eq!(result.is_ok(), range.end <= model.len(), "{act:?}");
                if result.is_ok() {
                    model[range].fill(value);
                }
            }
        }
        assert_eq!(file.len().expect("a length"), model.len() as u64);
        let mut read = vec![0xee; model.len()];
        file.read(0, &mut read).expect("within the file");
        assert_eq!(read, model, "after {act:?}");
        let mut beyond = vec![0; model.len() + 1];
        assert!(file.read(0, &mut beyond).is_err(), "beyond the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(4),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_file_on_a_device_is_a_file(acts in prop::collection::vec(act(), 1..24)) {
        let ground = Ground::new(Arc::new(MemoryBase::zeroed(16, 16)), Tear::Block);
        is_a_file(LazyDisk::new(Arc::new(CrashCase::untouched(&ground))), &acts);
        log::start();
        is_a_file(Recorder::new(16, 16), &acts);
        log::finish();
    }
}
