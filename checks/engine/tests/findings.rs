//! What the explorers report, and that nothing is left behind.

mod common;

use common::{NAMES, mutex};
use cutpoint::explore::{
    Decision, Explored, Options, Outcome, StoppedBy, dpor, naive, random, replay,
};
use cutpoint::verdict::Verdict;
use rt_shuttle::sync::atomic::{AtomicBool, Ordering::SeqCst};
use rt_shuttle::sync::{Arc, Condvar, Mutex};
use rt_shuttle::thread::{self, spawn};
use rt_shuttle::{Class, Key, Object, Op, choose, op};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, AtomicU64};

static A: Class = Class::new("A");
static B: Class = Class::new("B");

fn go_on(_: &cutpoint::explore::Execution<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn explore(body: impl Fn() + Send + Sync + 'static) -> Explored {
    dpor::explore(&Options::default(), body, &mut go_on)
}

/// The first finding's invariant and what was observed.
fn finding(explored: &Explored) -> (&'static str, &str) {
    let found = explored.finding.as_ref().expect("there is a finding");
    assert_eq!(explored.stopped_by, StoppedBy::Finding);
    (found.findings[0].invariant, &found.findings[0].observed)
}

/// Two mutexes taken in opposite orders.
fn opposite_orders() {
    let locks = Arc::new((
        Mutex::named(&A, Key::Only, ()),
        Mutex::named(&B, Key::One(7), ()),
    ));
    let theirs = locks.clone();
    let task = spawn(NAMES[1], move || {
        let _b = theirs.1.lock();
        let _a = theirs.0.lock();
    });
    {
        let _a = locks.0.lock();
        let _b = locks.1.lock();
    }
    task.join();
}

#[test]
fn a_deadlock_names_every_waiting_task_its_operation_and_object() {
    let explored = explore(opposite_orders);
    let text = "main waits: AcquireExclusive of B 7; a waits: AcquireExclusive of A";
    assert_eq!(finding(&explored), ("deadlock", text));
    assert!(Verdict::of(explored, "").is_violated());
}

#[test]
fn a_search_past_deadlocks_is_complete() {
    let options = Options {
        past_findings: true,
        ..Options::default()
    };
    let mut outcomes = Vec::new();
    let explored = dpor::explore(&options, opposite_orders, &mut |execution| {
        outcomes.push(execution.outcome);
        ControlFlow::Continue(())
    });
    outcomes.sort_by_key(|outcome| *outcome as u8);
    // Either task goes first on both locks, or they deadlock.
    let expected = [Outcome::Finished, Outcome::Finished, Outcome::Deadlock];
    assert_eq!(outcomes, expected);
    assert!(explored.complete);
}

/// A waiter that looks at the flag without the lock under which it is notified.
fn lost_wake_up() {
    let shared = Arc::new((AtomicBool::new(false), Mutex::new(()), Condvar::new()));
    let theirs = shared.clone();
    let task = spawn(NAMES[1], move || {
        theirs.0.store(true, SeqCst);
        theirs.2.notify_one();
    });
    let guard = shared.1.lock();
    if !shared.0.load(SeqCst) {
        drop(shared.2.wait(guard));
    }
    task.join();
}

#[test]
fn a_lost_wake_up_is_found() {
    let explored = explore(lost_wake_up);
    let text = "main waits: ConditionAwait of condition";
    assert_eq!(finding(&explored), ("deadlock", text));
}

#[test]
fn a_wake_up_under_the_lock_is_not_lost() {
    let explored = explore(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = shared.clone();
        let task = spawn(NAMES[1], move || {
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
    assert!(explored.complete && explored.finding.is_none());
}

#[test]
fn a_panic_is_a_finding_with_its_message() {
    let explored = explore(|| {
        let ready = Arc::new(AtomicBool::new(false));
        let theirs = ready.clone();
        let task = spawn(NAMES[1], move || theirs.store(true, SeqCst));
        let early = !ready.load(SeqCst);
        task.join();
        // Not by `panic!`, which would print through the test's panic hook.
        if early {
            std::panic::resume_unwind(Box::new("looked too early"));
        }
    });
    assert_eq!(finding(&explored), ("panic", "looked too early"));
}

#[test]
fn an_execution_that_never_ends_is_a_livelock() {
    let options = Options {
        max_steps: 1_000,
        ..Options::default()
    };
    let body = || {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let task = spawn(NAMES[1], move || theirs.store(true, SeqCst));
        while !stop.load(SeqCst) {}
        task.join();
    };
    let explored = dpor::explore(&options, body, &mut go_on);
    let text = "1000 steps, and still running: main, a";
    assert_eq!(finding(&explored), ("livelock", text));
}

#[test]
fn choices_are_enumerated() {
    let mut seen = BTreeSet::new();
    let values = Arc::new(AtomicU64::new(0));
    let theirs = values.clone();
    let body = move || {
        let sum = Arc::new(Mutex::new(0));
        let other = sum.clone();
        let task = spawn(NAMES[1], move || *other.lock() += choose("first", 3));
        *sum.lock() += 10 * choose("second", 4);
        task.join();
        let last = 100 * choose("third", 2);
        theirs.store(*sum.lock() + last, std::sync::atomic::Ordering::SeqCst);
    };
    let explored = dpor::explore(&Options::default(), body, &mut |_| {
        seen.insert(values.load(std::sync::atomic::Ordering::SeqCst));
        ControlFlow::Continue(())
    });
    assert_eq!(seen.len(), 3 * 4 * 2);
    // Each in both orders of the two sections.
    assert_eq!(explored.executions, 2 * 3 * 4 * 2);
    assert!(explored.complete);
}

#[test]
fn entering_a_gate_commutes_and_closing_it_does_not() {
    static GATE: Class = Class::new("gate");
    let body = |close: bool| {
        move || {
            let gate = Arc::new((
                Object::new(&GATE, Key::Only),
                AtomicI64::new(0),
                AtomicBool::new(false),
            ));
            let pass = |gate: &(Object, AtomicI64, AtomicBool)| {
                use rt_shuttle::sync::atomic::Peek;
                let (object, inside, closed) = gate;
                op(
                    object,
                    Op::GateEnter,
                    || !closed.peek(),
                    || {
                        inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    },
                );
                op(
                    object,
                    Op::GateExit,
                    || true,
                    || {
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    },
                );
            };
            let theirs = gate.clone();
            let task = spawn(NAMES[1], move || pass(&theirs));
            if close {
                let (object, inside, closed) = &*gate;
                op(
                    object,
                    Op::GateClose,
                    || true,
                    || closed.store(true, SeqCst),
                );
                let empty = || inside.load(std::sync::atomic::Ordering::SeqCst) == 0;
                op(object, Op::GateDrain, empty, || ());
                op(
                    object,
                    Op::GateOpen,
                    || true,
                    || closed.store(false, SeqCst),
                );
            } else {
                pass(&gate);
            }
            task.join();
        }
    };
    assert_eq!(explore(body(false)).executions, 1);
    assert_eq!(explore(body(true)).executions, 2);
}

/// Counts how many of these live.
struct Counted(Arc<AtomicI64>);

impl Counted {
    fn new(live: &Arc<AtomicI64>) -> Counted {
        live.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Counted(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn abandoned_executions_leave_nothing_behind() {
    let live = Arc::new(AtomicI64::new(0));
    let most = Arc::new(AtomicI64::new(0));
    let (in_body, in_body_most) = (live.clone(), most.clone());
    let body = move || {
        let locks = Arc::new((Mutex::new(()), Mutex::new(()), Counted::new(&in_body)));
        let (theirs, live) = (locks.clone(), in_body.clone());
        let task = spawn(NAMES[1], move || {
            let _on_stack = Counted::new(&live);
            let _b = theirs.1.lock();
            let _a = theirs.0.lock();
        });
        let _on_stack = Counted::new(&in_body);
        let now = in_body.load(std::sync::atomic::Ordering::SeqCst);
        in_body_most.fetch_max(now, std::sync::atomic::Ordering::SeqCst);
        let a = locks.0.lock();
        let b = locks.1.lock();
        drop((b, a));
        task.join();
    };
    let options = Options {
        past_findings: true,
        ..Options::default()
    };
    let mut deadlocks = 0;
    let observed = live.clone();
    dpor::explore(&options, body, &mut |execution| {
        deadlocks += u64::from(execution.outcome == Outcome::Deadlock);
        assert_eq!(observed.load(std::sync::atomic::Ordering::SeqCst), 0);
        ControlFlow::Continue(())
    });
    assert_eq!(deadlocks, 1);
    assert!(most.load(std::sync::atomic::Ordering::SeqCst) >= 2);
    assert_eq!(live.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn plain_shuttle_types_are_explored_soundly() {
    let body = || {
        let counter = Arc::new(shuttle::sync::Mutex::new(Vec::new()));
        let theirs = counter.clone();
        let task = shuttle::thread::spawn(move || {
            for _ in 0..2 {
                theirs.lock().expect("nobody panics").push(1);
            }
        });
        for _ in 0..2 {
            counter.lock().expect("nobody panics").push(0);
        }
        task.join().expect("the task does not panic");
        let order = counter.lock().expect("nobody panics").clone();
        ORDERS.with_borrow_mut(|orders| orders.insert(order));
    };
    thread_local! {
        static ORDERS: std::cell::RefCell<BTreeSet<Vec<i32>>> =
            const { std::cell::RefCell::new(BTreeSet::new()) };
    }
    let explored = explore(body);
    assert!(explored.complete, "{:?}", explored.stopped_by);
    assert_eq!(ORDERS.with_borrow(BTreeSet::len), 6);
}

#[test]
fn a_budget_is_kept_and_never_called_complete() {
    let options = Options {
        executions: Some(7),
        ..Options::default()
    };
    let explored = dpor::explore(&options, mutex(2, 3), &mut go_on);
    assert_eq!((explored.executions, explored.complete), (7, false));
    assert_eq!(explored.stopped_by, StoppedBy::Executions);
    assert!(matches!(
        Verdict::of(explored, ""),
        Verdict::WithinBounds { .. }
    ));
    let mut left = 3;
    let explored = naive::explore(&Options::default(), mutex(2, 3), &mut |_| {
        left -= 1;
        match left {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert_eq!(explored.stopped_by, StoppedBy::Observer);
    assert_eq!(explored.executions, 3);
}

#[test]
fn shuttles_schedulers_find_the_deadlock_and_repeat_themselves() {
    for method in [
        random::Method::Uniform { seed: 1 },
        random::Method::Pct { seed: 1, depth: 2 },
        random::Method::Urw { seed: 1 },
        random::Method::DepthFirst,
    ] {
        let options = Options {
            executions: Some(1_000),
            ..Options::default()
        };
        let again = || random::explore(method, &options, opposite_orders, &mut go_on);
        let (first, second) = (again(), again());
        assert_eq!(finding(&first).0, "deadlock", "{method:?}");
        assert_eq!(first.executions, second.executions);
        let found = first.finding.expect("asserted above");
        assert_eq!(found.log, second.finding.expect("as the first").log);
    }
}

/// A task may be spawned while another holds what it asks for first.
#[test]
fn the_random_walk_hears_of_tasks_that_can_not_go() {
    let spawned_under_a_lock = || {
        let lock = Arc::new(Mutex::new(0_u32));
        let held = lock.lock();
        let tasks: Vec<_> = ["first", "second"]
            .map(|name| {
                let lock = lock.clone();
                spawn(name, move || *lock.lock() += 1)
            })
            .into();
        drop(held);
        tasks.into_iter().for_each(|task| task.join());
        assert_eq!(*lock.lock(), 2);
    };
    let options = Options {
        executions: Some(200),
        count_traces: true,
        ..Options::default()
    };
    let method = random::Method::Urw { seed: 1 };
    let explored = random::explore(method, &options, spawned_under_a_lock, &mut go_on);
    assert!(explored.finding.is_none(), "{:?}", finding(&explored));
    assert_eq!(explored.traces_distinct, Some(2));
}

#[test]
fn shuttles_depth_first_search_sees_the_same_traces() {
    let options = Options {
        count_traces: true,
        ..Options::default()
    };
    let method = random::Method::DepthFirst;
    let explored = random::explore(method, &options, mutex(2, 2), &mut go_on);
    assert!(explored.complete);
    assert_eq!(explored.traces_distinct, Some(6));
    let body = || assert!(choose("a coin", 2) < 2);
    let explored = random::explore(method, &options, body, &mut go_on);
    assert!(!explored.complete);
}

#[test]
fn a_schedule_replays_by_position_and_by_events() {
    let found = explore(lost_wake_up).finding.expect("it is lost");
    let options = Options::default();
    let schedule = found.schedule.clone();
    let (explored, followed) = replay::by_position(schedule, &options, lost_wake_up, &mut go_on);
    assert!(followed);
    assert_eq!(explored.finding.expect("it is lost again").log, found.log);

    let (events, choices) = replay::recording(&found.log);
    let (explored, matched) =
        replay::by_events(events.clone(), choices, &options, lost_wake_up, &mut go_on);
    assert_eq!((matched.skipped, matched.diverged_at), (0, None));
    assert_eq!(explored.finding.expect("it is lost again").log, found.log);
    assert!(
        found
            .schedule
            .contains(&Decision::Task(cutpoint_event::TaskId(1)))
    );
}

/// The lost wake-up after unrelated changes: more operations in between.
#[test]
fn events_replay_in_changed_code() {
    let found = explore(lost_wake_up).finding.expect("it is lost");
    let (events, choices) = replay::recording(&found.log);
    let changed = || {
        let unrelated = Arc::new(Mutex::named(&A, Key::Only, 0));
        let shared = Arc::new((AtomicBool::new(false), Mutex::new(()), Condvar::new()));
        let (theirs, also) = (shared.clone(), unrelated.clone());
        let task = spawn(NAMES[1], move || {
            *also.lock() += 1;
            theirs.0.store(true, SeqCst);
            theirs.2.notify_one();
            *also.lock() += 1;
        });
        *unrelated.lock() += 1;
        let guard = shared.1.lock();
        if !shared.0.load(SeqCst) {
            drop(shared.2.wait(guard));
        }
        task.join();
    };
    let (explored, matched) =
        replay::by_events(events, choices, &Options::default(), changed, &mut go_on);
    let found = explored.finding.expect("the race is still there");
    assert_eq!(found.findings[0].invariant, "deadlock");
    assert_eq!(matched.skipped, 0);
}

#[test]
fn parking_and_unparking_is_never_lost() {
    let explored = explore(|| {
        let main = thread::current();
        let done = Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        let task = spawn(NAMES[1], move || {
            theirs.store(true, SeqCst);
            main.unpark();
        });
        thread::park();
        assert!(done.load(SeqCst));
        task.join();
    });
    assert!(explored.complete && explored.finding.is_none());
}
