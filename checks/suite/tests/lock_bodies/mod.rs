//! Small programs over the core's locks, stamped for each controlled runtime.

/// The programs, over the core `$extfs`.
macro_rules! lock_bodies {
    ($extfs:ident) => {
        use std::mem::ManuallyDrop;
        use std::sync::Arc;
        use $extfs::lock::class;
        use $extfs::lock::{
            Flag, Gate, Key, LocklessSize, Outstanding, RwSem, WorkList, WriteGuard,
        };
        use $extfs::rt::cell::UnsafeCell;
        use $extfs::rt::sync::atomic::{AtomicU32, Ordering};
        use $extfs::rt::{finding, thread};

        /// Data that nothing protects but the primitive under test. The runtime finds accesses that
        /// are not ordered.
        struct Data(UnsafeCell<u32>);

        // SAFETY: the primitive under test orders the accesses; that it does is what is tested.
        unsafe impl Sync for Data {}

        impl Data {
            fn new() -> Arc<Data> {
                Arc::new(Data(UnsafeCell::new(0)))
            }

            fn get(&self) -> u32 {
                // SAFETY: as above; where it does not hold, the runtime stops the execution before.
                unsafe { *self.0.get().deref() }
            }

            fn set(&self, value: u32) {
                // SAFETY: as above.
                unsafe { *self.0.get_mut().deref() = value };
            }
        }

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

        /// Two workers sleep on a list that ends: both hear of it.
        pub fn every_worker_hears_of_the_end() {
            let list = Arc::new(WorkList::<u32>::new(&class::IN_FLIGHT, Key::Only));
            let workers = ["first", "second"].map(|name| {
                let theirs = list.clone();
                thread::spawn(name, move || theirs.pop())
            });
            list.close();
            for worker in workers {
                expect(worker.join().is_none(), "there was no work");
            }
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

        /// Readers, queued or not, get in beside a downgraded hold, and see its section.
        pub fn a_downgrade_lets_queued_readers_in() {
            let sem = Arc::new(RwSem::new(&class::I_DATA_SEM, Key::Only, 0_u32));
            let inside = Arc::new(Flag::new(&class::FOLIO_WRITEBACK, Key::Only));
            inside.raise();
            let mut value = sem.write();
            let (their_sem, theirs) = (sem.clone(), inside.clone());
            let reader = thread::spawn("reader", move || {
                let value = their_sem.read();
                expect(*value == 1, "the section is seen");
                theirs.clear();
            });
            *value = 1;
            // Nothing is released where a deadlock ends the execution here: loom is not to be asked
            // for anything then.
            let value = ManuallyDrop::new(WriteGuard::downgrade(value));
            inside.wait_clear();
            drop(ManuallyDrop::into_inner(value));
            reader.join();
        }

        /// A writer that waits for two readers comes after both of them.
        pub fn a_writer_comes_after_all_readers() {
            let sem = Arc::new(RwSem::new(&class::I_DATA_SEM, Key::Only, 0_u32));
            let readers = ["first", "second"].map(|name| {
                let sem = sem.clone();
                thread::spawn(name, move || {
                    let value = *sem.read();
                    expect(value <= 1, "a section is seen whole");
                })
            });
            *sem.write() = 1;
            readers.into_iter().for_each(|reader| reader.join());
        }

        /// A handle's section and a commit's, between drain and open, exclude each other.
        pub fn a_gate_orders_who_passes_and_who_drains() {
            let gate = Arc::new(Gate::new(&class::TRANSACTION, Key::Only));
            let data = Data::new();
            let (their_gate, theirs) = (gate.clone(), data.clone());
            let handle = thread::spawn("handle", move || {
                their_gate.enter();
                theirs.set(theirs.get() + 1);
                their_gate.exit();
            });
            gate.close();
            gate.drain();
            data.set(data.get() + 1);
            gate.open();
            handle.join();
            expect(data.get() == 2, "both sections count");
        }

        /// Two commits take turns.
        pub fn a_gate_is_closed_by_one_at_a_time() {
            let gate = Arc::new(Gate::new(&class::TRANSACTION, Key::Only));
            let data = Data::new();
            let (their_gate, theirs) = (gate.clone(), data.clone());
            let other = thread::spawn("commit", move || {
                their_gate.close();
                theirs.set(theirs.get() + 1);
                their_gate.open();
            });
            gate.close();
            data.set(data.get() + 1);
            gate.open();
            other.join();
            expect(data.get() == 2, "both sections count");
        }

        /// Who waits a flag out, or finds it clear, comes after what was done while it was raised.
        pub fn a_flag_orders_what_was_done() {
            for waits in [true, false] {
                let flag = Arc::new(Flag::new(&class::FOLIO_WRITEBACK, Key::Only));
                let data = Data::new();
                flag.raise();
                let (their_flag, theirs) = (flag.clone(), data.clone());
                let worker = thread::spawn("worker", move || {
                    theirs.set(1);
                    their_flag.clear();
                });
                if waits {
                    flag.wait_clear();
                }
                if waits || !flag.test() {
                    expect(data.get() == 1, "the work is done");
                }
                worker.join();
            }
        }

        /// Who sees a size sees what was filled before it was raised.
        pub fn a_size_publishes_what_lies_below_it() {
            let size = Arc::new(LocklessSize::new(&class::I_SIZE, Key::Only, 0));
            let data = Data::new();
            let (their_size, theirs) = (size.clone(), data.clone());
            let writer = thread::spawn("writer", move || {
                theirs.set(1);
                their_size.set(1);
            });
            if size.get() == 1 {
                expect(data.get() == 1, "the data is there");
            }
            writer.join();
        }

        pub const ALL: [(&str, fn()); 13] = [
            ("writers_exclude_each_other", writers_exclude_each_other),
            ("readers_see_whole_sections", readers_see_whole_sections),
            ("a_drained_gate_is_empty", a_drained_gate_is_empty),
            (
                "a_flag_passes_on_what_was_done",
                a_flag_passes_on_what_was_done,
            ),
            ("a_worker_takes_all_work", a_worker_takes_all_work),
            (
                "every_worker_hears_of_the_end",
                every_worker_hears_of_the_end,
            ),
            (
                "a_truncate_sees_what_direct_io_did",
                a_truncate_sees_what_direct_io_did,
            ),
            (
                "a_downgrade_lets_queued_readers_in",
                a_downgrade_lets_queued_readers_in,
            ),
            (
                "a_writer_comes_after_all_readers",
                a_writer_comes_after_all_readers,
            ),
            (
                "a_gate_orders_who_passes_and_who_drains",
                a_gate_orders_who_passes_and_who_drains,
            ),
            (
                "a_gate_is_closed_by_one_at_a_time",
                a_gate_is_closed_by_one_at_a_time,
            ),
            ("a_flag_orders_what_was_done", a_flag_orders_what_was_done),
            (
                "a_size_publishes_what_lies_below_it",
                a_size_publishes_what_lies_below_it,
            ),
        ];
    };
}
pub(crate) use lock_bodies;
