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
//!   under shuttle's depth-first search. The latter two stop at a budget of executions, which shows
//!   as a "+".
//! - *Speed*: DPOR to exhaustion against as many random executions of the same closure. Random runs
//!   twice: on the same closure in this crate's driver, where only enabled tasks are offered and
//!   everything is recorded; and on shuttle's own types in shuttle's own runner, which records
//!   nothing and has other scheduling points.
//! - *Length*: the cost of one execution, against its events.
//! - *Memory*: exhaustive runs of more and more executions, each in a process of its own, whose
//!   peak is read from the system (Linux only).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cutpoint::explore::random::{self, Method};
use cutpoint::explore::{Execution, Explored, Options, dpor};
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

/// The most executions of loom and of shuttle's depth-first search on one program.
const BUDGET: u64 = 200_000;

/// Set for a process that explores for the sake of its memory: the number of executions.
const MEMORY: &str = "CUTPOINT_BENCH_EXECUTIONS";

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

fn run_dpor(program: Program) -> Explored {
    let body = program.on_shuttle();
    dpor::explore(&Options::default(), move || body(), &mut go_on)
}

fn run_random(program: Program, executions: u64) -> Explored {
    let body = program.on_shuttle();
    let method = Method::Uniform { seed: 1 };
    random::explore(method, &within(executions), move || body(), &mut go_on)
}

/// Executions of a program on shuttle's own types by its own runner, with one of its schedulers.
fn run_plain(program: Program, scheduler: impl shuttle::scheduler::Scheduler + 'static) -> u64 {
    let body = program.on_plain_shuttle();
    let mut config = shuttle::Config::new();
    config.stack_size = Options::default().stack_size;
    config.failure_persistence = shuttle::FailurePersistence::None;
    shuttle::Runner::new(scheduler, config).run(move || body()) as u64
}

/// Executions of a program on loom's own types, by loom. It looks at its budget now and then.
fn run_loom(program: Program) -> u64 {
    let executions = std::sync::Arc::new(AtomicU64::new(0));
    let (counter, body) = (executions.clone(), program.on_loom());
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000;
    builder.max_permutations = Some(BUDGET as usize);
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

/// Executions and seconds of a search that may have been stopped.
fn cell(executions: u64, time: Duration) -> String {
    let more = if executions < BUDGET { ' ' } else { '+' };
    let seconds = time.as_secs_f64();
    format!("{executions:>9}{more} {seconds:>7.3} s")
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
    println!("Reduction: executions (+: stopped at {BUDGET})");
    println!(
        "{:<14} {:>7} {:>21} {:>6} {:>21} {:>21}",
        "program", "traces", "DPOR", "ratio", "loom", "shuttle DFS"
    );
    for program in programs {
        let (reduced, time) = timed(|| run_dpor(program));
        let traces = reduced.traces_distinct.unwrap_or(0);
        let ratio = reduced.executions as f64 / traces as f64;
        assert!(ratio <= 1.05, "{}: {ratio}", program.name());
        let dfs = shuttle::scheduler::DfsScheduler::new(Some(BUDGET as usize), false);
        let (first, first_time) = timed(|| run_plain(program, dfs));
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

/// The median of several rates.
fn median(rate: impl FnMut() -> f64) -> f64 {
    let mut rates: Vec<f64> = std::iter::repeat_with(rate).take(5).collect();
    rates.sort_by(f64::total_cmp);
    rates[2]
}

fn speed() {
    println!("Speed: executions per second, medians of 5");
    println!(
        "{:<14} {:>9} {:>9} {:>6} {:>15} {:>6}",
        "program", "DPOR", "random", "ratio", "shuttle's own", "ratio"
    );
    for program in SPEED {
        // Short runs are repeated, so that all take about as long.
        let executions = run_dpor(program).executions;
        let repeats = 20_000_u64.div_ceil(executions);
        let count = (executions * repeats) as f64;
        let per_second = |run: &dyn Fn()| median(|| count / timed(run).1.as_secs_f64());
        let reduced = per_second(&|| {
            for _ in 0..repeats {
                run_dpor(program);
            }
        });
        let random = per_second(&|| {
            for _ in 0..repeats {
                run_random(program, executions);
            }
        });
        let plain = per_second(&|| {
            let executions = (executions * repeats) as usize;
            let random = shuttle::scheduler::RandomScheduler::new_from_seed(1, executions);
            run_plain(program, random);
        });
        println!(
            "{:<14} {reduced:>9.0} {random:>9.0} {:>6.2} {plain:>15.0} {:>6.2}",
            program.name(),
            reduced / random,
            reduced / plain
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
        let (explored, time) = timed(|| dpor::explore(&options, move || body(), &mut go_on));
        let executions = explored.executions as f64;
        let turns = explored.steps as f64 / executions;
        let micros = time.as_secs_f64() * 1e6 / executions;
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

/// What a process does that explores for the sake of its memory.
fn hold(executions: u64) {
    let body = Program::Mutex(4, 4).on_shuttle();
    let explored = dpor::explore(&within(executions), move || body(), &mut go_on);
    assert_eq!(explored.executions, executions);
    println!("{}", peak_bytes().unwrap_or(0));
}

fn memory() {
    println!("Memory: peak of a process with so many of the executions of 4 × 4 mutex by DPOR");
    println!("{:>10} {:>12}", "executions", "peak");
    for executions in [10_000_u64, 100_000, 1_000_000] {
        let program = std::env::current_exe().expect("a benchmark has a program");
        let output = Command::new(program)
            .env(MEMORY, executions.to_string())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let peak: f64 = text.trim().parse().expect("it prints its peak");
        println!("{executions:>10} {:>8.2} MiB", peak / f64::from(1 << 20));
    }
    println!();
}

fn tables(criterion: &mut Criterion) {
    speed();
    length();
    memory();
    reduction();
    for program in SPEED {
        let executions = run_dpor(program).executions;
        let mut group = criterion.benchmark_group(program.name());
        group.sample_size(10);
        group.throughput(Throughput::Elements(executions));
        group.bench_function("dpor", |bencher| bencher.iter(|| run_dpor(program)));
        let random = |bencher: &mut criterion::Bencher<'_>| {
            bencher.iter(|| run_random(program, executions));
        };
        group.bench_function("random", random);
        group.finish();
    }
}

criterion_group!(benches, tables_or_memory);
criterion_main!(benches);

/// Runs the part that this process is for.
fn tables_or_memory(criterion: &mut Criterion) {
    match std::env::var(MEMORY)
        .ok()
        .and_then(|text| text.parse().ok())
    {
        Some(executions) => hold(executions),
        None => tables(criterion),
    }
}
