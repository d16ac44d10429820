//! Programs that used to end with everything asleep, and how few executions they may take now.

mod common;

use common::{Explorer, NAMES, traces_of};
use cutpoint::explore::dpor::Mistake;
use rt_shuttle::sync::{Arc, Mutex, RwLock};
use rt_shuttle::thread::spawn;
use rt_shuttle::{Class, Key, Object, Op, choose, op};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

static ITEMS: Class = Class::new("items");

/// Explores by brute force and by DPOR, and expects the same traces from at most 5 % more
/// executions than there are traces.
fn check(body: impl Fn() + Send + Sync + 'static, traces: usize) {
    let body: common::Body = Arc::new(body);
    let (_, all) = traces_of(Explorer::Naive, &body);
    let (explored, reduced) = traces_of(Explorer::Dpor(Mistake::None), &body);
    assert_eq!(all.len(), traces);
    assert_eq!(all, reduced);
    let executions = explored.executions;
    assert!(
        executions * 100 <= traces as u64 * 105,
        "{executions} executions for {traces} traces, {} of them asleep",
        explored.sleep_blocked
    );
}

/// A list of work: a counter that a worker waits for and takes from.
struct Work {
    items: Object,
    count: AtomicU64,
    state: Mutex<u64>,
    size: RwLock<u64>,
}

impl Work {
    fn new() -> Arc<Work> {
        Arc::new(Work {
            items: Object::new(&ITEMS, Key::Only),
            count: AtomicU64::new(0),
            state: Mutex::new(0),
            size: RwLock::new(0),
        })
    }

    fn push(&self) {
        let add = || self.count.fetch_add(1, SeqCst);
        op(&self.items, Op::CountUp, || true, add);
    }

    fn pop(&self) {
        let some = || self.count.load(SeqCst) > 0;
        let take = || self.count.fetch_sub(1, SeqCst);
        op(&self.items, Op::CountAwaitSome, some, take);
    }
}

/// The worker's second wait has used up what its first one waited for: it can not go before the
/// second addition.
#[test]
fn a_worker_waits_again_for_what_it_has_used_up() {
    let body = || {
        let work = Work::new();
        let worker = spawn(NAMES[1], {
            let work = work.clone();
            move || {
                work.pop();
                *work.state.lock() += 1;
                work.pop();
                *work.state.lock() += 1;
            }
        });
        let other = spawn(NAMES[2], {
            let work = work.clone();
            move || {
                let mut state = work.state.lock();
                *work.size.write() += 1;
                *state += 1;
            }
        });
        work.push();
        *work.size.write() += 1;
        work.push();
        worker.join();
        other.join();
    };
    check(body, WORKER);
}

/// What is asleep at a choice may stay asleep after one value and not after another.
#[test]
fn a_choice_is_made_once_where_it_decides_nothing() {
    let body = || {
        let work = Work::new();
        let chooser = spawn(NAMES[1], {
            let work = work.clone();
            move || {
                drop(work.size.read());
                match choose("what", 3) {
                    0 => *work.state.lock() += 1,
                    1 => *work.size.write() += 1,
                    _ => {}
                }
            }
        });
        let other = spawn(NAMES[2], {
            let work = work.clone();
            move || {
                *work.size.write() += 1;
                *work.state.lock() += 1;
            }
        });
        *work.state.lock() += 1;
        drop(work.size.read());
        chooser.join();
        other.join();
    };
    check(body, CHOOSER);
}

/// Brute-force counts.
const WORKER: usize = 9;
const CHOOSER: usize = 37;
