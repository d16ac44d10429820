//! The weak spots of storage code, one tiny program each, as a stranger would check it: it is
//! found, and its corrected twin holds.

use cutpoint::crash::{CrashOptions, MemoryBase, Tear};
use cutpoint::disk::{Disk, Faults, Promise};
use cutpoint::rt::{Args, acknowledged};
use cutpoint::verdict::Verdict;
use cutpoint::{Checker, Report};

/// Two sectors.
const BLOCK: usize = 1024;
const RECORD: u64 = 0;
const DATA: u64 = 1;
const HOME: u64 = 2;

const OLD: u8 = 3;
const NEW: u8 = 9;

type Judged = Result<(), String>;

fn options() -> CrashOptions {
    CrashOptions::default()
}

/// Checks a program on a disk whose home block holds old content.
fn check(
    options: CrashOptions,
    faults: Faults,
    recover: fn(&Disk, &[Promise]) -> Judged,
    program: fn(&Disk),
) -> Report {
    let base = MemoryBase::zeroed(BLOCK, 3).with(HOME, &[OLD; BLOCK]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let checker = Checker::new("weak spot").traces_in(directory.path());
    let checker = checker.crash(base, recover).options(options).faults(faults);
    checker.run(move |disk| program(&disk))
}

fn holds(report: &Report) {
    let is_exhausted = matches!(report.verdict, Verdict::Exhausted { .. });
    assert!(is_exhausted, "{report}");
    assert!(report.crash.recoveries_run > 1 && report.crash.cases_bounded == 0);
}

fn finds(report: &Report, observed: &str) {
    let trace = report.trace.as_ref();
    let trace = trace.unwrap_or_else(|| panic!("not found: {report}"));
    assert_eq!(trace.violation.invariant, "recovery");
    assert_eq!(trace.violation.observed, observed);
    assert!(trace.crash.is_some(), "after a power cut");
}

fn write(disk: &Disk, block: u64, byte: u8) {
    disk.write(block, &[byte; BLOCK]).expect("it does not fail");
}

fn flush(disk: &Disk) {
    disk.flush().expect("it does not fail");
}

fn promise() {
    acknowledged("stored", Args::default);
}

fn byte(disk: &Disk, block: u64) -> u8 {
    disk.read(block).expect("a block of the disk")[0]
}

/// A record of one block: what was promised is there, all of it.
fn one_record(disk: &Disk, promises: &[Promise]) -> Judged {
    let record = disk.read(RECORD).expect("a block of the disk");
    match (record[0], record[BLOCK / 2]) {
        (0, _) if promises.is_empty() => Ok(()),
        (0, _) => Err("the record is lost".into()),
        (NEW, NEW) => Ok(()),
        _ => Err("the record is torn".into()),
    }
}

#[test]
fn a_torn_sector() {
    /// A record that carries its checksum counts only if it is whole.
    fn checksummed(disk: &Disk, promises: &[Promise]) -> Judged {
        let record = disk.read(RECORD).expect("a block of the disk");
        let is_whole = record[1] == record[0] ^ record[BLOCK / 2];
        match record[0] {
            NEW if is_whole && record[BLOCK / 2] == NEW => Ok(()),
            NEW if is_whole => Err("the record is torn".into()),
            _ if promises.is_empty() => Ok(()),
            _ => Err("the record is lost".into()),
        }
    }
    let plain = |disk: &Disk| {
        write(disk, RECORD, NEW);
        flush(disk);
        promise();
    };
    let with_checksum = |disk: &Disk| {
        let mut record = [NEW; BLOCK];
        record[1] = record[0] ^ record[BLOCK / 2];
        disk.write(RECORD, &record).expect("it does not fail");
        flush(disk);
        promise();
    };
    let torn = CrashOptions {
        tear: Tear::Sector,
        ..options()
    };
    let report = check(torn, Faults::default(), one_record, plain);
    finds(&report, "the record is torn");
    holds(&check(options(), Faults::default(), one_record, plain));
    holds(&check(torn, Faults::default(), checksummed, with_checksum));
}

#[test]
fn a_lost_flush() {
    let without = |disk: &Disk| {
        write(disk, RECORD, NEW);
        promise();
    };
    let with = |disk: &Disk| {
        write(disk, RECORD, NEW);
        flush(disk);
        promise();
    };
    let report = check(options(), Faults::default(), one_record, without);
    finds(&report, "the record is lost");
    holds(&check(options(), Faults::default(), one_record, with));
}

/// A record that says that the data are there.
fn record_of_data(disk: &Disk, promises: &[Promise]) -> Judged {
    match (byte(disk, RECORD), byte(disk, DATA)) {
        (0, _) if promises.is_empty() => Ok(()),
        (0, _) => Err("the record is lost".into()),
        (_, NEW) => Ok(()),
        (_, _) => Err("the record speaks of data that are not there".into()),
    }
}

#[test]
fn reordered_writes() {
    let in_any_order = |disk: &Disk| {
        write(disk, DATA, NEW);
        write(disk, RECORD, NEW);
        flush(disk);
        promise();
    };
    let data_first = |disk: &Disk| {
        write(disk, DATA, NEW);
        flush(disk);
        write(disk, RECORD, NEW);
        flush(disk);
        promise();
    };
    let report = check(options(), Faults::default(), record_of_data, in_any_order);
    finds(&report, "the record speaks of data that are not there");
    holds(&check(
        options(),
        Faults::default(),
        record_of_data,
        data_first,
    ));
}

#[test]
fn a_missing_fua() {
    let cached = |disk: &Disk| {
        write(disk, DATA, NEW);
        flush(disk);
        let request = disk.submit(RECORD, &[NEW; BLOCK], false);
        disk.complete(request.expect("a block"))
            .expect("it does not fail");
        promise();
    };
    let durable = |disk: &Disk| {
        write(disk, DATA, NEW);
        flush(disk);
        disk.write_durably(RECORD, &[NEW; BLOCK])
            .expect("it does not fail");
        promise();
    };
    let report = check(options(), Faults::default(), record_of_data, cached);
    finds(&report, "the record is lost");
    holds(&check(
        options(),
        Faults::default(),
        record_of_data,
        durable,
    ));
}

#[test]
fn a_completion_that_is_not_waited_for() {
    let early = |disk: &Disk| {
        let request = disk.submit(RECORD, &[NEW; BLOCK], false).expect("a block");
        flush(disk);
        promise();
        disk.complete(request).expect("it does not fail");
    };
    let awaited = |disk: &Disk| {
        let request = disk.submit(RECORD, &[NEW; BLOCK], false).expect("a block");
        disk.complete(request).expect("it does not fail");
        flush(disk);
        promise();
    };
    let report = check(options(), Faults::default(), one_record, early);
    finds(&report, "the record is lost");
    holds(&check(options(), Faults::default(), one_record, awaited));
}

#[test]
fn a_failed_flush() {
    let faults = Faults {
        flushes: true,
        per_task_max: 1,
        ..Faults::default()
    };
    let repeated = |disk: &Disk| {
        write(disk, RECORD, NEW);
        while disk.flush().is_err() {}
        promise();
    };
    let written_again = |disk: &Disk| loop {
        write(disk, RECORD, NEW);
        if disk.flush().is_ok() {
            return promise();
        }
    };
    let given_up = |disk: &Disk| {
        write(disk, RECORD, NEW);
        if disk.flush().is_ok() {
            promise();
        }
    };
    let report = check(options(), faults, one_record, repeated);
    finds(&report, "the record is lost");
    let choices = &report.trace.expect("it was found").choices;
    assert_eq!((&*choices[0].name, choices[0].value), ("flush fails", 1));
    for program in [written_again as fn(&Disk), given_up] {
        let report = check(options(), faults, one_record, program);
        holds(&report);
        assert_eq!(report.executions, 2, "the flush fails or does not");
    }
    holds(&check(options(), Faults::default(), one_record, repeated));
}

#[test]
fn a_failed_write_and_a_failed_read() {
    let faults = Faults {
        writes: true,
        reads: true,
        per_task_max: 2,
        ..Faults::default()
    };
    let ignored = |disk: &Disk| {
        drop(disk.write(RECORD, &[NEW; BLOCK]));
        flush(disk);
        promise();
    };
    let repeated = |disk: &Disk| {
        while disk.write(RECORD, &[NEW; BLOCK]).is_err() {}
        flush(disk);
        promise();
    };
    let report = check(options(), faults, one_record, ignored);
    finds(&report, "the record is lost");
    let report = check(options(), faults, one_record, repeated);
    holds(&report);
    assert_eq!(report.executions, 3, "it fails twice, once or never");

    let read_back = |disk: &Disk| {
        write(disk, RECORD, NEW);
        flush(disk);
        if disk.read(RECORD).is_ok() {
            promise();
        }
    };
    let faults = Faults {
        writes: false,
        ..faults
    };
    let report = check(options(), faults, one_record, read_back);
    holds(&report);
    assert_eq!(report.executions, 2);
}

/// Commits a transaction: its data, then the record.
fn commit(disk: &Disk) {
    write(disk, DATA, NEW);
    flush(disk);
    disk.write_durably(RECORD, &[1; BLOCK])
        .expect("it does not fail");
    promise();
}

fn home(disk: &Disk, promises: &[Promise]) -> Judged {
    match byte(disk, HOME) {
        NEW => Ok(()),
        OLD if promises.is_empty() => Ok(()),
        other => Err(format!("the home block holds {other}")),
    }
}

#[test]
fn a_crash_in_recovery() {
    fn clear(disk: &Disk) {
        disk.write_durably(RECORD, &[0; BLOCK])
            .expect("it does not fail");
    }
    fn clears_first(disk: &Disk, promises: &[Promise]) -> Judged {
        if byte(disk, RECORD) == 1 {
            let data = byte(disk, DATA);
            clear(disk);
            write(disk, HOME, data);
            flush(disk);
        }
        home(disk, promises)
    }
    fn clears_last(disk: &Disk, promises: &[Promise]) -> Judged {
        if byte(disk, RECORD) == 1 {
            write(disk, HOME, byte(disk, DATA));
            flush(disk);
            clear(disk);
        }
        home(disk, promises)
    }
    let never = CrashOptions {
        recovery_crashes: 0,
        ..options()
    };
    let report = check(options(), Faults::default(), clears_first, commit);
    finds(&report, "the home block holds 3");
    let crash = report.trace.expect("it was found").crash.expect("a crash");
    assert!(crash.nested.is_some(), "in recovery");
    holds(&check(never, Faults::default(), clears_first, commit));
    holds(&check(options(), Faults::default(), clears_last, commit));
}

/// Recovery that counts its attempts in the record and gives up after so many.
fn attempts(disk: &Disk, promises: &[Promise], attempts_max: u8) -> Judged {
    let record = |byte| disk.write_durably(RECORD, &[byte; BLOCK]);
    let attempt = byte(disk, RECORD);
    if attempt > 0 {
        if attempt <= attempts_max {
            record(attempt + 1).expect("it does not fail");
            write(disk, HOME, byte(disk, DATA));
            flush(disk);
        }
        record(0).expect("it does not fail");
    }
    home(disk, promises)
}

#[test]
fn crashes_in_recovery_as_deep_as_asked_for() {
    fn two(disk: &Disk, promises: &[Promise]) -> Judged {
        attempts(disk, promises, 2)
    }
    let deep = |recovery_crashes| CrashOptions {
        recovery_crashes,
        ..options()
    };
    for depth in [0, 1] {
        holds(&check(deep(depth), Faults::default(), two, commit));
    }
    let report = check(deep(2), Faults::default(), two, commit);
    finds(&report, "the home block holds 3");
    let crash = report.trace.expect("it was found").crash.expect("a crash");
    let nested = crash.nested.expect("a crash in recovery");
    assert!(nested.nested.is_some(), "and one in the recovery from that");

    fn any_number(disk: &Disk, promises: &[Promise]) -> Judged {
        attempts(disk, promises, u8::MAX - 1)
    }
    holds(&check(deep(4), Faults::default(), any_number, commit));
}

#[test]
fn a_cap_on_writes_in_flight_is_a_bound() {
    let without_flush = |disk: &Disk| {
        write(disk, DATA, NEW);
        write(disk, RECORD, NEW);
        promise();
    };
    let capped = |most| CrashOptions {
        in_flight_max: Some(most),
        ..options()
    };
    let report = check(capped(0), Faults::default(), record_of_data, without_flush);
    let Verdict::WithinBounds { bounds, .. } = &report.verdict else {
        panic!("{report}");
    };
    assert_eq!(bounds, "1 crash cases explored in part");
    let report = check(capped(1), Faults::default(), record_of_data, without_flush);
    finds(&report, "the record is lost");
}

#[test]
fn a_memory_that_is_full_says_what_it_forgot() {
    let twice = |disk: &Disk| {
        for byte in [OLD, NEW] {
            write(disk, DATA, byte);
            flush(disk);
        }
    };
    fn anything(disk: &Disk, _promises: &[Promise]) -> Judged {
        byte(disk, DATA);
        Ok(())
    }
    let run = |memory_entries_max| {
        let options = CrashOptions {
            memory_entries_max,
            ..options()
        };
        let report = check(options, Faults::default(), anything, twice);
        holds(&report);
        report.crash
    };
    let (small, large) = (run(1), run(1000));
    assert_eq!(large.cases_forgotten, 0);
    assert_eq!(small.cases_forgotten, large.crash_cases - 1);
}
