//! loom as the judge, in a process of its own: shuttle's panic hook would print for loom's
//! findings.

#[path = "common/body.rs"]
#[macro_use]
mod body;

use cutpoint::differential::{self, Settings};
use cutpoint::explore::{Explored, Options, Outcome, StoppedBy, loom};
use cutpoint::trace_hash::TraceHasher;
use cutpoint_event::pending::Granularity;
use rt_loom::sync::atomic::{AtomicU64, Ordering};
use rt_loom::sync::{Arc, Condvar, Mutex, RwLock};
use rt_loom::thread::spawn;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

lock_programs!();

fn explore(options: &Options, body: impl Fn() + Send + Sync + 'static) -> Explored {
    loom::explore(None, options, body, &mut |execution| {
        assert!(!execution.log.events.is_empty());
        ControlFlow::Continue(())
    })
}

/// The distinct traces of a body by loom.
fn traces(body: impl Fn() + Send + Sync + 'static) -> (Explored, usize) {
    let mut traces = BTreeSet::new();
    let mut hasher = TraceHasher::default();
    let explored = loom::explore(None, &Options::default(), body, &mut |execution| {
        assert_eq!(execution.outcome, Outcome::Finished);
        traces.insert(hasher.hash(execution.log));
        ControlFlow::Continue(())
    });
    assert!(explored.complete, "{:?}", explored.finding);
    (explored, traces.len())
}

#[test]
fn loom_sees_the_same_number_of_traces() {
    assert_eq!(traces(mutex(2, 3)).1, 20);
    assert_eq!(traces(mutex(3, 1)).1, 6);
    assert_eq!(traces(mix(2, 5)).1, 17);
}

/// Waits for a lock in a frame below `depth` others of more than a kilobyte.
fn wait_below(depth: u8, lock: &Mutex<u64>) -> u64 {
    let filled = std::hint::black_box([depth; 1 << 10]);
    let below = match depth {
        0 => *lock.lock(),
        _ => wait_below(depth - 1, lock),
    };
    below + u64::from(filled[usize::from(depth)])
}

#[test]
fn the_main_task_may_have_deep_frames() {
    let body = || {
        let lock = Arc::new(Mutex::new(0));
        let theirs = lock.clone();
        let task = spawn("a", move || *theirs.lock() += 1);
        assert!(wait_below(100, &lock) >= 5_050);
        task.join();
    };
    assert_eq!(traces(body).1, 2);
}

#[test]
fn a_deadlock_is_found_and_named() {
    let explored = explore(&Options::default(), || {
        let locks = Arc::new((Mutex::new(()), RwLock::new(())));
        let theirs = locks.clone();
        let task = spawn("a", move || {
            let _b = theirs.1.write();
            let _a = theirs.0.lock();
        });
        let a = locks.0.lock();
        let b = locks.1.read();
        drop((b, a));
        task.join();
    });
    assert_eq!(explored.stopped_by, StoppedBy::Finding);
    let found = explored.finding.expect("it was stopped by it");
    assert_eq!(found.findings[0].invariant, "deadlock");
    let text =
        "main waits: AcquireShared of reader-writer lock; a waits: AcquireExclusive of mutex";
    assert_eq!(found.findings[0].observed, text);
}

#[test]
fn a_finding_ends_the_search_and_loom_stays_usable() {
    for _ in 0..2 {
        let explored = explore(&Options::default(), || {
            let value = Arc::new(Mutex::new(0));
            let theirs = value.clone();
            let task = spawn("a", move || *theirs.lock() = 1);
            if *value.lock() == 1 {
                rt_loom::finding("I0", || "0".into(), || "1".into());
            }
            task.join();
        });
        let found = explored.finding.expect("one order shows 1");
        assert_eq!(found.findings[0].invariant, "I0");
        assert!(!explored.complete);
    }
}

#[test]
fn conditions_wake_their_waiters() {
    let explored = explore(&Options::default(), || {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = shared.clone();
        let task = spawn("a", move || {
            *theirs.0.lock() = true;
            theirs.1.notify_one();
        });
        let mut flag = shared.0.lock();
        while !*flag {
            flag = shared.1.wait(flag);
        }
        drop(flag);
        task.join();
    });
    assert!(explored.complete, "{:?}", explored.finding);
}

#[test]
fn weak_memory_shows_at_atomic_granularity_only() {
    let store_buffering = || {
        let cells = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let theirs = cells.clone();
        let task = spawn("a", move || {
            theirs.0.store(1, Ordering::Relaxed);
            theirs.1.load(Ordering::Relaxed)
        });
        cells.1.store(1, Ordering::Relaxed);
        let mine = cells.0.load(Ordering::Relaxed);
        if mine == 0 && task.join() == 0 {
            rt_loom::finding("SC", || "a 1".into(), || "0 and 0".into());
        }
    };
    let atomic = Options {
        granularity: Granularity::Atomic,
        ..Options::default()
    };
    assert!(explore(&atomic, store_buffering).finding.is_some());
    assert!(explore(&Options::default(), store_buffering).complete);
}

#[test]
fn budgets_and_bounds_are_never_called_complete() {
    let options = Options {
        executions: Some(5),
        ..Options::default()
    };
    let explored = explore(&options, mutex(2, 3));
    assert_eq!((explored.executions, explored.complete), (5, false));
    assert_eq!(explored.stopped_by, StoppedBy::Executions);
    let bounded = loom::explore(Some(1), &Options::default(), mutex(2, 3), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(!bounded.complete);
    assert_eq!(bounded.stopped_by, StoppedBy::Exhaustion);
}

/// loom must not see what DPOR lacks. DPOR runs first, as shuttle must in a process with loom.
#[test]
fn loom_sees_nothing_on_generated_programs_that_dpor_lacks() {
    let tally = differential::against_loom(&Settings::new(300));
    let tally = tally.unwrap_or_else(|disagreement| panic!("{disagreement}"));
    assert!(tally.judged > 50, "loom can hardly run any: {tally:?}");
}
