//! Checks against a specification, as a stranger writes them: a queue that is not linearizable, a
//! key-value log that recovers what is no prefix, and harnesses that are broken.

use cutpoint::crash::{CrashOptions, MemoryBase};
use cutpoint::disk::{Disk, DiskError, Faults, Promise};
use cutpoint::oracle::{Recorder, Specification};
use cutpoint::rt::sync::{Arc, Mutex};
use cutpoint::rt::thread::spawn;
use cutpoint::rt::{Args, acknowledged};
use cutpoint::verdict::Verdict;
use cutpoint::{Checker, Report};
use std::collections::{BTreeMap, VecDeque};

/// A first-in, first-out queue.
struct Queue;

#[derive(Clone, Copy, Debug)]
enum QueueCall {
    Push(u8),
    Pop,
}

impl Specification for Queue {
    type State = VecDeque<u8>;
    type Call = QueueCall;
    type Return = Option<u8>;

    fn initial(&self) -> VecDeque<u8> {
        VecDeque::new()
    }

    fn apply(&self, items: &mut VecDeque<u8>, call: &QueueCall) -> Option<u8> {
        match call {
            QueueCall::Push(item) => {
                items.push_back(*item);
                None
            }
            QueueCall::Pop => items.pop_front(),
        }
    }

    fn name(&self, call: &QueueCall) -> &'static str {
        match call {
            QueueCall::Push(_) => "push",
            QueueCall::Pop => "pop",
        }
    }
}

type Items = Mutex<VecDeque<u8>>;

/// Looks at the first item under the lock, lets go, and removes the first item under the lock.
fn pop_in_two_steps(items: &Items) -> Option<u8> {
    let first = items.lock().front().copied()?;
    items.lock().pop_front();
    Some(first)
}

fn pop_in_one_step(items: &Items) -> Option<u8> {
    items.lock().pop_front()
}

/// Two pushes, and two tasks that pop once each.
fn queue(pop: fn(&Items) -> Option<u8>) -> Report {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let checker = Checker::new("queue").traces_in(directory.path());
    checker.linearizable(Queue).run(move |calls| {
        let items = Arc::new(Items::new(VecDeque::new()));
        for item in [1, 2] {
            calls.call(QueueCall::Push(item), || {
                items.lock().push_back(item);
                None
            });
        }
        let popping = |calls: &Recorder<Queue>| {
            let (items, calls) = (items.clone(), calls.clone());
            move || {
                calls.call(QueueCall::Pop, || pop(&items));
            }
        };
        let other = spawn("other", popping(&calls));
        popping(&calls)();
        other.join();
    })
}

#[test]
fn a_pop_in_two_steps_is_not_linearizable() {
    let report = queue(pop_in_two_steps);
    let trace = report.trace.as_ref().expect("it is found");
    assert_eq!(trace.violation.invariant, "linearizability");
    let told = report.to_string();
    for words in [
        "no order of the calls explains",
        "Pop returned Some(1)",
        "pop begins call=",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_pop_in_one_step_is() {
    let report = queue(pop_in_one_step);
    assert!(
        matches!(report.verdict, Verdict::Exhausted { .. }),
        "{report}"
    );
}

/// A map of which puts are the only calls.
struct KeyValue;

#[derive(Clone, Copy, Debug)]
struct Put(u8, u8);

impl Specification for KeyValue {
    type State = BTreeMap<u8, u8>;
    type Call = Put;
    type Return = ();

    fn initial(&self) -> BTreeMap<u8, u8> {
        BTreeMap::new()
    }

    fn apply(&self, map: &mut BTreeMap<u8, u8>, Put(key, value): &Put) {
        map.insert(*key, *value);
    }

    fn name(&self, _call: &Put) -> &'static str {
        "put"
    }
}

const BLOCK: usize = 16;
const BLOCKS: u64 = 4;

/// A log of puts, one per block.
struct KeyValueLog {
    disk: Disk,
    next: Mutex<u64>,
}

impl KeyValueLog {
    fn new(disk: &Disk) -> Arc<KeyValueLog> {
        Arc::new(KeyValueLog {
            disk: disk.clone(),
            next: Mutex::new(0),
        })
    }

    fn put(&self, key: u8, value: u8) {
        let mut next = self.next.lock();
        let mut record = [0; BLOCK];
        record[..3].copy_from_slice(&[1, key, value]);
        self.disk.write(*next, &record).expect("there is room");
        *next += 1;
    }
}

fn record(disk: &Disk, block: u64) -> Result<Option<(u8, u8)>, String> {
    let record = disk.read(block).map_err(|error| error.to_string())?;
    Ok((record[0] == 1).then_some((record[1], record[2])))
}

type Recovered = Result<BTreeMap<u8, u8>, String>;

/// Takes every record there is, beyond gaps too.
fn recover_all(disk: &Disk) -> Recovered {
    let records: Result<Vec<_>, String> = (0..BLOCKS).map(|block| record(disk, block)).collect();
    Ok(records?.into_iter().flatten().collect())
}

/// Takes the records up to the first gap.
fn recover_prefix(disk: &Disk) -> Recovered {
    let mut map = BTreeMap::new();
    for block in 0..BLOCKS {
        let Some((key, value)) = record(disk, block)? else {
            break;
        };
        map.insert(key, value);
    }
    Ok(map)
}

/// How the log is used, and on what disk.
#[derive(Clone, Copy)]
struct Usage {
    recover: fn(&Disk) -> Recovered,
    sync: fn(&Disk) -> Result<(), DiskError>,
    faults: Faults,
}

const CORRECT: Usage = Usage {
    recover: recover_prefix,
    sync: Disk::flush,
    faults: Faults {
        reads: false,
        writes: false,
        flushes: false,
        per_task_max: 0,
    },
};

/// One task puts twice and syncs, another puts once.
fn two_tasks(usage: Usage) -> Report {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let checker = Checker::new("key-value log").traces_in(directory.path());
    let base = MemoryBase::zeroed(BLOCK, BLOCKS);
    let checker = checker.durably_linearizable(KeyValue, base, usage.recover);
    let checker = checker.faults(usage.faults).options(CrashOptions {
        recovery_crashes: 0,
        ..CrashOptions::default()
    });
    checker.run(move |disk, calls| {
        let log = KeyValueLog::new(&disk);
        let (theirs, their_calls) = (log.clone(), calls.clone());
        let other = move || their_calls.call(Put(1, 5), || theirs.put(1, 5));
        let other = spawn("other", other);
        for value in [1, 2] {
            calls.call(Put(value, value), || log.put(value, value));
        }
        // Whoever asked for the sync would learn of its failure; here nobody is promised anything.
        drop(calls.sync(|| (usage.sync)(&disk)));
        other.join();
    })
}

fn violated(report: &Report) -> (String, String) {
    let trace = report.trace.as_ref();
    let trace = trace.unwrap_or_else(|| panic!("not found: {report}"));
    assert_eq!(trace.violation.invariant, "durable-linearizability");
    (
        trace.violation.expected.clone(),
        trace.violation.observed.clone(),
    )
}

#[test]
fn what_is_recovered_is_a_prefix_of_the_puts() {
    let report = two_tasks(CORRECT);
    assert!(
        matches!(report.verdict, Verdict::Exhausted { .. }),
        "{report}"
    );
    assert!(report.crash.recoveries_run > report.executions);
    assert!(report.crash.controls_run > 0);
}

#[test]
fn puts_beyond_a_gap_are_no_prefix() {
    let (expected, observed) = violated(&two_tasks(Usage {
        recover: recover_all,
        ..CORRECT
    }));
    assert!(expected.starts_with("one of {}, {1: 1}"), "{expected}");
    assert_eq!(observed, "{2: 2}");
}

#[test]
fn a_sync_that_does_nothing_loses_puts() {
    let (expected, observed) = violated(&two_tasks(Usage {
        sync: |_| Ok(()),
        ..CORRECT
    }));
    assert_eq!(observed, "{}");
    assert!(!expected.contains("{},"), "{expected}");
}

#[test]
fn a_failed_sync_promises_nothing_unless_it_is_said_to_have_succeeded() {
    let faults = Faults {
        flushes: true,
        per_task_max: 1,
        ..Faults::default()
    };
    let heeded = two_tasks(Usage { faults, ..CORRECT });
    assert!(heeded.holds(), "{heeded}");
    let ignored: fn(&Disk) -> Result<(), DiskError> = |disk| disk.flush().or(Ok(()));
    let sync = ignored;
    let (_, observed) = violated(&two_tasks(Usage {
        faults,
        sync,
        ..CORRECT
    }));
    assert_eq!(observed, "{}");
}

#[test]
fn a_replay_of_a_history_reproduces_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = || MemoryBase::zeroed(BLOCK, BLOCKS);
    let scenario = |disk: Disk, calls: Recorder<KeyValue>| {
        let log = KeyValueLog::new(&disk);
        calls.call_durably(Put(1, 1), || log.put(1, 1));
    };
    let checker = Checker::new("replayed").traces_in(directory.path());
    let checker = checker.durably_linearizable(KeyValue, base(), recover_prefix);
    let file = checker.run(scenario).trace_file.expect("it is found");
    let again = Checker::new("replayed").replay(&file);
    let again = again
        .durably_linearizable(KeyValue, base(), recover_prefix)
        .run(scenario);
    assert_eq!(again.executions, 1);
    violated(&again);
}

fn broken(report: &Report) -> &str {
    match &report.verdict {
        Verdict::HarnessBroken(why) => why,
        _ => panic!("{report}"),
    }
}

/// Writes a byte, makes it durable unless the program is wrong, and promises it.
fn store(disk: &Disk, is_flushed: bool) {
    disk.write(0, &[7; BLOCK]).expect("a block of the disk");
    if is_flushed {
        disk.flush().expect("it does not fail");
    }
    acknowledged("stored", Args::default);
}

type Oracle = fn(&Disk, &[Promise]) -> Result<(), String>;

const RIGHT: Oracle = |disk, promises| {
    let byte = disk.read(0).expect("a block of the disk")[0];
    match byte == 7 || promises.is_empty() {
        true => Ok(()),
        false => Err(format!("{byte}")),
    }
};

fn controlled(oracle: Oracle, program_is_right: bool, vouched_for: Option<bool>) -> Report {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let checker = Checker::new("controlled").traces_in(directory.path());
    let mut checker = checker.crash(MemoryBase::zeroed(BLOCK, 1), oracle);
    if let Some(stores) = vouched_for {
        checker = checker.known_good(move |disk| {
            if stores {
                store(&disk, true);
            }
        });
    }
    checker.run(move |disk| store(&disk, program_is_right))
}

#[test]
fn controls_accuse_neither_a_right_program_nor_a_right_oracle() {
    let report = controlled(RIGHT, true, Some(true));
    assert!(
        matches!(report.verdict, Verdict::Exhausted { .. }),
        "{report}"
    );
    assert!(report.crash.controls_run >= 3);
    for vouched_for in [None, Some(true)] {
        let report = controlled(RIGHT, false, vouched_for);
        assert!(report.verdict.is_violated(), "{report}");
    }
}

#[test]
fn an_oracle_that_refuses_the_untouched_disk_is_broken() {
    let refuses: Oracle = |_, _| Err("no such file".into());
    let panics: Oracle = |disk, _| panic!("{} blocks", disk.blocks());
    for (oracle, words) in [(refuses, "no such file"), (panics, "1 blocks")] {
        for program_is_right in [true, false] {
            let report = controlled(oracle, program_is_right, None);
            let why = broken(&report);
            assert!(why.starts_with("the control on the base image"), "{why}");
            assert!(why.contains(words), "{why}");
        }
    }
}

#[test]
fn an_oracle_that_accepts_or_refuses_everything_is_broken() {
    let accepts: Oracle = |_, _| Ok(());
    let report = controlled(accepts, false, Some(true));
    assert!(
        broken(&report).starts_with("the oracle accepts the base image"),
        "{report}"
    );
    // Without somebody to vouch for an execution, nothing can be said about such an oracle.
    assert!(controlled(accepts, false, None).holds());

    let refuses: Oracle = |_, promises| match promises.is_empty() {
        true => Ok(()),
        false => Err("never enough".into()),
    };
    let report = controlled(refuses, true, Some(true));
    let why = broken(&report);
    assert!(
        why.starts_with("the known-good execution fails although nothing is lost"),
        "{why}"
    );
    assert!(why.ends_with("observed never enough"), "{why}");
}

#[test]
fn a_known_good_scenario_must_promise_something_and_end_well() {
    let report = controlled(RIGHT, true, Some(false));
    assert!(
        broken(&report).starts_with("the oracle accepts the base image"),
        "{report}"
    );

    let checker = Checker::new("controlled").crash(MemoryBase::zeroed(BLOCK, 1), RIGHT);
    let checker = checker.known_good(|_| panic!("out of luck"));
    let report = checker.run(|disk| store(&disk, true));
    let why = broken(&report);
    assert_eq!(
        why,
        "the known-good scenario does not end well: out of luck"
    );
}

#[test]
fn a_program_that_loses_data_without_a_power_cut_is_accused() {
    let checker = Checker::new("forgetful");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let checker = checker.traces_in(directory.path());
    let checker = checker.crash(MemoryBase::zeroed(BLOCK, 1), RIGHT);
    let report = checker.run(|_| acknowledged("stored", Args::default));
    assert!(report.verdict.is_violated(), "{report}");
}

#[test]
fn durable_checks_are_controlled_too() {
    let run = |recover: fn(&Disk) -> Recovered| {
        let checker = Checker::new("controlled history");
        let base = MemoryBase::zeroed(BLOCK, BLOCKS);
        let checker = checker.durably_linearizable(KeyValue, base, recover);
        let scenario = |disk: Disk, calls: Recorder<KeyValue>| {
            let log = KeyValueLog::new(&disk);
            let result = calls.try_call_durably(Put(1, 1), || {
                log.put(1, 1);
                disk.flush()
            });
            result.expect("it does not fail");
        };
        checker.known_good(scenario).run(scenario)
    };
    let report = run(recover_prefix);
    assert!(report.holds(), "{report}");
    let why = run(|_| Err("unreadable".into()));
    assert!(broken(&why).starts_with("the control on the base image"));
    let always: fn(&Disk) -> Recovered = |_| Ok(BTreeMap::new());
    assert!(broken(&run(always)).starts_with("the known-good execution fails"));
}
