//! The locks under real threads.

use extfs_std::lock::{Flag, Gate, Key, RwSem, WorkList, WriteGuard, class};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn rwsem_excludes_writers_and_shares_readers() {
    let sem = Arc::new(RwSem::new(&class::I_DATA_SEM, Key::Only, 0_u64));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let sem = sem.clone();
            std::thread::spawn(move || {
                for round in 0..20_000 {
                    if (round + thread) % 3 == 0 {
                        let mut value = sem.write();
                        let before = *value;
                        *value = before + 1;
                        if round % 2 == 0 {
                            let read = WriteGuard::downgrade(value);
                            assert_eq!(*read, before + 1);
                        }
                    } else {
                        let first = *sem.read();
                        assert!(*sem.read() >= first);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let writes = (0..4).map(|t| (0..20_000).filter(|r| (r + t) % 3 == 0).count() as u64);
    assert_eq!(*sem.read(), writes.sum::<u64>());
}

#[test]
fn a_closed_gate_keeps_newcomers_out_and_drains() {
    let gate = Arc::new(Gate::new(&class::TRANSACTION, Key::Only));
    let inside = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (gate, inside) = (gate.clone(), inside.clone());
            std::thread::spawn(move || {
                for _ in 0..10_000 {
                    gate.enter();
                    inside.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    gate.exit();
                }
            })
        })
        .collect();
    for _ in 0..1_000 {
        gate.close();
        gate.drain();
        assert_eq!(inside.load(Ordering::SeqCst), 0);
        gate.open();
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_flag_is_waited_out() {
    let flag = Arc::new(Flag::new(&class::FOLIO_WRITEBACK, Key::Only));
    let value = Arc::new(AtomicU32::new(0));
    for round in 1..=2_000 {
        flag.raise();
        let (theirs, written) = (flag.clone(), value.clone());
        let clearer = std::thread::spawn(move || {
            written.store(round, Ordering::Relaxed);
            theirs.clear();
        });
        flag.wait_clear();
        assert_eq!(value.load(Ordering::Relaxed), round);
        clearer.join().unwrap();
    }
}

/// A file system that runs for days hands over more I/O than memory could remember.
#[test]
fn work_that_is_done_is_forgotten() {
    let list = Arc::new(WorkList::new(&class::IN_FLIGHT, Key::Only));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let list = list.clone();
            std::thread::spawn(move || std::iter::from_fn(|| list.pop()).sum::<u64>())
        })
        .collect();
    (1..=10_000_u64).for_each(|item| list.push(item));
    list.close();
    let sum: u64 = workers
        .into_iter()
        .map(|worker| worker.join().unwrap())
        .sum();
    assert_eq!(sum, 10_000 * 10_001 / 2, "each item is taken once");
    // What is left is the end, for whoever asks next.
    assert!(list.peek_remembered() <= 1, "{}", list.peek_remembered());
    assert_eq!(list.pop(), None);
}
