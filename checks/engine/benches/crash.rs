//! What the lazy disk saves: crash states covered against recoveries run, beside plain enumeration.
//!
//! The workload is n writes without a flush, to blocks of their own, and the recovery is the scan
//! of a log: it reads records until one is missing. A power cut permits 2ⁿ images. Plain
//! enumeration builds each one and recovers it; the engine runs recovery once per image that the
//! scan can tell apart. Both find the same recovered states, which is asserted. A second recovery
//! that reads every block shows the engine's worst case: then all 2ⁿ images can be told apart.
//!
//! ```text
//! cargo bench -p cutpoint --bench crash
//! ```
//!
//! The table comes first, one run per line; criterion's statistics follow.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use cutpoint::crash::{
    CrashChecker, CrashFinding, CrashOptions, CrashStats, Cut, LazyDisk, MemoryBase, Observations,
    Recover,
};
use cutpoint_event::{Event, Log, TaskId, What};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const BLOCK_SIZE: usize = 4096;
const WRITES: [u64; 6] = [4, 8, 12, 16, 20, 24];
/// Plain enumeration of more writes takes minutes.
const PLAIN_WRITES_MAX: u64 = 20;
/// The same for the recovery that can tell all images apart.
const WORST_WRITES_MAX: u64 = 16;

/// How much of the disk recovery reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// Up to the first record that is missing.
    Scan,
    /// Everything.
    All,
}

/// The number of records that recovery finds on a disk of `blocks` blocks.
fn recover(blocks: u64, reads: Reads, mut read: impl FnMut(u64) -> Arc<[u8]>) -> u64 {
    let mut is_there = |block: u64| read(block)[0] == block as u8 + 1;
    match reads {
        Reads::Scan => (0..blocks).take_while(|&block| is_there(block)).count() as u64,
        Reads::All => {
            let there: Vec<bool> = (0..blocks).map(is_there).collect();
            there.iter().take_while(|&&there| there).count() as u64
        }
    }
}

fn record(block: u64) -> Arc<[u8]> {
    vec![block as u8 + 1; BLOCK_SIZE].into()
}

/// The log of writes that nobody flushed.
fn unflushed(writes: u64) -> Log {
    let event = |what| Event {
        task: TaskId(0),
        what,
    };
    let events = (0..writes).flat_map(|block| {
        let write = What::Write {
            request: block,
            block,
            data: record(block),
            fua: false,
        };
        let completed = What::Completed {
            request: block,
            ok: true,
        };
        [event(write), event(completed)]
    });
    Log {
        events: events.collect(),
        tasks: vec!["main".into()],
        ..Log::default()
    }
}

/// Recovers, and collects the recovered states.
struct Scan {
    reads: Reads,
    found: RefCell<BTreeSet<u64>>,
}

impl Recover for Scan {
    type Promise = ();

    fn promises(&self, _log: &Log, _cut: &Cut) -> Vec<()> {
        Vec::new()
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        _promises: &[()],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let read = |block| disk.read(block).expect("a block of the disk");
        let found = recover(disk.blocks(), self.reads, read);
        self.found.borrow_mut().insert(found);
        Ok(Observations::default())
    }
}

/// The engine on one log, its set-up included.
fn lazy(log: &Log, writes: u64, reads: Reads) -> (CrashStats, BTreeSet<u64>) {
    let base = MemoryBase::zeroed(BLOCK_SIZE, writes);
    let mut checker = CrashChecker::new(CrashOptions::default(), base);
    let scan = Scan {
        reads,
        found: RefCell::default(),
    };
    let result = checker.check(log, &scan);
    assert!(result.is_ok(), "the scan holds no promise: {result:?}");
    assert_eq!(checker.stats().crash_states_covered, 1 << writes);
    (checker.stats().clone(), scan.found.into_inner())
}

/// Every subset of the writes, one image and one recovery each.
fn plain(log: &Log, writes: u64, reads: Reads) -> BTreeSet<u64> {
    let zeroes: Arc<[u8]> = vec![0; BLOCK_SIZE].into();
    let written = log.events.iter().filter_map(|event| match &event.what {
        What::Write { block, data, .. } => Some((*block, data.clone())),
        _ => None,
    });
    let written: Vec<(u64, Arc<[u8]>)> = written.collect();
    let mut found = BTreeSet::new();
    for subset in 0..1u64 << writes {
        let mut image = vec![zeroes.clone(); writes as usize];
        for (number, (block, data)) in written.iter().enumerate() {
            if subset >> number & 1 == 1 {
                image[*block as usize] = data.clone();
            }
        }
        found.insert(recover(writes, reads, |block| {
            image[block as usize].clone()
        }));
    }
    found
}

/// Prints one line per number of writes, both ways in the same run.
fn table() {
    println!(
        "{:>9} {:>6} {:>10} {:>10} {:>14} {:>12} {:>10} {:>12}",
        "recovery",
        "writes",
        "states",
        "recoveries",
        "states/recov.",
        "images/s",
        "plain rec.",
        "images/s",
    );
    for (name, reads) in [("scan", Reads::Scan), ("reads all", Reads::All)] {
        for writes in WRITES {
            if reads == Reads::All && writes > WORST_WRITES_MAX {
                println!("{name:>9} {writes:>6} {:>10} not run", 1u64 << writes);
                continue;
            }
            line(name, writes, reads);
        }
    }
}

fn line(name: &str, writes: u64, reads: Reads) {
    let (log, states) = (unflushed(writes), 1u64 << writes);
    let start = Instant::now();
    let (stats, found) = lazy(&log, writes, reads);
    let rate = states as f64 / start.elapsed().as_secs_f64();
    let (plain_recoveries, plain_rate) = if writes <= PLAIN_WRITES_MAX {
        let start = Instant::now();
        assert_eq!(
            plain(&log, writes, reads),
            found,
            "the same recovered states"
        );
        let rate = states as f64 / start.elapsed().as_secs_f64();
        (states.to_string(), format!("{rate:.0}"))
    } else {
        ("not run".into(), "-".into())
    };
    let recoveries = stats.recoveries_run;
    println!(
        "{name:>9} {writes:>6} {states:>10} {recoveries:>10} {:>14} {rate:>12.0} \
         {plain_recoveries:>10} {plain_rate:>12}",
        states / recoveries,
    );
}

fn benches(criterion: &mut Criterion) {
    // `cargo test` runs every benchmark once, to see that it works; the table is for `cargo bench`.
    if std::env::args().any(|argument| argument == "--bench") {
        table();
    }
    let mut group = criterion.benchmark_group("images");
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    for writes in WRITES {
        let log = unflushed(writes);
        group.throughput(Throughput::Elements(1 << writes));
        let id = BenchmarkId::new("lazy", writes);
        group.bench_with_input(id, &log, |bencher, log| {
            bencher.iter(|| lazy(black_box(log), writes, Reads::Scan));
        });
        if writes <= 12 {
            let id = BenchmarkId::new("plain", writes);
            group.bench_with_input(id, &log, |bencher, log| {
                bencher.iter(|| plain(black_box(log), writes, Reads::Scan));
            });
        }
    }
    group.finish();
}

criterion_group!(crash, benches);
criterion_main!(crash);
