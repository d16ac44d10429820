//! What the runtime façade costs on std: each operation as the core makes it, through `rt`, and the
//! same on plain `std::sync`, in the same run. The goal is at most 2 %.
//!
//! ```text
//! cargo bench -p extfs-std --bench facade -- [--quick] [NAME]
//! ```
//!
//! Besides criterion's own measurement of each side there is a table of pairs. The two sides take
//! turns, so that what else runs on the machine hits both or neither, and the fastest turn of each
//! counts. Where code and data happen to lie costs more than what is measured, even where the
//! machine code is the same: so that is done in many rounds, with copies of the code and objects at
//! addresses of their own, and the middle one of the rounds' ratios is the verdict. The range in
//! which half of the rounds lie shows how sure it is.

use criterion::{Criterion, criterion_group};
use extfs_std::lock::{Key, SpinLock, class};
use extfs_std::rt;
use rt::sync::atomic::AtomicU64;
use rt::{Object, Op};
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Copies of the code of a pair.
const COPIES: usize = 8;
/// Rounds of a pair, each with new objects and the next copy of the code.
const ROUNDS: usize = 5 * COPIES + 1;
/// Turns that each side of a pair takes in a round.
const TURNS: u32 = 40;
/// How long a turn of a side takes, about.
const TURN: Duration = Duration::from_micros(300);
/// The most that the façade may cost, in percent.
const GOAL: f64 = 2.0;

/// An operation on one side.
type Side = Box<dyn FnMut(u64)>;

/// The same operation on both sides, `std` first.
struct Pair {
    name: &'static str,
    /// Each makes both with objects of their own, and is a copy of the code.
    copies: [fn() -> [Side; 2]; COPIES],
}

/// Makes a side: repeats an operation. A macro, so that no call is between the loop and it. What
/// it says about the copy keeps the compiler from making all copies one.
macro_rules! side {
    ($copy:expr, $operation:expr) => {{
        let operation = $operation;
        Box::new(move |times: u64| {
            black_box($copy);
            for _ in 0..times {
                black_box(operation());
            }
        }) as Side
    }};
}

/// A pair of sides in all its copies.
macro_rules! pair {
    ($name:literal, |$copy:ident| $sides:expr) => {{
        fn copy<const $copy: usize>() -> [Side; 2] {
            $sides
        }
        Pair {
            name: $name,
            copies: [
                copy::<0>, copy::<1>, copy::<2>, copy::<3>, copy::<4>, copy::<5>, copy::<6>,
                copy::<7>,
            ],
        }
    }};
    (
        $name:literal,
        $std:expr,
        |$std_object:ident| $on_std:expr,
        $facade:expr,
        |$object:ident| $on_facade:expr
    ) => {
        pair!($name, |COPY| [
            {
                let $std_object = Box::new($std);
                side!(COPY, move || $on_std)
            },
            {
                let $object = Box::new($facade);
                side!(COPY, move || $on_facade)
            },
        ])
    };
}

fn pairs() -> Vec<Pair> {
    vec![
        pair!(
            "mutex",
            std::sync::Mutex::new(0_u64),
            |mutex| *mutex.lock().expect("no panic") += 1,
            rt::sync::Mutex::new(0_u64),
            |mutex| *mutex.lock() += 1
        ),
        pair!(
            "leaf mutex",
            std::sync::Mutex::new(0_u64),
            |mutex| *mutex.lock().expect("no panic") += 1,
            rt::sync::LeafMutex::new(0_u64),
            |leaf| leaf.with(|value| *value += 1)
        ),
        pair!(
            "rwlock, shared",
            std::sync::RwLock::new(0_u64),
            |lock| *lock.read().expect("no panic"),
            rt::sync::RwLock::new(0_u64),
            |lock| *lock.read()
        ),
        pair!(
            "rwlock, exclusive",
            std::sync::RwLock::new(0_u64),
            |lock| *lock.write().expect("no panic") += 1,
            rt::sync::RwLock::new(0_u64),
            |lock| *lock.write() += 1
        ),
        pair!(
            "atomic update",
            std::sync::atomic::AtomicU64::new(0),
            |atomic| atomic.fetch_add(1, Ordering::AcqRel),
            AtomicU64::new(0),
            |atomic| atomic.fetch_add(1, Ordering::AcqRel)
        ),
        // An operation that is announced, as every one of the core's own primitives is.
        pair!(
            "announced update",
            std::sync::atomic::AtomicU64::new(0),
            |size| size.fetch_max(1, Ordering::AcqRel),
            (AtomicU64::new(0), Object::new(&class::I_SIZE, Key::Only)),
            |size| {
                let update = || size.0.fetch_max(1, Ordering::AcqRel);
                rt::op(&size.1, Op::Update, || true, update)
            }
        ),
        pair!(
            "spinlock section",
            std::sync::Mutex::new(0_u64),
            |lock| *lock.lock().expect("no panic") += 1,
            SpinLock::new(&class::I_ES_LOCK, Key::Only, 0_u64),
            |lock| lock.write(|value| *value += 1)
        ),
        pair!(
            "condvar, nobody waits",
            std::sync::Condvar::new(),
            |condvar| condvar.notify_one(),
            rt::sync::Condvar::new(),
            |condvar| condvar.notify_one()
        ),
        pair!("condvar hand-over", |COPY| [
            std_condvar::<COPY>(),
            facade_condvar::<COPY>()
        ]),
    ]
}

/// Passes a turn to another thread and back, which is the only way through. Both threads stay on
/// one processor, or the time of a hand-over would be that of waking another one, which is between
/// 4 µs and 30 µs as the system likes.
macro_rules! condvar_side {
    ($copy:expr, $mutex:ident, $condvar:ident, $locked:expr, $waited:expr) => {
        Box::new(|times: u64| {
            black_box($copy);
            let shared = ($mutex::new(0_u64), $condvar::new());
            let pass = |mine: u64| {
                for _ in 0..times {
                    let mut turn = $locked(&shared.0);
                    while *turn % 2 != mine {
                        turn = $waited(&shared.1, turn);
                    }
                    *turn += 1;
                    shared.1.notify_one();
                }
            };
            on_one_processor(|| {
                std::thread::scope(|scope| {
                    scope.spawn(|| pass(1));
                    pass(0);
                });
            });
        }) as Side
    };
}

/// Runs threads on the processor that this one is on now, where the system can be asked for that.
fn on_one_processor(run: impl FnOnce()) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
        let all = sched_getaffinity(None).expect("a thread may ask where it may run");
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        sched_setaffinity(None, &one).expect("a thread may stay where it is");
        run();
        sched_setaffinity(None, &all).expect("and go where it could go before");
    }
    #[cfg(not(target_os = "linux"))]
    run();
}

fn std_condvar<const COPY: usize>() -> Side {
    use std::sync::{Condvar, Mutex, MutexGuard};
    fn locked(mutex: &Mutex<u64>) -> MutexGuard<'_, u64> {
        mutex.lock().expect("no panic")
    }
    fn waited<'a>(condvar: &Condvar, guard: MutexGuard<'a, u64>) -> MutexGuard<'a, u64> {
        condvar.wait(guard).expect("no panic")
    }
    condvar_side!(COPY, Mutex, Condvar, locked, waited)
}

fn facade_condvar<const COPY: usize>() -> Side {
    use rt::sync::{Condvar, Mutex, MutexGuard};
    fn locked(mutex: &Mutex<u64>) -> MutexGuard<'_, u64> {
        mutex.lock()
    }
    fn waited<'a>(condvar: &Condvar, guard: MutexGuard<'a, u64>) -> MutexGuard<'a, u64> {
        condvar.wait(guard)
    }
    condvar_side!(COPY, Mutex, Condvar, locked, waited)
}

fn each_side(criterion: &mut Criterion) {
    for pair in pairs() {
        let mut group = criterion.benchmark_group(pair.name);
        for (name, mut side) in ["std", "façade"].into_iter().zip((pair.copies[0])()) {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|times| time(&mut side, times));
            });
        }
        group.finish();
    }
}

fn time(side: &mut Side, times: u64) -> Duration {
    let start = Instant::now();
    side(times);
    start.elapsed()
}

/// The time of one operation of each side, in nanoseconds: the fastest of many turns.
fn round(mut sides: [Side; 2]) -> [f64; 2] {
    let mut times = 1;
    while time(&mut sides[0], times) < TURN {
        times *= 2;
    }
    let mut fastest = [Duration::MAX; 2];
    for turn in 0..TURNS {
        for side in 0..2 {
            // Who goes first changes, too.
            let side = (side + turn as usize) % 2;
            fastest[side] = fastest[side].min(time(&mut sides[side], times));
        }
    }
    fastest.map(|time| time.as_nanos() as f64 / times as f64)
}

fn table() {
    println!(
        "{:24} {:>10} {:>10} {:>9}  half of the rounds",
        "in turns", "std", "façade", "more"
    );
    for pair in pairs() {
        // All are made before any is used, or each would get the address of the one before it.
        let made: Vec<[Side; 2]> = (0..ROUNDS)
            .map(|round| pair.copies[round % COPIES]())
            .collect();
        let mut rounds: Vec<[f64; 2]> = made.into_iter().map(round).collect();
        let more = |[std, facade]: [f64; 2]| (facade / std - 1.0) * 100.0;
        rounds.sort_by(|&a, &b| more(a).total_cmp(&more(b)));
        let at = |quarter: usize| more(rounds[(ROUNDS - 1) * quarter / 4]);
        let [std, facade] = rounds[ROUNDS / 2];
        let (name, low, cost, high) = (pair.name, at(1), at(2), at(3));
        let verdict = if cost <= GOAL { "" } else { "  above the goal" };
        println!(
            "{name:24} {std:7.2} ns {facade:7.2} ns {cost:+7.2} %  {low:+.2} % to {high:+.2} %\
             {verdict}"
        );
    }
}

criterion_group!(benches, each_side);

fn main() {
    table();
    // `cargo test` runs benches too, to see that they work: criterion knows by its arguments.
    benches();
    Criterion::default().configure_from_args().final_summary();
}
