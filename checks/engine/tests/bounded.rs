//! The preemption-bounded search against brute force whose executions are filtered by their
//! preemptions, and against DPOR where no bound is set.

mod common;

use common::{Body, Explorer, mix, mutex, traces_of};
use cutpoint::differential::{self, Numbers, Program};
use cutpoint::explore::bounded::{self, Bounded, Bounds};
use cutpoint::explore::dpor::Mistake;
use cutpoint::explore::{Execution, Options, Outcome, StoppedBy, naive};
use cutpoint::trace_hash::TraceHasher;
use rt_shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
use rt_shuttle::sync::{Arc, Mutex};
use rt_shuttle::thread::spawn;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const PROGRAMS: u64 = 400;
const INTERLEAVINGS_MAX: f64 = 600.0;

/// Traces, each with the fewest preemptions of its executions.
type Traces = BTreeMap<u128, u32>;

fn options() -> Options {
    Options {
        past_findings: true,
        ..Options::default()
    }
}

/// Gathers traces, and checks that the preemptions of the executions do not decrease if they are to
/// be `sorted`.
fn gather(traces: &mut Traces, sorted: bool) -> impl FnMut(&Execution<'_>) -> ControlFlow<()> {
    let mut hasher = TraceHasher::default();
    let mut before = 0;
    move |execution| {
        let preemptions = execution.preemptions.expect("both searches count them");
        let fewest = traces.entry(hasher.hash(execution.log));
        let fewest = fewest.or_insert(preemptions);
        *fewest = preemptions.min(*fewest);
        assert!(!sorted || before <= preemptions);
        before = preemptions;
        ControlFlow::Continue(())
    }
}

fn brute_force(body: &Body) -> Traces {
    let (mut traces, body) = (Traces::new(), body.clone());
    let mut observe = gather(&mut traces, false);
    let explored = naive::explore(&options(), move || body(), &mut observe);
    drop(observe);
    assert!(explored.complete);
    traces
}

fn bounded(preemptions: Option<u32>, body: &Body) -> (Bounded, Traces) {
    let (mut traces, body) = (Traces::new(), body.clone());
    let mut observe = gather(&mut traces, true);
    let bounds = Bounds {
        preemptions,
        ..Bounds::default()
    };
    let bounded = bounded::explore(bounds, &options(), move || body(), &mut observe);
    drop(observe);
    (bounded, traces)
}

/// The search must find each trace that brute force finds within the bound, with as few
/// preemptions, and say rightly whether it left any out.
fn check(body: &Body, text: &dyn Fn() -> String) -> u32 {
    let all = brute_force(body);
    let most = all.values().copied().max().unwrap_or(0);
    for bound in 0..=3 {
        let (result, found) = bounded(Some(bound), body);
        let mut within = all.clone();
        within.retain(|_, preemptions| *preemptions <= bound);
        assert!(found == within, "bound {bound}: {}", text());
        assert_eq!(result.explored.traces_distinct, Some(within.len() as u64));
        let covered = result.explored.preemptions_covered;
        match result.explored.stopped_by {
            StoppedBy::Exhaustion => assert!(result.explored.complete && within == all),
            StoppedBy::Preemptions => assert!(!result.explored.complete && covered == Some(bound)),
            other => panic!("{other:?}: {}", text()),
        }
    }
    let (result, found) = bounded(None, body);
    assert!(result.explored.complete, "{}", text());
    assert!(found == all, "{}", text());
    let (_, reduced) = traces_of(Explorer::Dpor(Mistake::None), body);
    assert!(found.into_keys().eq(reduced), "{}", text());
    if result.explored.plain_types {
        // Then the orders of turns are counted, and not the traces.
        return most;
    }
    for (preemptions, traces) in result.traces.iter().enumerate() {
        let needs = |fewest: &&u32| **fewest as usize == preemptions;
        assert_eq!(*traces, all.values().filter(needs).count() as u64);
    }
    most
}

#[test]
fn every_trace_within_a_bound_is_found_and_no_other() {
    let mut numbers = Numbers(2);
    let mut by_need = [0; 8];
    for _ in 0..PROGRAMS {
        let program = Program::generate(&mut numbers, INTERLEAVINGS_MAX);
        let most = check(&differential::body(&program), &|| format!("{program:#?}"));
        by_need[most.min(7) as usize] += 1;
    }
    assert!(
        by_need[..5].iter().all(|programs| *programs > 0),
        "{by_need:?}"
    );
}

#[test]
fn lock_programs_of_two_and_three_tasks_agree_at_every_bound() {
    let bodies: [Body; 4] = [
        std::sync::Arc::new(mutex(2, 3)),
        std::sync::Arc::new(mutex(3, 1)),
        std::sync::Arc::new(mix(2, 4)),
        std::sync::Arc::new(mix(3, 1)),
    ];
    for (number, body) in bodies.iter().enumerate() {
        check(body, &|| format!("lock program {number}"));
    }
}

/// The fewest preemptions of an execution with a finding, by brute force; and those of the first
/// finding of the bounded search, which must be as few.
fn first_finding(body: &Body) -> u32 {
    let mut fewest: Option<u32> = None;
    let naive = body.clone();
    let all = naive::explore(&options(), move || naive(), &mut |execution| {
        if execution.outcome != Outcome::Finished {
            let preemptions = execution.preemptions.expect("brute force counts them");
            fewest = Some(fewest.map_or(preemptions, |before| before.min(preemptions)));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(all.stopped_by, StoppedBy::Exhaustion);
    let bounded = body.clone();
    let bounds = Bounds::default();
    let go_on = &mut |_: &Execution<'_>| ControlFlow::Continue(());
    let found = bounded::explore(bounds, &Options::default(), move || bounded(), go_on);
    assert_eq!(found.explored.stopped_by, StoppedBy::Finding);
    let covered = found.explored.preemptions_covered;
    let first = found.explored.finding.expect("it was stopped by it");
    assert_eq!(first.preemptions, fewest);
    let first = first.preemptions.expect("a finding has its preemptions");
    assert_eq!(covered, first.checked_sub(1));
    first
}

#[test]
fn the_first_counterexample_has_the_fewest_preemptions() {
    // Adding by reading and writing: lost if the other adds in between.
    let torn = |times: u64, least: u64| {
        move || {
            let count = Arc::new(AtomicU64::new(0));
            let add = move |count: &AtomicU64| {
                (0..times).for_each(|_| count.store(count.load(SeqCst) + 1, SeqCst));
            };
            let theirs = count.clone();
            let task = spawn("a", move || add(&theirs));
            add(&count);
            task.join();
            assert!(count.load(SeqCst) > least);
        }
    };
    let lost_once: Body = std::sync::Arc::new(torn(1, 1));
    assert_eq!(first_finding(&lost_once), 1);
    // To end with 2 after six additions, each task's last one must start from what the other's
    // first one left.
    let lost_often: Body = std::sync::Arc::new(torn(3, 2));
    assert_eq!(first_finding(&lost_often), 4);
    // Opposite orders of two locks.
    let opposite: Body = std::sync::Arc::new(|| {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = locks.clone();
        let task = spawn("a", move || {
            let first = theirs.1.lock();
            *theirs.0.lock() += *first;
        });
        let first = locks.0.lock();
        *locks.1.lock() += *first;
        drop(first);
        task.join();
    });
    assert_eq!(first_finding(&opposite), 1);
    // A task that runs before the other has begun: no preemption at all.
    let early: Body = std::sync::Arc::new(|| {
        let count = Arc::new(AtomicU64::new(0));
        let theirs = count.clone();
        let task = spawn("a", move || theirs.store(1, SeqCst));
        let before = count.load(SeqCst);
        task.join();
        assert_eq!(before, 0);
    });
    assert_eq!(first_finding(&early), 0);
}

#[test]
fn a_full_memory_and_a_spent_budget_are_said_and_nothing_beyond_is_claimed() {
    let body: Body = std::sync::Arc::new(mix(3, 4));
    let explore = |bounds, options: &Options| {
        let body = body.clone();
        let go_on = &mut |_: &Execution<'_>| ControlFlow::Continue(());
        bounded::explore(bounds, options, move || body(), go_on)
    };
    let small = Bounds {
        memory_max_bytes: 1 << 16,
        ..Bounds::default()
    };
    let full = explore(small, &Options::default());
    assert_eq!(full.explored.stopped_by, StoppedBy::Memory);
    assert!(!full.explored.complete);
    assert!(full.memory_bytes <= 1 << 17, "{}", full.memory_bytes);
    let covered = full.explored.preemptions_covered.expect("some fit");
    let within = explore(Bounds::preemptions(covered), &Options::default());
    assert_eq!(within.explored.preemptions_covered, Some(covered));
    assert_eq!(full.traces, within.traces);
    let budget = Options {
        executions: Some(within.explored.executions - 1),
        ..Options::default()
    };
    let spent = explore(Bounds::preemptions(covered), &budget);
    assert_eq!(spent.explored.stopped_by, StoppedBy::Executions);
    assert!(!spent.explored.complete);
    assert_eq!(spent.explored.preemptions_covered, covered.checked_sub(1));
}
