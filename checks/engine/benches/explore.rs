//! Exploring, beside loom and shuttle: executions per trace, executions per second, cost by length,
//! memory.
//!
//! ```text
//! cargo bench -p cutpoint --bench explore
//! ```
//!
//! Tables come first, each from one run; criterion's statistics of DPOR and of random scheduling on
//! the same closure follow. The parts:
//!
//! - *Reduction*: lock programs under DPOR, and on their own types under loom without a bound and
//!   under shuttle's depth-first search. The latter two stop after some seconds, which shows as a
//!   ">" before the number of executions.
//! - *Speed*: DPOR, to exhaustion or a number of executions, against as many random executions of
//!   the same closure. Random runs twice: on the same closure in this crate's driver, where only
//!   enabled tasks are offered and everything is recorded; and on shuttle's own types in shuttle's
//!   own runner, which records nothing and has other scheduling points.
//! - *Length*: the cost of one execution, against its events.
//! - *Parts*: a search as a whole and in two parts, each in a process of its own and one after the
//!   other. What two processors gain is the whole against the larger part: by executions, and by
//!   the processor's time (Linux only), of which other processes on a busy machine take little.
//!   Splitting costs some hundreds of executions, so that it takes a large search to gain all.
//! - *Memory*: runs of more and more executions, each in a process of its own, whose peak is read
//!   from the system (Linux only); and a full memory of crash cases.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cutpoint::crash::{CrashOptions, Fingerprint, Memory};
use cutpoint::explore::random::{self, Method};
use cutpoint::explore::{Execution, Explored, Options, Shard, dpor};
use rt_shuttle::sync::{Arc, Mutex, RwLock};
use rt_shuttle::thread::spawn;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

#[path = "../tests/common/body.rs"]
#[macro_use]
mod body;

lock_programs!();

/// The programs on a checker's own types, without this project's façade.
macro_rules! plain_programs {
    ($module:ident, $checker:ident) => {
        mod $module {
            //! The same programs on the checker's own types.

            use std::sync::Arc;

            pub struct Mutex<T>($checker::sync::Mutex<T>);

            impl<T> Mutex<T> {
                pub fn new(value: T) -> Mutex<T> {
                    Mutex($checker::sync::Mutex::new(value))
                }

                pub fn lock(&self) -> $checker::sync::MutexGuard<'_, T> {
                    self.0.lock().expect("nobody panics")
                }
            }

            pub struct RwLock<T>($checker::sync::RwLock<T>);

            impl<T> RwLock<T> {
                pub fn new(value: T) -> RwLock<T> {
                    RwLock($checker::sync::RwLock::new(value))
                }

                pub fn read(&self) -> $checker::sync::RwLockReadGuard<'_, T> {
                    self.0.read().expect("nobody panics")
                }

                pub fn write(&self) -> $checker::sync::RwLockWriteGuard<'_, T> {
                    self.0.write().expect("nobody panics")
                }
            }

            pub struct Task<T>($checker::thread::JoinHandle<T>);

            impl<T> Task<T> {
                pub fn join(self) -> T {
                    self.0.join().expect("nobody panics")
                }
            }

            pub fn spawn<T: Send + 'static>(
                _name: &str,
                body: impl FnOnce() -> T + Send + 'static,
            ) -> Task<T> {
                Task($checker::thread::spawn(body))
            }

            lock_programs!();
        }
    };
}

plain_programs!(on_loom, loom);
plain_programs!(on_plain_shuttle, shuttle);

/// The longest that loom and shuttle's depth-first search take on one program.
const BUDGET: Duration = Duration::from_secs(5);

/// Set for a process that measures itself: what it explores.
const WORK: &str = "CUTPOINT_BENCH_WORK";

type Body = std::sync::Arc<dyn Fn() + Send + Sync>;

/// A program by its kind, tasks and times.
#[derive(Clone, Copy)]
enum Program {
    Mutex(usize, usize),
    Mix(usize, usize),
}

impl Program {
    fn name(self) -> String {
        match self {
            Program::Mutex(tasks, times) => format!("{tasks} × {times} mutex"),
            Program::Mix(tasks, times) => format!("{tasks} × {times} mix"),
        }
    }

    fn on_shuttle(self) -> Body {
        match self {
            Program::Mutex(tasks, times) => std::sync::Arc::new(mutex(tasks, times)),
            Program::Mix(tasks, times) => std::sync::Arc::new(mix(tasks, times)),
        }
    }

    fn on_plain_shuttle(self) -> Body {
        match self {
            Program::Mutex(tasks, times) => {
                std::sync::Arc::new(on_plain_shuttle::mutex(tasks, times))
            }
            Program::Mix(tasks, times) => std::sync::Arc::new(on_plain_shuttle::mix(tasks, times)),
        }
    }

    fn on_loom(self) -> Body {
        match self {
            Program::Mutex(tasks, times) => std::sync::Arc::new(on_loom::mutex(tasks, times)),
            Program::Mix(tasks, times) => std::sync::Arc::new(on_loom::mix(tasks, times)),
        }
    }
}

fn go_on(_: &Execution<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn within(executions: u64) -> Options {
    Options {
        executions: Some(executions),
        ..Options::default()
    }
}

fn run_dpor(program: Program, options: &Options) -> Explored {
    let body = program.on_shuttle();
    dpor::explore(options, move || body(), &mut go_on)
}

fn run_random(program: Program, executions: u64) -> Explored {
    let body = program.on_shuttle();
    let method = Method::Uniform { seed: 1 };
    random::explore(method, &within(executions), move || body(), &mut go_on)
}

/// Executions of a program on shuttle's own types by its own runner, with one of its schedulers, in
/// the time that there is.
fn run_plain(
    program: Program,
    scheduler: impl shuttle::scheduler::Scheduler + 'static,
    time: Option<Duration>,
) -> u64 {
    let body = program.on_plain_shuttle();
    let mut config = shuttle::Config::new();
    config.stack_size = Options::default().stack_size;
    config.failure_persistence = shuttle::FailurePersistence::None;
    config.max_time = time;
    shuttle::Runner::new(scheduler, config).run(move || body()) as u64
}

/// Executions of a program on loom's own types, by loom, in the time that there is.
fn run_loom(program: Program) -> u64 {
    let executions = std::sync::Arc::new(AtomicU64::new(0));
    let (counter, body) = (executions.clone(), program.on_loom());
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000;
    builder.max_duration = Some(BUDGET);
    builder.checkpoint_interval = 500;
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        body();
    });
    executions.load(Relaxed)
}

fn timed<R>(run: impl FnOnce() -> R) -> (R, Duration) {
    let started = Instant::now();
    let result = run();
    (result, started.elapsed())
}

/// The processor's seconds where the system tells them, so that others may use it, too.
fn worked<R>(run: impl FnOnce() -> R) -> (R, f64) {
    let before = processor_seconds();
    let (result, time) = timed(run);
    let seconds = before.zip(processor_seconds());
    let seconds = seconds.map(|(before, after)| after - before);
    (result, seconds.unwrap_or(time.as_secs_f64()))
}

/// Executions and seconds of a search that may have been stopped.
fn cell(executions: u64, time: Duration) -> String {
    let more = if time < BUDGET { ' ' } else { '>' };
    let seconds = time.as_secs_f64();
    format!("{more}{executions:>9} {seconds:>7.3} s")
}

fn reduction() {
    let programs = [
        Program::Mutex(2, 3),
        Program::Mutex(3, 2),
        Program::Mutex(3, 3),
        Program::Mix(2, 10),
        Program::Mix(3, 4),
        Program::Mix(3, 5),
    ];
    println!("Reduction: executions (>: stopped after {BUDGET:?})");
    println!(
        "{:<14} {:>7} {:>21} {:>6} {:>21} {:>21}",
        "program", "traces", "DPOR", "ratio", "loom", "shuttle DFS"
    );
    for program in programs {
        let (reduced, time) = timed(|| run_dpor(program, &Options::default()));
        let traces = reduced.traces_distinct.unwrap_or(0);
        let ratio = reduced.executions as f64 / traces as f64;
        assert!(ratio <= 1.05, "{}: {ratio}", program.name());
        let dfs = shuttle::scheduler::DfsScheduler::new(None, false);
        let (first, first_time) = timed(|| run_plain(program, dfs, Some(BUDGET)));
        let (looms, looms_time) = timed(|| run_loom(program));
        println!(
            "{:<14} {traces:>7} {} {ratio:>6.2} {} {}",
            program.name(),
            cell(reduced.executions, time),
            cell(looms, looms_time),
            cell(first, first_time)
        );
    }
    println!();
}

/// The three programs on which the speed is compared.
const SPEED: [Program; 3] = [
    Program::Mutex(2, 3),
    Program::Mutex(3, 3),
    Program::Mutex(2, 10),
];

/// How often the speed is measured. Everything has its turn in every round, so that what else the
/// machine does comes to all.
const ROUNDS: usize = 7;
/// How many executions a round has, or a few more to come to an end.
const EXECUTIONS: u64 = 10_000;

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn speed() {
    println!("Speed: executions per second of the processor, medians of {ROUNDS} rounds");
    println!(
        "{:<14} {:>9} {:>9} {:>6} {:>15} {:>6}",
        "program", "DPOR", "random", "ratio", "shuttle's own", "ratio"
    );
    for program in SPEED {
        // Short runs are repeated, so that all take about as long.
        let options = within(EXECUTIONS);
        let executions = run_dpor(program, &options).executions;
        let repeats = EXECUTIONS.div_ceil(executions);
        let count = (executions * repeats) as f64;
        let (mut reduced, mut random, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let run = || (0..repeats).for_each(|_| drop(run_dpor(program, &options)));
            reduced.push(count / worked(run).1);
            let run = || (0..repeats).for_each(|_| drop(run_random(program, executions)));
            random.push(count / worked(run).1);
            let executions = (executions * repeats) as usize;
            let scheduler = shuttle::scheduler::RandomScheduler::new_from_seed(1, executions);
            plain.push(count / worked(|| run_plain(program, scheduler, None)).1);
        }
        let ratio = |others: &[f64]| {
            let ratios = reduced.iter().zip(others).map(|(own, other)| own / other);
            median(ratios.collect())
        };
        let ratios = [ratio(&random), ratio(&plain)];
        println!(
            "{:<14} {:>9.0} {:>9.0} {:>6.2} {:>15.0} {:>6.2}",
            program.name(),
            median(reduced),
            median(random),
            ratios[0],
            median(plain),
            ratios[1]
        );
    }
    println!();
}

fn length() {
    println!("Length: DPOR's cost of one execution");
    println!(
        "{:<14} {:>8} {:>10} {:>10}",
        "program", "turns", "µs", "ns/turn"
    );
    for times in [5, 10, 20, 40, 80, 160] {
        let program = Program::Mutex(2, times);
        let body = program.on_shuttle();
        let options = within(3_000);
        let (explored, seconds) = worked(|| dpor::explore(&options, move || body(), &mut go_on));
        let executions = explored.executions as f64;
        let turns = explored.steps as f64 / executions;
        let micros = seconds * 1e6 / executions;
        println!(
            "{:<14} {turns:>8.0} {micros:>10.1} {:>10.0}",
            program.name(),
            micros * 1e3 / turns
        );
    }
    println!();
}

/// The largest amount of memory that this process held, in bytes.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The seconds that the processor worked for this thread.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// What a process explores that measures itself.
const MEMORY: Program = Program::Mutex(4, 4);
const PARTS: [Program; 4] = [
    Program::Mutex(3, 4),
    Program::Mix(3, 6),
    Program::Mix(3, 7),
    Program::Mutex(3, 5),
];
/// Searches of so many executions have to gain what they should, by executions, from two parts.
const LARGE: u64 = 100_000;

/// Explores what the text says, and prints the executions, the bytes of memory at most, and the
/// processor's seconds.
fn work(text: &str) {
    let numbers: Vec<u64> = text
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let (program, options) = match numbers[..] {
        [executions] => (MEMORY, within(executions)),
        [program, index, of] => {
            let shard = Shard::new(index as u32, of as u32).expect("a part that there is");
            let options = Options {
                shard,
                ..Options::default()
            };
            (PARTS[program as usize], options)
        }
        _ => panic!("{text:?} says nothing to explore"),
    };
    let body = program.on_shuttle();
    let before = processor_seconds().unwrap_or(0.0);
    let explored = dpor::explore(&options, move || body(), &mut go_on);
    let seconds = processor_seconds().unwrap_or(0.0) - before;
    println!(
        "{} {} {seconds}",
        explored.executions,
        peak_bytes().unwrap_or(0)
    );
}

/// Executions, peak in bytes, and processor's seconds of a process of its own.
fn in_a_process(text: &str) -> (u64, f64, f64) {
    let program = std::env::current_exe().expect("a benchmark has a program");
    let output = Command::new(program).env(WORK, text).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    let mut number = || -> f64 {
        let word = words.next().and_then(|word| word.parse().ok());
        word.unwrap_or_else(|| panic!("no number: {text}"))
    };
    (number() as u64, number(), number())
}

fn parts() {
    println!("Parts: one process for the whole, and two for a part each, the best of 3 times");
    println!(
        "{:<14} {:>10} {:>9} {:>10} {:>9} {:>6} {:>6}",
        "program", "whole", "CPU s", "larger", "CPU s", "ratio", "CPU"
    );
    for (number, program) in PARTS.iter().enumerate() {
        // The least time is the one that others disturbed least.
        let mut best = [(0, f64::INFINITY); 3];
        for _ in 0..3 {
            for (best, part) in best.iter_mut().zip(["1 1", "1 2", "2 2"]) {
                let (executions, _, seconds) = in_a_process(&format!("{number} {part}"));
                *best = (executions, best.1.min(seconds));
            }
        }
        let [(whole, seconds), one, other] = best;
        let larger = one.0.max(other.0);
        let longer = one.1.max(other.1);
        assert!(
            whole < LARGE || whole * 10 >= larger * 19,
            "{}: {whole} in parts of up to {larger}",
            program.name()
        );
        println!(
            "{:<14} {whole:>10} {seconds:>9.3} {larger:>10} {longer:>9.3} {:>6.2} {:>6.2}",
            program.name(),
            whole as f64 / larger as f64,
            seconds / longer
        );
    }
    println!();
}

fn memory() {
    println!("Memory: peak of a process with so many of the executions of 4 × 4 mutex by DPOR");
    println!("{:>10} {:>12}", "executions", "peak");
    for executions in [10_000_u64, 100_000, 1_000_000] {
        let (ran, peak, _) = in_a_process(&executions.to_string());
        assert_eq!(ran, executions);
        println!("{executions:>10} {:>8.2} MiB", peak / f64::from(1 << 20));
    }
    let most = CrashOptions::default().memory_entries_max;
    let mut cases = Memory::new(most);
    let asked = most as u128 + 1_000;
    let new = (0..asked).filter(|case| cases.is_new(Fingerprint::of(case)));
    println!(
        "crash cases: at most {most} are remembered; of {} new ones {} were, {} forgotten",
        new.count(),
        cases.len(),
        cases.forgotten()
    );
    println!();
}

fn tables(criterion: &mut Criterion) {
    speed();
    length();
    parts();
    memory();
    reduction();
    // The largest takes too long to be run often.
    for program in SPEED.into_iter().take(2) {
        let options = Options::default();
        let executions = run_dpor(program, &options).executions;
        let mut group = criterion.benchmark_group(program.name());
        group.sample_size(10);
        group.warm_up_time(Duration::from_millis(300));
        group.measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::Elements(executions));
        group.bench_function("dpor", |bencher| {
            bencher.iter(|| run_dpor(program, &options))
        });
        let random = |bencher: &mut criterion::Bencher<'_>| {
            bencher.iter(|| run_random(program, executions));
        };
        group.bench_function("random", random);
        group.finish();
    }
}

criterion_group!(benches, tables_or_work);
criterion_main!(benches);

/// Runs the part that this process is for.
fn tables_or_work(criterion: &mut Criterion) {
    match std::env::var(WORK) {
        Ok(text) => work(&text),
        Err(_) => tables(criterion),
    }
}
