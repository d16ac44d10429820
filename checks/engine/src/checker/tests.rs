//! Checks as a stranger writes them: what they find, what they write, what they replay.

use super::{Checker, Report};
use crate::crash::{CrashOptions, MemoryBase, Tear};
use crate::disk::{Disk, Promise};
use crate::verdict::Verdict;
use cutpoint_traces::Trace;
use cutpoint_traces::format::{BlockVersion, Survivor};
use rt_shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use rt_shuttle::sync::{Arc, Mutex};
use rt_shuttle::thread::spawn;
use rt_shuttle::{Arg, Args, Class, Key, Memory, Object, Op, Use, access, acknowledged, op, part};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tempfile::TempDir;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn increments(add: fn(&AtomicU32)) -> impl Fn() + Send + Sync + 'static {
    move || {
        let count = Arc::new(AtomicU32::new(0));
        let theirs = count.clone();
        let task = spawn("other", move || add(&theirs));
        add(&count);
        task.join();
        assert_eq!(count.load(SeqCst), 2);
    }
}

fn torn(count: &AtomicU32) {
    let value = count.load(SeqCst);
    count.store(value + 1, SeqCst);
}

fn whole(count: &AtomicU32) {
    count.fetch_add(1, SeqCst);
}

#[test]
fn a_check_that_holds_says_how_much_it_ran() {
    let directory = directory();
    let checker = Checker::new("increments").traces_in(directory.path());
    let report = checker.check(increments(whole));
    assert!(matches!(
        report.verdict,
        Verdict::Exhausted { executions: 2 }
    ));
    assert_eq!(report.traces_distinct, Some(2));
    assert_eq!(report.trace_file, None);
    let files = std::fs::read_dir(directory.path()).expect("it is there");
    assert_eq!(files.count(), 0);
}

#[test]
fn a_livelock_is_told_in_few_lines() {
    let directory = directory();
    let checker = Checker::new("spin").traces_in(directory.path());
    let report = checker.max_steps(1_000).run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let task = spawn("other", move || theirs.store(true, SeqCst));
        while !stop.load(SeqCst) {}
        task.join();
    });
    let text = report.to_string();
    assert!(text.contains("livelock"), "{text}");
    assert!(text.contains(" times more, up to "), "{text}");
    assert!(text.lines().count() < 30, "{text}");
}

#[test]
fn a_bound_on_preemptions_is_said_unless_nothing_is_beyond_it() {
    let directory = directory();
    let checker = |most| {
        let checker = Checker::new("increments").traces_in(directory.path());
        checker.preemptions(most)
    };
    let bounded = checker(0).run(increments(torn));
    assert_eq!(bounded.traces_distinct, Some(2));
    assert_eq!(
        bounded.verdict.to_string(),
        "no violation in 2 executions, within bounds: no preemption, complete for this bound"
    );
    assert!(checker(1).run(increments(torn)).verdict.is_violated());
    let all = checker(1).run(increments(whole)).verdict;
    assert!(matches!(all, Verdict::Exhausted { .. }), "{all}");
}

#[test]
fn a_violation_panics_with_the_race_and_the_command() {
    let directory = directory();
    let checker = Checker::new("increments").traces_in(directory.path());
    let run = AssertUnwindSafe(|| checker.check(increments(torn)));
    let panic = catch_unwind(run).expect_err("it panics");
    let text = panic.downcast_ref::<String>().expect("with a text");
    for part in [
        "check 'increments' at ",
        "increments: violates panic",
        "main           | other",
        "load atomic",
        "store atomic",
        "observed assertion `left == right` failed, left: 1, right: 2",
        "replay: CUTPOINT_REPLAY='",
        "increments.trace.json' ",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_trace_replays_until_the_code_is_mended() {
    let directory = directory();
    let checker = Checker::new("increments").traces_in(directory.path());
    let file = checker.run(increments(torn)).trace_file.expect("a trace");
    let replay = Checker::new("increments").replay(&file);

    let again = replay.run(increments(torn));
    assert!(again.verdict.is_violated(), "{again}");
    assert_eq!(again.executions, 1);

    let Verdict::WithinBounds { bounds, .. } = replay.run(increments(whole)).verdict else {
        panic!("the tasks still do half of what was recorded");
    };
    assert!(bounds.ends_with("no longer violates panic"), "{bounds}");

    let other = replay.run(|| drop(Mutex::new(()).lock()));
    let Verdict::NotMeasured(why) = &other.verdict else {
        panic!("{other}");
    };
    assert!(why.starts_with("the trace no longer applies: "), "{why}");
    assert!(!other.holds());
}

#[test]
fn what_is_no_trace_of_the_check_is_not_replayed() {
    let directory = directory();
    let checker = Checker::new("increments").traces_in(directory.path());
    let file = checker.run(increments(torn)).trace_file.expect("a trace");
    let missing = directory.path().join("missing.json");
    for (checker, why) in [
        (
            Checker::new("another").replay(&file),
            "of 'increments', another check",
        ),
        (
            Checker::new("another").replay(&missing),
            "can not read the file",
        ),
    ] {
        let report = checker.run(increments(torn));
        let Verdict::NotMeasured(text) = &report.verdict else {
            panic!("{report}");
        };
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_trace_that_can_not_be_written_is_shown_all_the_same() {
    let directory = directory();
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("there is room");
    let report = Checker::new("increments")
        .traces_in(&file)
        .run(increments(torn));
    assert_eq!(report.trace_file, None);
    let text = report.to_string();
    assert!(text.contains("the trace could not be written: "), "{text}");
    assert!(text.contains("increments: violates panic"), "{text}");
}

#[test]
fn a_lock_order_that_no_execution_deadlocks_on_is_a_violation() {
    let opposite = || {
        let (a, b) = (Mutex::new(()), Mutex::new(()));
        drop((a.lock(), b.lock()));
        drop((b.lock(), a.lock()));
    };
    let directory = directory();
    let checker = Checker::new("opposite").traces_in(directory.path());
    let report = checker.run(opposite);
    let trace = report.trace.as_ref().expect("a counterexample");
    assert_eq!(trace.violation.invariant, "lock-order");
    assert!(
        trace
            .violation
            .observed
            .starts_with("mutex -> mutex #2 -> mutex: ")
    );
    let report = checker.lock_order(false).run(opposite);
    assert!(matches!(report.verdict, Verdict::Exhausted { .. }));
}

/// Two tasks use a number, the one under a lock and the other under a lock or not. Nothing that
/// either finds depends on who was first.
fn counted(is_locked: bool, other: (Use, Range<usize>)) -> impl Fn() + Send + Sync + Clone {
    let use_it = |kind, bytes| {
        let memory = Memory {
            class: "number",
            number: 3,
        };
        access(kind, memory, bytes);
    };
    move || {
        let lock = Arc::new(Mutex::new(()));
        let (theirs, (kind, bytes)) = (lock.clone(), other.clone());
        let task = spawn("counts", move || {
            let _held = is_locked.then(|| theirs.lock());
            use_it(kind, bytes);
        });
        let held = lock.lock();
        use_it(Use::Change, 0..8);
        drop(held);
        task.join();
        use_it(Use::Read, 0..8);
    }
}

#[test]
fn memory_that_is_used_in_no_order_is_a_violation_whoever_was_first() {
    let directory = directory();
    let checker = Checker::new("counted").traces_in(directory.path());
    for kind in [Use::Read, Use::Change] {
        let report = checker.clone().run(counted(false, (kind, 7..9)));
        let trace = report.trace.as_ref().expect("a counterexample");
        assert_eq!(trace.violation.invariant, "data-race");
        let text = &trace.violation.observed;
        assert!(text.contains("bytes 7 to 8 of number 3"), "{text}");
        assert!(text.contains("'main' changes"), "{text}");
        let report = checker.clone().run(counted(true, (kind, 7..9)));
        assert!(matches!(report.verdict, Verdict::Exhausted { .. }));
        let report = checker.clone().run(counted(false, (kind, 8..9)));
        assert!(matches!(report.verdict, Verdict::Exhausted { .. }));
    }
}

#[test]
fn memory_that_is_used_within_operations_is_ordered_by_them() {
    static CELL: Class = Class::new("cell");
    let within = |operation: Op| {
        let memory = Memory {
            class: "number",
            number: 3,
        };
        move || {
            let cell = Arc::new(Object::new(&CELL, Key::Only));
            let change = move |cell: &Object| {
                let change = || access(Use::Change, memory, 0..8);
                op(cell, operation, || true, change);
            };
            let theirs = cell.clone();
            let task = spawn("counts", move || change(&theirs));
            change(&cell);
            task.join();
        }
    };
    let directory = directory();
    let checker = Checker::new("within").traces_in(directory.path());
    let report = checker.clone().run(within(Op::Update));
    assert!(matches!(report.verdict, Verdict::Exhausted { .. }));
    // These commute, so they order nothing.
    let report = checker.run(within(Op::Load));
    let trace = report.trace.as_ref().expect("a counterexample");
    assert_eq!(trace.violation.invariant, "data-race");
}

#[test]
fn a_budget_is_a_bound() {
    let report = Checker::new("increments")
        .executions(1)
        .check(increments(whole));
    assert!(matches!(
        report.verdict,
        Verdict::WithinBounds { executions: 1, .. }
    ));
}

const BLOCK: usize = 1024;

/// A log of one record in block 1, and in block 0 how many records are valid.
#[derive(Clone, Copy)]
struct Steps {
    flush_record: bool,
    flush_count: bool,
}

fn append(disk: &Disk, steps: Steps) {
    let write = |block, byte| {
        disk.write(block, &[byte; BLOCK])
            .expect("it is on the disk")
    };
    write(1, 9);
    if steps.flush_record {
        disk.flush().expect("it does not fail");
    }
    write(0, 1);
    if steps.flush_count {
        disk.flush().expect("it does not fail");
    }
    let args = Args::new(&[Arg {
        key: "record",
        value: 1.into(),
    }]);
    acknowledged("append", || args);
}

fn recover(disk: &Disk, promises: &[Promise]) -> Result<(), String> {
    let read = |block| disk.read(block).map_err(|error| error.to_string());
    let count = read(0)?[0];
    let promised = promises.iter().filter(|promise| promise.name == "append");
    if usize::from(count) < promised.count() {
        return Err(format!("{count} records"));
    }
    if count == 1 && read(1)?.iter().any(|byte| *byte != 9) {
        return Err("a valid record is torn".into());
    }
    Ok(())
}

fn append_and_cut(steps: Steps, tear: Tear, directory: &TempDir) -> Report {
    let checker = Checker::new("append").traces_in(directory.path());
    let options = CrashOptions {
        tear,
        ..CrashOptions::default()
    };
    let checker = checker
        .crash(MemoryBase::zeroed(BLOCK, 2), recover)
        .options(options);
    checker.run(move |disk| append(&disk, steps))
}

const CORRECT: Steps = Steps {
    flush_record: true,
    flush_count: true,
};

#[test]
fn a_correct_log_survives_every_power_cut() {
    for tear in [Tear::Block, Tear::Sector] {
        let report = append_and_cut(CORRECT, tear, &directory());
        assert!(
            matches!(report.verdict, Verdict::Exhausted { .. }),
            "{report}"
        );
        assert!(report.crash.recoveries_run > 3);
        assert_eq!(report.crash.cases_bounded, 0);
    }
}

#[test]
fn a_missing_flush_is_found_and_replays() {
    let no_record = Steps {
        flush_record: false,
        ..CORRECT
    };
    let no_count = Steps {
        flush_count: false,
        ..CORRECT
    };
    for (steps, observed) in [
        (no_record, "a valid record is torn"),
        (no_count, "0 records"),
    ] {
        let directory = directory();
        let report = append_and_cut(steps, Tear::Block, &directory);
        let trace = report.trace.as_ref().expect("a counterexample");
        assert_eq!(trace.violation.observed, observed);
        assert!(trace.crash.is_some() && trace.image.is_some());
        assert!(report.to_string().contains("power cut"), "{report}");

        let file = report.trace_file.expect("it was written");
        let read = Trace::read(&file).expect("it can be read");
        assert_eq!(Some(&read), report.trace.as_deref());
        let checker = Checker::new("append").replay(&file);
        let checker = checker.crash(MemoryBase::zeroed(BLOCK, 2), recover);
        let again = checker.run(move |disk| append(&disk, steps));
        assert_eq!(again.trace.expect("again").violation, read.violation);
        let mended = checker.run(|disk| append(&disk, CORRECT));
        assert!(mended.holds(), "{mended}");
    }
}

#[test]
fn a_disk_refuses_what_is_not_on_it() {
    let disk = Disk::new(MemoryBase::zeroed(BLOCK, 2).with(1, &[3; BLOCK]));
    assert_eq!((disk.blocks(), disk.block_size()), (2, BLOCK));
    assert!(disk.read(2).is_err() && disk.write(2, &[0; BLOCK]).is_err());
    assert!(disk.write(0, &[0; BLOCK - 1]).is_err());
    assert_eq!(*disk.read(1).expect("it is there"), [3; BLOCK]);
    disk.write_durably(1, &[4; BLOCK]).expect("it is there");
    assert_eq!(*disk.read(1).expect("it is there"), [4; BLOCK]);
    assert!(disk.lazy().is_none());
}

/// Two torn increments beside a task that only gets in the way.
fn crowded() -> impl Fn() + Send + Sync + 'static {
    move || {
        let count = Arc::new(AtomicU32::new(0));
        let bystander = part("bystander").then(|| {
            let count = count.clone();
            spawn("bystander", move || _ = count.load(SeqCst))
        });
        let theirs = count.clone();
        let task = spawn("other", move || torn(&theirs));
        torn(&count);
        task.join();
        bystander.into_iter().for_each(|task| task.join());
        assert_eq!(count.load(SeqCst), 2);
    }
}

#[test]
fn the_trace_of_a_violation_is_made_smaller_unless_told_otherwise() {
    let directory = directory();
    let checker = Checker::new("crowded").traces_in(directory.path());
    let as_found = checker.clone().minimise(0).run(crowded());
    let smaller = checker.run(crowded());
    let tasks = |report: &Report| report.trace.as_ref().map(|trace| trace.tasks.len());
    assert_eq!(smaller.trace, checker.run(crowded()).trace);
    assert_eq!((tasks(&as_found), tasks(&smaller)), (Some(3), Some(2)));
    // The numbers are those of the exploration, whatever the minimiser ran.
    assert_eq!(as_found.executions, smaller.executions);

    let file = smaller.trace_file.expect("a trace");
    let trace = Trace::read(&file).expect("it can be read");
    assert_eq!(trace.left_out, ["bystander"]);
    let again = Checker::new("crowded").replay(&file).run(crowded());
    assert!(again.verdict.is_violated(), "{again}");
}

#[test]
fn a_power_cut_is_made_as_small_as_it_can_be() {
    let directory = directory();
    // The second block's record is promised and only in the cache; the first block is not in doubt.
    let recover = |disk: &Disk, promises: &[Promise]| {
        let record = disk.read(1).expect("the disk has a block")[0];
        match (promises.is_empty(), record) {
            (_, 7) | (true, _) => Ok(()),
            (false, other) => Err(format!("the record reads {other}")),
        }
    };
    let scenario = |disk: Disk| {
        disk.write(1, &[7; 512]).expect("the disk has a block");
        acknowledged("record", Args::default);
        disk.write(0, &[8; 512]).expect("the disk has a block");
    };
    let check = |attempts| {
        let checker = Checker::new("promise").traces_in(directory.path());
        let checker = checker.minimise(attempts);
        checker
            .crash(MemoryBase::zeroed(512, 2), recover)
            .run(scenario)
    };
    let kept = |report: Report| {
        let crash = report.trace.and_then(|trace| trace.crash).expect("a crash");
        let version = |survivor: &Survivor| survivor.version != BlockVersion::Base;
        let survived = crash.survivors.iter().filter(|s| version(s)).count();
        (crash.after.iter().sum::<u32>(), survived)
    };
    let ((before, lost), (after, left)) = (kept(check(0)), kept(check(100)));
    // As found, the cut is the last one, and nobody looked at the first block: its write survived.
    assert_eq!((lost, left), (1, 0));
    assert!(after < before, "{after} of {before} events");
}
