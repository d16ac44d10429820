//! DPOR against brute force: on every generated program, the same set of traces.

mod common;
#[path = "common/program.rs"]
mod program;

use common::{Explorer, NAMES, mix, traces_of};
use cutpoint::explore::dpor::Mistake;
use program::Instruction::{AwaitSome, Counted};
use program::{Numbers, Program};
use rt_shuttle::sync::{Arc, Mutex, RwLock};
use rt_shuttle::thread::spawn;
use rt_shuttle::{Class, Key, Object, Op, choose, op};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

static ARRIVAL: Class = Class::unranked("not arrived");

const PROGRAMS: u64 = 1_500;
const INTERLEAVINGS_MAX: f64 = 1_000.0;

#[test]
fn dpor_sees_exactly_the_traces_of_brute_force() {
    let mut numbers = Numbers(1);
    let (mut executions, mut distinct, mut deadlocks) = (0, 0, 0);
    for number in 0..PROGRAMS {
        let program = Program::generate(&mut numbers, INTERLEAVINGS_MAX);
        let body = program.body();
        let (naive, all) = traces_of(Explorer::Naive, &body);
        let (dpor, reduced) = traces_of(Explorer::Dpor(Mistake::None), &body);
        let missing = all.difference(&reduced).count();
        let invented = reduced.difference(&all).count();
        assert_eq!(
            (missing, invented),
            (0, 0),
            "of {} traces; program {number}: {program:#?}",
            all.len()
        );
        assert!(naive.complete && dpor.complete, "{program:#?}");
        assert_eq!(dpor.traces_distinct, Some(all.len() as u64), "{program:#?}");
        assert_eq!(naive.finding.is_some(), dpor.finding.is_some());
        executions += dpor.executions;
        distinct += all.len() as u64;
        deadlocks += u64::from(dpor.finding.is_some());
    }
    assert!(deadlocks > 0, "no generated program deadlocks: vacuous");
    assert!(
        executions * 100 <= distinct * 105 + 100 * PROGRAMS / 10,
        "{executions} executions for {distinct} traces"
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

/// Whether brute force tells on the generated programs that the explorer is wrong.
fn caught(mistake: Mistake) -> bool {
    let mut numbers = Numbers(1);
    (0..10 * PROGRAMS).any(|_| {
        let body = Program::generate(&mut numbers, INTERLEAVINGS_MAX).body();
        let (_, all) = traces_of(Explorer::Naive, &body);
        let (_, wrong) = traces_of(Explorer::Dpor(mistake), &body);
        all != wrong
    })
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
    let (_, all) = traces_of(Explorer::Naive, &program.body());
    let (_, reduced) = traces_of(Explorer::Dpor(Mistake::None), &program.body());
    assert_eq!(all.len(), 31);
    assert_eq!(all, reduced);
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
