//! Small programs over the core's locks, stamped for each controlled runtime.

/// The programs, over the core `$extfs`.
macro_rules! lock_bodies {
    ($extfs:ident) => {
        use std::sync::Arc;
        use $extfs::lock::{Flag, Gate, Key, Outstanding, RwSem, WorkList, WriteGuard, class};
        use $extfs::rt::sync::atomic::{AtomicU32, Ordering};
        use $extfs::rt::{finding, thread};

        fn expect(holds: bool, what: &'static str) {
            if !holds {
                finding("locks", || what.into(), || "it does not hold".into());
            }
        }

        /// Two writers add, one of them downgrades and reads what it wrote.
        pub fn writers_exclude_each_other() {
            let sem = Arc::new(RwSem::new(&class::I_DATA_SEM, Key::Only, 0_u32));
            let theirs = sem.clone();
            let other = thread::spawn("writer", move || {
                let mut value = theirs.write();
                *value += 1;
                let mine = *value;
                let value = WriteGuard::downgrade(value);
                expect(*value == mine, "a downgrade lets no writer in");
            });
            *sem.write() += 1;
            other.join();
            expect(*sem.read() == 2, "both additions count");
        }

        /// A reader sees either none or all of a writer's section.
        pub fn readers_see_whole_sections() {
            let sem = Arc::new(RwSem::new(&class::I_DATA_SEM, Key::Only, (0_u32, 0_u32)));
            let theirs = sem.clone();
            let writer = thread::spawn("writer", move || {
                let mut value = theirs.write();
                value.0 = 1;
                value.1 = 1;
            });
            let value = sem.read();
            expect(value.0 == value.1, "a section is seen whole");
            drop(value);
            writer.join();
        }

        /// A commit closes the gate while a handle may be inside, and finds nobody after draining.
        pub fn a_drained_gate_is_empty() {
            let gate = Arc::new(Gate::new(&class::TRANSACTION, Key::Only));
            let inside = Arc::new(RwSem::new(&class::I_RWSEM, Key::Only, 0_u32));
            let (their_gate, theirs) = (gate.clone(), inside.clone());
            let handle = thread::spawn("handle", move || {
                their_gate.enter();
                *theirs.write() += 1;
                *theirs.write() -= 1;
                their_gate.exit();
            });
            gate.close();
            gate.drain();
            expect(*inside.read() == 0, "nobody is inside");
            gate.open();
            handle.join();
        }

        /// Who waits a flag out sees what was done while it was raised.
        pub fn a_flag_passes_on_what_was_done() {
            let flag = Arc::new(Flag::new(&class::FOLIO_WRITEBACK, Key::Only));
            let done = Arc::new(RwSem::new(&class::I_RWSEM, Key::Only, false));
            flag.raise();
            let (their_flag, theirs) = (flag.clone(), done.clone());
            let worker = thread::spawn("worker", move || {
                *theirs.write() = true;
                their_flag.clear();
            });
            flag.wait_clear();
            expect(
                *done.read(),
                "the work was done before the flag was cleared",
            );
            worker.join();
        }

        /// A worker sleeps while there is no work, takes all of it, and ends with the list.
        pub fn a_worker_takes_all_work() {
            let list = Arc::new(WorkList::new(&class::IN_FLIGHT, Key::Only));
            let theirs = list.clone();
            let worker = thread::spawn("worker", move || {
                let mut taken = 0;
                while let Some(item) = theirs.pop() {
                    taken += item;
                }
                taken
            });
            list.push(1_u32);
            list.close();
            expect(worker.join() == 1, "no work is lost");
        }

        /// Who waits for direct I/O sees what each of them did, though nothing else orders them.
        pub fn a_truncate_sees_what_direct_io_did() {
            let count = Arc::new(Outstanding::new(&class::I_DIO_COUNT, Key::Only));
            let done = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
            let tasks = [("first", 0), ("second", 1)].map(|(name, index)| {
                count.begin();
                let (count, done) = (count.clone(), done.clone());
                thread::spawn(name, move || {
                    done[index].store(1, Ordering::Relaxed);
                    count.end();
                })
            });
            count.wait_none();
            let sum: u32 = done.iter().map(|done| done.load(Ordering::Relaxed)).sum();
            expect(sum == 2, "what has ended is seen");
            tasks.into_iter().for_each(|task| task.join());
        }

        pub const ALL: [(&str, fn()); 6] = [
            ("writers_exclude_each_other", writers_exclude_each_other),
            ("readers_see_whole_sections", readers_see_whole_sections),
            ("a_drained_gate_is_empty", a_drained_gate_is_empty),
            (
                "a_flag_passes_on_what_was_done",
                a_flag_passes_on_what_was_done,
            ),
            ("a_worker_takes_all_work", a_worker_takes_all_work),
            (
                "a_truncate_sees_what_direct_io_did",
                a_truncate_sees_what_direct_io_did,
            ),
        ];
    };
}
pub(crate) use lock_bodies;
