//! Counters, bounds, harness failures and memory of the engine.

use super::build::Builder;
use super::journal::{Journal, Mistake, check, execution};
use crate::crash::{
    CrashCase, CrashChecker, CrashFailure, CrashFinding, CrashOptions, Cut, CutMode, Explored,
    Ground, LazyDisk, MemoryBase, Observations, Persistence, Recover, Stopped, Tear,
    explore_images,
};
use cutpoint_event::{Log, Op, What};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The case at the end of `writes` writes without a flush, to blocks of their own.
fn unflushed(writes: u64) -> Arc<CrashCase> {
    let mut log = Builder::default();
    for block in 0..writes {
        log.write(0, block, &[1; 16], false);
    }
    let ground = Ground::new(Arc::new(MemoryBase::zeroed(16, writes)), Tear::Block);
    let persistence = Persistence::of(&log.finish()).expect("sound");
    let versions = ground.versions(&persistence, 0).expect("blocks");
    let mut cases = Vec::new();
    let _ = persistence.cuts(CutMode::Frontier, |cut| {
        let base = CrashCase::untouched(&ground);
        cases.push(base.after(&persistence, &versions, &cut, None));
        ControlFlow::Continue(())
    });
    assert_eq!(cases.len(), 1, "no durability event, one frontier");
    Arc::new(cases.remove(0))
}

fn runs(case: &Arc<CrashCase>, recover: impl Fn(&LazyDisk)) -> Explored {
    let explored: Result<Explored, Stopped<()>> = explore_images(case, None, |disk| {
        recover(disk);
        Ok(())
    });
    explored.expect("deterministic")
}

#[test]
fn states_grow_exponentially_and_recoveries_with_what_is_read() {
    for writes in [4, 12, 20, 24] {
        let case = unflushed(writes);
        assert_eq!(case.states(), 1 << writes);
        let scan = runs(&case, |disk| {
            // A log scan: it ends at the first block that is missing.
            let is_there = |block: &u64| disk.read(*block).expect("a block")[0] == 1;
            (0..writes).take_while(is_there).for_each(drop);
        });
        assert_eq!(scan.runs, writes + 1, "one recovery per prefix");
        let unread = runs(&case, |disk| {
            let sets = (0..writes).map(|block| disk.candidates(block).expect("a block"));
            assert!(sets.flatten().all(|unit| unit.contents().len() == 2));
        });
        assert_eq!(unread.runs, 1, "judging sets does not fork");
    }
    assert_eq!(
        runs(&unflushed(10), |disk| drop(disk.materialise())).runs,
        1
    );
}

/// How many contents block 0 may have at the end of the log.
fn contents(log: Builder) -> usize {
    let ground = Ground::new(Arc::new(MemoryBase::zeroed(16, 1)), Tear::Block);
    let persistence = Persistence::of(&log.finish()).expect("sound");
    let versions = ground.versions(&persistence, 0).expect("blocks");
    let case = CrashCase::untouched(&ground);
    let case = case.after(&persistence, &versions, &persistence.everything(), None);
    case.unit(0, 0).len()
}

#[test]
fn of_two_writes_in_flight_at_once_either_stays_for_good() {
    let two = |waits: bool| {
        let mut log = Builder::default();
        let first = log.submit(0, 0, &[1; 16], false);
        if waits {
            log.complete(0, first);
        }
        let second = log.submit(0, 0, &[2; 16], false);
        if !waits {
            log.complete(0, first);
        }
        log.complete(0, second);
        log
    };
    // The base may be left until a flush.
    assert_eq!([contents(two(true)), contents(two(false))], [3, 3]);
    let flushed = |waits| {
        let mut log = two(waits);
        log.flush(0);
        log
    };
    assert_eq!([contents(flushed(true)), contents(flushed(false))], [1, 2]);
}

#[test]
fn a_part_of_a_block_decides_only_its_sectors() {
    let ground = Ground::new(Arc::new(MemoryBase::zeroed(2048, 1)), Tear::Sector);
    let new = ground.version(vec![1; 2048].into(), crate::crash::Source::Base);
    let units = vec![vec![ground.base(0), new]; 4];
    let case = Arc::new(CrashCase::of(&ground, [(0, units)].into()));
    assert_eq!(case.states(), 16);
    let read = |range: std::ops::Range<usize>| {
        let read = |disk: &LazyDisk| assert_eq!(disk.read_part(0, range.clone()).unwrap().len(), 2);
        runs(&case, read).runs
    };
    assert_eq!(read(10..12), 2);
    assert_eq!(read(511..513), 4, "across a boundary");
    assert_eq!(runs(&case, |disk| drop(disk.read(0))).runs, 16);
}

#[test]
fn one_execution_again_costs_nothing() {
    let base = || MemoryBase::zeroed(1024, 3).with(2, &[3; 1024]);
    let log = execution(Mistake::Nothing);
    let mut remembering = CrashChecker::new(CrashOptions::default(), base());
    let journal = Journal(Mistake::Nothing);
    remembering.check(&log, &journal).expect("holds");
    let first = remembering.stats().clone();
    remembering.check(&log, &journal).expect("holds");
    let again = remembering.stats();
    assert_eq!(again.recoveries_run, first.recoveries_run);
    assert_eq!(again.crash_states_covered, first.crash_states_covered);
    assert!(again.crash_frontiers > first.crash_frontiers);
    // On the base image, and on the one image that the execution leaves.
    assert_eq!((again.controls_run, again.cases_forgotten), (2, 0));

    let mut forgetful = CrashChecker::new(
        CrashOptions {
            memory_entries_max: 1,
            ..CrashOptions::default()
        },
        base(),
    );
    forgetful.check(&log, &journal).expect("holds");
    forgetful.check(&log, &journal).expect("holds");
    assert!(forgetful.stats().cases_forgotten > 0);
    assert!(forgetful.stats().recoveries_run > first.recoveries_run);
}

#[test]
fn frontiers_and_cases_of_the_journal_are_exact() {
    let options = CrashOptions {
        recovery_crashes: 0,
        ..CrashOptions::default()
    };
    let (result, stats) = check(Mistake::Nothing, options);
    assert!(result.is_ok());
    // Durability events: the copy's flush, the record, the home block's flush, the record again.
    assert_eq!((stats.crash_frontiers, stats.crash_cases), (5, 5));
    // Images: copy or not; record or not; home or not; record cleared or not; the end.
    assert_eq!((stats.crash_states_covered, stats.recoveries_run), (9, 7));
}

#[test]
fn a_power_cut_in_recovery_leaves_undecided_what_recovery_had_not_read() {
    let mut log = Builder::default();
    log.write(0, 0, &[1; 16], false);
    log.write(0, 1, &[1; 16], false);
    let options = CrashOptions::default();
    let mut checker = CrashChecker::new(options, MemoryBase::zeroed(16, 3));
    checker.check(&log.finish(), &Sequential).expect("holds");
    let stats = checker.stats();
    // Four images at first. Cut off before the flush: block 0 decided, block 1 open, block 2
    // written or not. Cut off after it: all decided.
    assert_eq!(stats.crash_cases, 1 + 2 + 4);
    assert_eq!(stats.crash_states_covered, 4 + 2 * 4 + 4 * 2);
}

/// A recovery that reads block 0, writes block 2 and flushes, reads block 1 and writes block 2.
struct Sequential;

impl Recover for Sequential {
    type Promise = u8;

    fn promises(&self, _log: &Log, _cut: &Cut) -> Vec<u8> {
        Vec::new()
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        _promises: &[u8],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        for (block, byte) in [(0, 5), (1, 6)] {
            disk.read(block).expect("a block of the disk");
            disk.write(2, &[byte; 16], false)
                .expect("a block of the disk");
            if block == 0 {
                disk.flush();
            }
        }
        disk.seal();
        Ok(Observations::default())
    }
}

#[test]
fn bounds_are_reported() {
    let in_flight = CrashOptions {
        in_flight_max: Some(0),
        ..CrashOptions::default()
    };
    let (result, stats) = check(Mistake::NoFlush, in_flight);
    assert!(
        result.is_ok(),
        "with nothing uncertain, every write survives"
    );
    assert!(stats.cases_bounded > 0);
    let recoveries = CrashOptions {
        recoveries_per_case_max: Some(1),
        ..CrashOptions::default()
    };
    let (_, stats) = check(Mistake::Nothing, recoveries);
    assert!(stats.cases_bounded > 0);
}

#[test]
fn a_broken_harness_accuses_nobody() {
    let (result, stats) = check(Mistake::ControlFails, CrashOptions::default());
    assert!(
        matches!(result, Err(CrashFailure::HarnessBroken(_))),
        "{result:?}"
    );
    assert_eq!((stats.controls_run, stats.recoveries_run), (2, 0));

    let mut log = Builder::default();
    log.push(
        0,
        What::Completed {
            request: 9,
            ok: true,
        },
    );
    let base = MemoryBase::zeroed(16, 1);
    let mut checker = CrashChecker::new(CrashOptions::default(), base);
    let result = checker.check(&log.finish(), &Journal(Mistake::Nothing));
    assert!(
        matches!(result, Err(CrashFailure::HarnessBroken(_))),
        "{result:?}"
    );
}

/// A recovery that reads another block every time.
struct Fickle(Cell<u64>);

impl Recover for Fickle {
    type Promise = u8;

    fn promises(&self, _log: &Log, _cut: &Cut) -> Vec<u8> {
        Vec::new()
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        _promises: &[u8],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        self.0.set(self.0.get() + 1);
        disk.read(self.0.get() % disk.blocks())
            .expect("a block of the disk");
        Ok(Observations::default())
    }
}

#[test]
fn a_recovery_that_is_not_deterministic_is_a_broken_harness() {
    let mut log = Builder::default();
    log.write(0, 0, &[1; 16], false);
    log.write(0, 1, &[1; 16], false);
    let base = MemoryBase::zeroed(16, 2);
    let mut checker = CrashChecker::new(CrashOptions::default(), base);
    let result = checker.check(&log.finish(), &Fickle(Cell::new(0)));
    assert!(
        matches!(result, Err(CrashFailure::HarnessBroken(_))),
        "{result:?}"
    );
}

#[test]
fn no_power_cuts_where_none_are_asked_for() {
    let options = CrashOptions {
        mode: CutMode::Off,
        ..CrashOptions::default()
    };
    let (result, stats) = check(Mistake::NoFlush, options);
    assert!(result.is_ok());
    assert_eq!(stats, Default::default());
}

#[test]
fn a_flush_covers_only_what_happens_before_it() {
    let case_of = |synchronised: bool| {
        let mut log = Builder::default();
        log.write(0, 0, &[1; 16], false);
        log.op(0, Op::ReleaseExclusive, 1);
        if synchronised {
            log.op(1, Op::AcquireExclusive, 1);
        }
        log.flush(1);
        let persistence = Persistence::of(&log.finish()).expect("sound");
        let mut last = None;
        let _ = persistence.cuts(CutMode::Frontier, |cut| {
            last = Some(cut);
            ControlFlow::Continue(())
        });
        let cut = last.expect("a cut");
        (cut.must.len(), cut.may.len())
    };
    assert_eq!(case_of(true), (1, 0));
    assert_eq!(case_of(false), (0, 1), "the flush may have come first");
}
