//! DPOR against brute force, shuttle's depth-first search and loom: on every generated program, the
//! same set of traces.

mod common;

use common::{Explorer, NAMES, mix, traces_of};
use cutpoint::differential::Instruction::{Add, AwaitSome, Counted, IfOdd, PlainLock, WithFlag};
use cutpoint::differential::{Program, Settings, against_enumeration, dpor_traces, naive_traces};
use cutpoint::explore::dpor::Mistake;
use rt_shuttle::sync::atomic::AtomicU64;
use rt_shuttle::sync::{Arc, Mutex, RwLock};
use rt_shuttle::thread::spawn;
use rt_shuttle::{Class, Key, Object, Op, choose, op};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

static ARRIVAL: Class = Class::new("not arrived");

const PROGRAMS: u64 = 2_000;

#[test]
fn dpor_sees_exactly_the_traces_of_enumeration() {
    let tally = against_enumeration(&Settings::new(PROGRAMS));
    let tally = tally.unwrap_or_else(|disagreement| panic!("{disagreement}"));
    assert_eq!(tally.programs, PROGRAMS);
    assert!(
        tally.deadlocks > 0,
        "no generated program deadlocks: vacuous"
    );
    assert!(
        tally.judged > PROGRAMS / 2,
        "shuttle's search hardly finishes"
    );
    assert!(tally.plain > PROGRAMS / 20, "{tally:?}");
    let (executions, traces) = (tally.executions, tally.traces);
    assert!(
        executions * 100 <= traces * 105 + 100 * PROGRAMS / 10,
        "{executions} executions for {traces} traces"
    );
}

/// Whether a mistake loses traces of the mix of locks with these tasks and times.
fn loses(mistake: Mistake, body: impl Fn() + Send + Sync + 'static) -> bool {
    let body: common::Body = Arc::new(body);
    let (_, right) = traces_of(Explorer::Dpor(Mistake::None), &body);
    let (_, wrong) = traces_of(Explorer::Dpor(mistake), &body);
    assert!(wrong.is_subset(&right));
    wrong.len() < right.len()
}

#[test]
fn classic_backtrack_sets_with_sleep_sets_are_caught() {
    assert!(loses(Mistake::BacktrackSets, mix(3, 4)));
    assert!(caught(Mistake::BacktrackSets));
}

#[test]
fn readers_that_order_readers_are_caught() {
    assert!(loses(Mistake::ReadersOrderReaders, readers_and_a_mutex));
    assert!(caught(Mistake::ReadersOrderReaders));
}

/// Whether the oracle tells on the generated programs that the explorer is wrong.
fn caught(mistake: Mistake) -> bool {
    let settings = Settings {
        mistake,
        ..Settings::new(10 * PROGRAMS)
    };
    against_enumeration(&settings).is_err()
}

/// Waiting for a count that others raise and lower: in an execution that ends asleep, the task that
/// waits would have had an earlier place. Generation came upon it; it is kept.
#[test]
fn waiters_of_executions_that_end_asleep_are_not_forgotten() {
    let nested = Counted(Some(Box::new(Counted(None))));
    let program = Program(vec![
        vec![AwaitSome],
        vec![nested],
        vec![AwaitSome, Counted(None)],
    ]);
    let (_, all) = naive_traces(&program);
    let (_, reduced) = dpor_traces(Mistake::None, &program);
    assert_eq!(all.len(), 31);
    assert_eq!(all, reduced);
}

/// Whoever goes on after waiting inside shuttle's own mutex could not have gone on earlier, and
/// going before all that holds the mutex has to be asked for. Generation came upon it; it is kept.
#[test]
fn operations_that_nobody_announced_may_have_waited() {
    let program = Program(vec![vec![PlainLock], vec![PlainLock, PlainLock]]);
    let (_, all) = naive_traces(&program);
    let (explored, reduced) = dpor_traces(Mistake::None, &program);
    assert_eq!(all.len(), 9);
    assert_eq!(all, reduced);
    assert!(explored.complete);
}

/// Whoever finds shuttle's own mutex taken waits at once, in the turn of the operation before, so
/// that operation does not commute with what others do to the mutex.
#[test]
fn waiting_for_a_plain_lock_right_after_an_announced_operation_is_seen_in_every_order() {
    let locked = WithFlag(Some(Box::new(PlainLock)));
    let program = Program(vec![vec![locked], vec![PlainLock]]);
    let (_, all) = naive_traces(&program);
    let (explored, reduced) = dpor_traces(Mistake::None, &program);
    assert_eq!(all.len(), 4);
    assert_eq!(all, reduced);
    assert!(explored.complete && explored.plain_types);
    assert_eq!(explored.traces_distinct, Some(4));
}

/// shuttle's own wake-up token is taken without a scheduling point, so this may be part of the turn
/// of an announced operation, and nobody waits then. Whether the token was handed out twice before
/// that or once before and once after makes the difference to who parks again.
#[test]
fn taking_a_plain_wake_up_token_right_after_an_announced_operation_is_seen_in_every_order() {
    let body: common::Body = Arc::new(|| {
        let flag = Arc::new(AtomicU64::new(0));
        let theirs = flag.clone();
        let sleeper = shuttle::thread::spawn(move || {
            theirs.store(1, SeqCst);
            shuttle::thread::park();
            shuttle::thread::park();
        });
        sleeper.thread().unpark();
        sleeper.thread().unpark();
        sleeper.join().expect("nobody panics");
    });
    let (_, all) = traces_of(Explorer::Naive, &body);
    let (explored, reduced) = traces_of(Explorer::Dpor(Mistake::None), &body);
    assert_eq!(all, reduced);
    assert!(explored.complete && explored.plain_types);
    let found = explored.finding.expect("the second token may be lost");
    assert_eq!(found.findings[0].invariant, "deadlock");
}

/// Plain types that show in few executions only, when others were run already.
#[test]
fn plain_types_that_show_late_are_not_too_late() {
    let rarely = IfOdd(0, Box::new(PlainLock));
    let program = Program(vec![
        vec![WithFlag(None), rarely],
        vec![Add(0), WithFlag(Some(Box::new(PlainLock))), Add(0)],
    ]);
    let (_, all) = naive_traces(&program);
    let (explored, reduced) = dpor_traces(Mistake::None, &program);
    assert_eq!(all, reduced);
    assert!(explored.complete && explored.plain_types);
    assert!(explored.executions > explored.traces_distinct.unwrap());
}

/// The operation of a task can go earlier only together with the creation of the task.
#[test]
fn tasks_that_are_created_late_can_go_early() {
    let body: common::Body = Arc::new(|| {
        let mutexes = Arc::new((Mutex::new(0), Mutex::new(0)));
        let first = spawn(NAMES[1], {
            let mutexes = mutexes.clone();
            move || {
                *mutexes.0.lock() += 1;
                *mutexes.1.lock() += 1;
            }
        });
        *mutexes.1.lock() += 1;
        let second = spawn(NAMES[2], {
            let mutexes = mutexes.clone();
            move || *mutexes.0.lock() += 1
        });
        *mutexes.1.lock() += 1;
        first.join();
        second.join();
    });
    let (_, all) = traces_of(Explorer::Naive, &body);
    let (explored, reduced) = traces_of(Explorer::Dpor(Mistake::None), &body);
    assert_eq!(all, reduced);
    assert_eq!(explored.executions, all.len() as u64);
    assert_eq!(all.len(), 5);
}

/// A lock is kept from a writer by two readers who wait for each other: the writer can go before
/// both of them or after both, but not before one of them only.
#[test]
fn a_writer_goes_before_readers_who_wait_for_each_other() {
    let body: common::Body = Arc::new(readers_who_wait_for_each_other);
    let (_, all) = traces_of(Explorer::Naive, &body);
    let (explored, reduced) = traces_of(Explorer::Dpor(Mistake::None), &body);
    assert_eq!(all.len(), 4);
    assert_eq!(all, reduced);
    assert_eq!(explored.finding.map(|found| found.findings), None);
    // Whoever tried once to go between the readers knows better after the other value is chosen.
    assert_eq!(explored.executions, 5);
}

fn readers_who_wait_for_each_other() {
    let raised = |key| {
        let object = Object::new(&ARRIVAL, Key::One(key));
        (object, AtomicBool::new(true))
    };
    let world = Arc::new((RwLock::new(()), [raised(0), raised(1)]));
    let meet = |world: &(RwLock<()>, [(Object, AtomicBool); 2]), me: usize| {
        let guard = world.0.read();
        let (object, flag) = &world.1[me];
        op(object, Op::FlagClear, || true, || flag.store(false, SeqCst));
        let (object, flag) = &world.1[1 - me];
        op(object, Op::FlagAwait, || !flag.load(SeqCst), || ());
        drop(guard);
    };
    let reader = spawn(NAMES[1], {
        let world = world.clone();
        move || meet(&world, 1)
    });
    let writer = spawn(NAMES[2], {
        let world = world.clone();
        move || drop(world.0.write())
    });
    let chooser = spawn(NAMES[3], || {
        choose("anything", 2);
    });
    meet(&world, 0);
    reader.join();
    writer.join();
    chooser.join();
}

/// Two tasks that race for a mutex before and after they share a lock.
fn readers_and_a_mutex() {
    let locks = Arc::new((RwLock::new(()), Mutex::new(0)));
    let theirs = locks.clone();
    let task = spawn(NAMES[1], move || {
        *theirs.1.lock() += 1;
        drop(theirs.0.read());
    });
    drop(locks.0.read());
    *locks.1.lock() += 1;
    task.join();
}
