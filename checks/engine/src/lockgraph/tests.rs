//! Lock orders of real executions: what is a cycle and what is not.

mod things;

use super::{LockGraph, Mode};
use crate::explore::{Explored, Options, dpor};
use rt_shuttle::sync::{Arc, Mutex, RwLock};
use rt_shuttle::thread::spawn;
use rt_shuttle::{Class, Key, Object, Op, op};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

static A: Class = Class::new("A");
static B: Class = Class::new("B");
static GATE_LOCK: Class = Class::new("gate lock");
static FOLIO: Class = Class::new("folio");
static TRANSACTION: Class = Class::new("transaction");
static WRITEBACK: Class = Class::new("writeback");

/// The graph of every execution, all of which must end well unless `deadlocks`.
fn graph(deadlocks: bool, body: impl Fn() + Send + Sync + 'static) -> LockGraph {
    explored(LockGraph::new(), deadlocks, body)
}

/// The same, added to a graph.
fn explored(
    mut graph: LockGraph,
    deadlocks: bool,
    body: impl Fn() + Send + Sync + 'static,
) -> LockGraph {
    let options = Options {
        past_findings: true,
        ..Options::default()
    };
    let explored: Explored = dpor::explore(&options, body, &mut |execution| {
        graph.add(execution.number, execution.log);
        ControlFlow::Continue(())
    });
    assert!(explored.complete);
    assert_eq!(explored.finding.is_some(), deadlocks, "{explored:?}");
    graph
}

fn mutex(class: &'static Class, key: Key) -> Arc<Mutex<()>> {
    Arc::new(Mutex::named(class, key, ()))
}

fn both(first: &Mutex<()>, second: &Mutex<()>) {
    let _first = first.lock();
    let _second = second.lock();
}

#[test]
fn opposite_orders_that_never_meet_are_a_cycle_with_both_witnesses() {
    let graph = graph(false, || {
        let (a, b) = (mutex(&A, Key::Only), mutex(&B, Key::One(7)));
        let (c, d) = (a.clone(), b.clone());
        spawn("first", move || both(&c, &d)).join();
        spawn("second", move || both(&b, &a)).join();
    });
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1);
    let told: Vec<_> = cycles[0]
        .edges
        .iter()
        .map(|(edge, of)| (edge.held.to_string(), &*of.task, &*of.held, &*of.awaited))
        .collect();
    let expected = [
        ("A".into(), "first", "A", "B 7"),
        ("B".into(), "second", "B 7", "A"),
    ];
    assert_eq!(told, expected);
    let text = cycles[0].to_string();
    assert!(
        text.starts_with("A -> B -> A: first holds A (exclusive, "),
        "{text}"
    );
    assert!(text.contains("; second holds B 7 (exclusive, "), "{text}");
    let dot = graph.dot();
    assert!(dot.starts_with("digraph"), "{dot}");
    assert_eq!(dot.matches("color=red").count(), 2, "{dot}");
    for witness in [
        "first holds A (exclusive, ",
        "second holds B 7 (exclusive, ",
    ] {
        assert_eq!(dot.matches(witness).count(), 1, "{dot}");
    }
}

#[test]
fn a_cycle_may_show_only_when_graphs_are_put_together() {
    let order = |is_first: bool| {
        graph(false, move || {
            let (a, b) = (mutex(&A, Key::Two(1, 2)), mutex(&B, Key::One(7)));
            let (c, d) = if is_first { (a, b) } else { (b, a) };
            spawn("a task", move || both(&c, &d)).join();
        })
    };
    let (first, second) = (order(true), order(false));
    assert!(first.cycles().is_empty() && second.cycles().is_empty());
    let mut whole = LockGraph::new();
    for part in [first, second] {
        let text = serde_json::to_string(&part.state()).unwrap();
        whole.absorb(serde_json::from_str(&text).unwrap());
    }
    assert_eq!(whole.cycles().len(), 1);
    let before = whole.state();
    whole.absorb(before.clone());
    assert_eq!(whole.state(), before, "nothing new");
}

#[test]
fn opposite_orders_under_one_lock_are_no_cycle() {
    let graph = graph(false, || {
        let gate = mutex(&GATE_LOCK, Key::Only);
        let (a, b) = (mutex(&A, Key::Only), mutex(&B, Key::Only));
        let (theirs, c, d) = (gate.clone(), a.clone(), b.clone());
        let task = spawn("first", move || {
            let _gate = theirs.lock();
            both(&c, &d);
        });
        {
            let _gate = gate.lock();
            both(&b, &a);
        }
        task.join();
    });
    assert_eq!(graph.edges().count(), 4);
    assert_eq!(graph.cycles(), []);
}

#[test]
fn a_second_path_without_the_gate_lock_makes_the_cycle() {
    let graph = graph(false, || {
        let gate = mutex(&GATE_LOCK, Key::Only);
        let (a, b) = (mutex(&A, Key::Only), mutex(&B, Key::Only));
        {
            let _gate = gate.lock();
            both(&a, &b);
            both(&b, &a);
        }
        both(&b, &a);
    });
    assert_eq!(graph.cycles().len(), 1);
}

#[test]
fn shares_do_not_wait_for_shares() {
    let graph = graph(false, || {
        let lock = |class| Arc::new(RwLock::named(class, Key::Only, ()));
        let (a, b) = (lock(&A), lock(&B));
        let (c, d) = (a.clone(), b.clone());
        let task = spawn("first", move || {
            let _a = c.read();
            let _b = d.read();
        });
        {
            let _b = b.read();
            let _a = a.read();
        }
        task.join();
    });
    let edges: Vec<_> = graph.edges().map(|(edge, _)| edge).collect();
    assert_eq!(edges.len(), 2);
    assert!(
        edges
            .iter()
            .all(|edge| edge.wait == Mode::Shared && !graph.may_block(edge))
    );
    assert_eq!(graph.dot().matches("style=dashed").count(), 2);
    assert_eq!(graph.cycles(), []);
}

/// Two shares in opposite orders, or one twice, by tasks that never overlap; perhaps writers.
fn shares(is_fair: bool, twice: bool, writes: bool) -> LockGraph {
    let classes = ["A", "B"].into_iter().filter(|_| is_fair);
    let graph = LockGraph::with_fair(classes);
    explored(graph, false, move || {
        let lock = |class| Arc::new(RwLock::named(class, Key::One(1), ()));
        let (a, b) = (lock(&A), lock(&B));
        let shared = |first: &Arc<RwLock<()>>, second: &Arc<RwLock<()>>| {
            let (first, second) = (first.clone(), second.clone());
            move || {
                let _first = first.read();
                let _second = second.read();
            }
        };
        if twice {
            spawn("first", shared(&a, &a)).join();
        } else {
            spawn("first", shared(&a, &b)).join();
            spawn("second", shared(&b, &a)).join();
        }
        if writes {
            spawn("writer", move || {
                drop(a.write());
                drop(b.write());
            })
            .join();
        }
    })
}

#[test]
fn readers_of_a_fair_lock_queue_behind_its_writers() {
    let cycle = |twice| {
        let cycles = shares(true, twice, true).cycles();
        assert_eq!(cycles.len(), 1, "{cycles:?}");
        cycles[0].to_string()
    };
    let told = cycle(false);
    let nodes = "A -> queue of B -> B -> queue of A -> A: ";
    assert!(told.starts_with(nodes), "{told}");
    assert!(
        told.contains("writer holds the queue of A 1 (exclusive, "),
        "{told}"
    );
    let told = cycle(true);
    let nodes = "A 1 -> queue of A 1 -> A 1: first holds A 1 (shared, ";
    assert!(told.starts_with(nodes), "{told}");
}

#[test]
fn readers_wait_for_nobody_without_fairness_or_without_writers() {
    for twice in [false, true] {
        for (is_fair, writes) in [(false, true), (true, false), (false, false)] {
            assert_eq!(shares(is_fair, twice, writes).cycles(), []);
        }
    }
}

#[test]
fn a_downgraded_hold_is_a_share() {
    let order = |downgrade: bool| {
        graph(false, move || {
            let lock = |class| RwLock::named(class, Key::Only, ());
            let (a, b) = (lock(&A), lock(&B));
            let held = a.write();
            if downgrade {
                let _a = held.downgrade();
                drop(b.read());
            } else {
                drop(b.read());
                drop(held);
            }
            let _b = b.read();
            drop(a.read());
        })
    };
    assert_eq!(order(true).cycles().len(), 0);
    assert_eq!(
        order(false).cycles().len(),
        0,
        "the share of B blocks nobody"
    );
}

#[test]
fn objects_of_a_class_are_a_cycle_only_in_both_orders() {
    let in_order = |orders: &'static [(u64, u64)]| {
        graph(false, move || {
            let folios: Vec<_> = (0..3).map(|n| mutex(&FOLIO, Key::Two(12, n))).collect();
            for (first, second) in orders {
                both(&folios[*first as usize], &folios[*second as usize]);
            }
        })
    };
    assert_eq!(in_order(&[(0, 1), (1, 2), (0, 2)]).cycles(), []);
    let cycles = in_order(&[(0, 1), (1, 2), (2, 0)]).cycles();
    let names: Vec<String> = cycles[0].locks().map(|lock| lock.to_string()).collect();
    assert_eq!(names, ["folio 12:0", "folio 12:1", "folio 12:2"]);
}

#[test]
fn unnamed_locks_are_told_apart() {
    let graph = graph(false, || {
        let locks: Vec<_> = (0..2).map(|_| Mutex::new(())).collect();
        both(&locks[0], &locks[1]);
        both(&locks[1], &locks[0]);
    });
    let text = graph.cycles()[0].to_string();
    assert!(text.starts_with("mutex -> mutex #2 -> mutex: "), "{text}");
}

#[test]
fn a_try_waits_for_nobody_but_holds_what_it_takes() {
    let graph = graph(false, || {
        let (a, b) = (mutex(&A, Key::Only), mutex(&B, Key::Only));
        {
            let _a = a.lock();
            let _b = b.try_lock();
        }
        {
            let _b = b.try_lock();
            drop(a.lock());
        }
        let _held = b.lock();
        assert!(b.try_lock().is_none());
        drop(a.lock());
    });
    let edges: Vec<String> = graph
        .edges()
        .map(|(edge, of)| format!("{} {} {}", edge.held, edge.awaited, of.since))
        .collect();
    // The witness is the successful try, not the acquisition or the failed try later on.
    assert_eq!(edges.len(), 1, "{edges:?}");
    assert!(edges[0].starts_with("B A "), "{edges:?}");
    assert_eq!(graph.cycles(), []);
}

/// A gate as journals have it: `enter` waits while it is closed, `drain` until nobody is inside.
struct Gate {
    object: Object,
    inside: AtomicU32,
    closed: AtomicBool,
}

impl Gate {
    fn new() -> Gate {
        Gate {
            object: Object::new(&TRANSACTION, Key::Only),
            inside: AtomicU32::new(0),
            closed: AtomicBool::new(false),
        }
    }

    fn inside<R>(&self, section: impl FnOnce() -> R) -> R {
        let is_open = || !self.closed.load(SeqCst);
        let count = |change: i32| {
            self.inside
                .store((self.inside.load(SeqCst) as i32 + change) as u32, SeqCst)
        };
        op(&self.object, Op::GateEnter, is_open, || count(1));
        let result = section();
        op(&self.object, Op::GateExit, || true, || count(-1));
        result
    }

    fn commit(&self) {
        let is_open = || !self.closed.load(SeqCst);
        let is_empty = || self.inside.load(SeqCst) == 0;
        op(&self.object, Op::GateClose, is_open, || {
            self.closed.store(true, SeqCst)
        });
        op(&self.object, Op::GateDrain, is_empty, || ());
        op(
            &self.object,
            Op::GateOpen,
            || true,
            || self.closed.store(false, SeqCst),
        );
    }
}

/// Handle before folio, then folio before handle, by tasks that never overlap; perhaps a commit.
fn folio_against_handle(commits: bool) -> LockGraph {
    graph(false, move || {
        let (gate, folio) = (Arc::new(Gate::new()), mutex(&FOLIO, Key::Two(12, 0)));
        let (theirs, lock) = (gate.clone(), folio.clone());
        spawn("write", move || theirs.inside(|| drop(lock.lock()))).join();
        let theirs = gate.clone();
        spawn("writeback", move || {
            let _folio = folio.lock();
            theirs.inside(|| ());
        })
        .join();
        if commits {
            spawn("commit", move || gate.commit()).join();
        }
    })
}

#[test]
fn a_commit_that_drains_closes_the_cycle_of_handle_and_folio() {
    assert_eq!(
        folio_against_handle(false).cycles(),
        [],
        "nobody ever closes the gate"
    );
    let cycles = folio_against_handle(true).cycles();
    assert_eq!(cycles.len(), 1);
    let tasks: Vec<&str> = cycles[0].edges.iter().map(|(_, of)| &*of.task).collect();
    let mut sorted = tasks.clone();
    sorted.sort();
    assert_eq!(sorted, ["commit", "write", "writeback"], "{}", cycles[0]);
}

/// A writeback flag that the worker clears under a lock that the waiter may hold.
fn writeback_flag(waiter_holds: bool) -> LockGraph {
    graph(waiter_holds, move || {
        let flag = Arc::new((Object::new(&WRITEBACK, Key::One(0)), AtomicBool::new(false)));
        let lock = mutex(&A, Key::Only);
        op(
            &flag.0,
            Op::FlagRaise,
            || true,
            || flag.1.store(true, SeqCst),
        );
        let (theirs, same) = (flag.clone(), lock.clone());
        let worker = spawn("worker", move || {
            drop(same.lock());
            op(
                &theirs.0,
                Op::FlagClear,
                || true,
                || theirs.1.store(false, SeqCst),
            );
        });
        let held = lock.lock();
        let held = waiter_holds.then_some(held);
        op(&flag.0, Op::FlagAwait, || !flag.1.load(SeqCst), || ());
        drop(held);
        worker.join();
    })
}

#[test]
fn a_raised_flag_is_held_by_who_clears_it() {
    let graph = writeback_flag(false);
    let edges: Vec<String> = graph
        .edges()
        .map(|(edge, of)| format!("{}: {} -> {}", of.task, edge.held, edge.awaited))
        .collect();
    assert_eq!(edges, ["worker: writeback -> A"]);
    assert_eq!(graph.cycles(), []);
    let cycles = writeback_flag(true).cycles();
    assert_eq!(cycles.len(), 1, "some executions got past the wait");
}

#[test]
fn new_witnesses_are_announced_and_old_ones_are_not() {
    let mut graph = LockGraph::new();
    let mut news = Vec::new();
    let body = || {
        let (a, b) = (mutex(&A, Key::Only), mutex(&B, Key::Only));
        let (c, d) = (a.clone(), b.clone());
        let task = spawn("first", move || both(&c, &d));
        both(&a, &b);
        task.join();
    };
    dpor::explore(&Options::default(), body, &mut |execution| {
        news.push(graph.add(execution.number, execution.log));
        ControlFlow::Continue(())
    });
    assert_eq!(news, [true, false]);
}
