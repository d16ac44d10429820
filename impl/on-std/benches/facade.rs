//! What the runtime façade costs on std: each operation as the core makes it, through `rt`, and the
//! same on plain `std::sync`, in the same run. The goal is at most 2 %.
//!
//! ```text
//! cargo bench -p extfs-std --bench facade -- [--quick] [NAME]
//! ```
//!
//! Besides criterion's own measurement of each side there is a table of pairs, in which the two
//! sides take turns and the fastest turn of each counts: what else runs on the machine then hits
//! both, or neither.

use criterion::{Criterion, criterion_group};
use extfs_std::lock::{Key, SpinLock, class};
use extfs_std::rt;
use rt::sync::atomic::AtomicU64;
use rt::{Object, Op};
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Turns that each side of a pair takes.
const TURNS: u32 = 400;
/// How long a turn of a side takes, about.
const TURN: Duration = Duration::from_micros(500);
/// The most that the façade may cost, in percent.
const GOAL: f64 = 2.0;

/// An operation on one side.
type Side<'a> = Box<dyn FnMut(u64) + 'a>;

/// The same operation on both: `std` first.
struct Pair<'a> {
    name: &'static str,
    sides: [Side<'a>; 2],
}

/// Makes a side: repeats an operation. A macro, so that no call is between the loop and it.
macro_rules! side {
    ($operation:expr) => {{
        let operation = $operation;
        Box::new(move |times: u64| {
            for _ in 0..times {
                black_box(operation());
            }
        }) as Side<'_>
    }};
}

fn pairs() -> Vec<Pair<'static>> {
    let pair = |name, std, facade| Pair {
        name,
        sides: [std, facade],
    };
    let (std_mutex, mutex) = (std::sync::Mutex::new(0_u64), rt::sync::Mutex::new(0_u64));
    let (leaf_std, leaf) = (
        std::sync::Mutex::new(0_u64),
        rt::sync::LeafMutex::new(0_u64),
    );
    let (read_std, read) = (std::sync::RwLock::new(0_u64), rt::sync::RwLock::new(0_u64));
    let (write_std, write) = (std::sync::RwLock::new(0_u64), rt::sync::RwLock::new(0_u64));
    let (atomic_std, atomic) = (std::sync::atomic::AtomicU64::new(0), AtomicU64::new(0));
    let (size_std, size) = (std::sync::atomic::AtomicU64::new(0), AtomicU64::new(0));
    let object = Object::new(&class::I_SIZE, Key::Only);
    let (notified_std, notified) = (std::sync::Condvar::new(), rt::sync::Condvar::new());
    let (spin_std, spin) = (
        std::sync::Mutex::new(0_u64),
        SpinLock::new(&class::I_ES_LOCK, Key::Only, 0_u64),
    );
    vec![
        pair(
            "mutex",
            side!(move || *std_mutex.lock().expect("no panic") += 1),
            side!(move || *mutex.lock() += 1),
        ),
        pair(
            "leaf mutex",
            side!(move || *leaf_std.lock().expect("no panic") += 1),
            side!(move || leaf.with(|value| *value += 1)),
        ),
        pair(
            "rwlock, shared",
            side!(move || *read_std.read().expect("no panic")),
            side!(move || *read.read()),
        ),
        pair(
            "rwlock, exclusive",
            side!(move || *write_std.write().expect("no panic") += 1),
            side!(move || *write.write() += 1),
        ),
        pair(
            "atomic update",
            side!(move || atomic_std.fetch_add(1, Ordering::AcqRel)),
            side!(move || atomic.fetch_add(1, Ordering::AcqRel)),
        ),
        // An operation that is announced, as every one of the core's own primitives is.
        pair(
            "announced load and store",
            side!(move || {
                let value = size_std.load(Ordering::Acquire);
                size_std.store(value + 1, Ordering::Release);
            }),
            side!(move || {
                let load = || size.load(Ordering::Acquire);
                let value = rt::op(&object, Op::Load, || true, load);
                let store = || size.store(value + 1, Ordering::Release);
                rt::op(&object, Op::Store, || true, store);
            }),
        ),
        pair(
            "spinlock section",
            side!(move || *spin_std.lock().expect("no panic") += 1),
            side!(move || spin.write(|value| *value += 1)),
        ),
        pair(
            "condvar, nobody waits",
            side!(move || notified_std.notify_one()),
            side!(move || notified.notify_one()),
        ),
        pair("condvar hand-over", std_condvar(), facade_condvar()),
    ]
}

/// Passes a turn to another thread and back, which is the only way through. The thread is a new one
/// every time, so that neither side is stuck with a bad choice of processors.
macro_rules! condvar_side {
    ($mutex:ident, $condvar:ident, $locked:expr, $waited:expr) => {
        Box::new(|times: u64| {
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
            std::thread::scope(|scope| {
                scope.spawn(|| pass(1));
                pass(0);
            });
        }) as Side<'_>
    };
}

fn std_condvar() -> Side<'static> {
    use std::sync::{Condvar, Mutex, MutexGuard};
    fn locked(mutex: &Mutex<u64>) -> MutexGuard<'_, u64> {
        mutex.lock().expect("no panic")
    }
    fn waited<'a>(condvar: &Condvar, guard: MutexGuard<'a, u64>) -> MutexGuard<'a, u64> {
        condvar.wait(guard).expect("no panic")
    }
    condvar_side!(Mutex, Condvar, locked, waited)
}

fn facade_condvar() -> Side<'static> {
    use rt::sync::{Condvar, Mutex, MutexGuard};
    fn locked(mutex: &Mutex<u64>) -> MutexGuard<'_, u64> {
        mutex.lock()
    }
    fn waited<'a>(condvar: &Condvar, guard: MutexGuard<'a, u64>) -> MutexGuard<'a, u64> {
        condvar.wait(guard)
    }
    condvar_side!(Mutex, Condvar, locked, waited)
}

fn each_side(criterion: &mut Criterion) {
    for pair in pairs() {
        let mut group = criterion.benchmark_group(pair.name);
        for (name, mut side) in ["std", "façade"].into_iter().zip(pair.sides) {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|times| {
                    let start = Instant::now();
                    side(times);
                    start.elapsed()
                });
            });
        }
        group.finish();
    }
}

/// The time of one operation of each side, in nanoseconds: the fastest of many turns.
fn in_turns(pair: &mut Pair<'_>) -> [f64; 2] {
    let time = |side: &mut Side<'_>, times: u64| {
        let start = Instant::now();
        side(times);
        start.elapsed()
    };
    let mut times = 1;
    while time(&mut pair.sides[0], times) < TURN {
        times *= 2;
    }
    let mut fastest = [Duration::MAX; 2];
    for turn in 0..TURNS {
        for side in 0..2 {
            // Who goes first changes, too.
            let side = (side + turn as usize) % 2;
            fastest[side] = fastest[side].min(time(&mut pair.sides[side], times));
        }
    }
    fastest.map(|time| time.as_nanos() as f64 / times as f64)
}

fn table() {
    println!(
        "{:28} {:>10} {:>10} {:>9}",
        "in turns", "std", "façade", "more"
    );
    for mut pair in pairs() {
        let [std, facade] = in_turns(&mut pair);
        let more = (facade / std - 1.0) * 100.0;
        let verdict = if more <= GOAL { "" } else { "  above the goal" };
        let name = pair.name;
        println!("{name:28} {std:7.2} ns {facade:7.2} ns {more:+7.2} %{verdict}");
    }
}

criterion_group!(benches, each_side);

fn main() {
    table();
    // `cargo test` runs benches too, to see that they work: criterion knows by its arguments.
    benches();
    Criterion::default().configure_from_args().final_summary();
}
