//! Bodies over plain locks, stamped once per runtime.

/// The bodies, for the runtime whose `Arc`, `Mutex`, `RwLock` and `spawn` are in scope.
macro_rules! lock_programs {
    () => {
        /// Names for spawned tasks.
        pub const NAMES: [&str; 5] = ["main", "a", "b", "c", "d"];

        /// `threads` tasks, the main task among them, that each lock one mutex `times` times.
        pub fn mutex(threads: usize, times: usize) -> impl Fn() + Send + Sync + Clone + 'static {
            move || {
                let counter = Arc::new(Mutex::new(0));
                let work =
                    move |counter: &Mutex<usize>| (0..times).for_each(|_| *counter.lock() += 1);
                let tasks: Vec<_> = (1..threads)
                    .map(|task| {
                        let counter = counter.clone();
                        spawn(NAMES[task], move || work(&counter))
                    })
                    .collect();
                work(&counter);
                tasks.into_iter().for_each(|task| task.join());
                assert_eq!(*counter.lock(), threads * times);
            }
        }

        struct Three {
            inode: RwLock<u64>,
            journal: Mutex<u64>,
            other: Mutex<u64>,
        }

        /// `threads` tasks that each take `times` locks in turn: one shared, one exclusive, and two
        /// mutexes, every task starting at another one.
        pub fn mix(threads: usize, times: usize) -> impl Fn() + Send + Sync + Clone + 'static {
            move || {
                let locks = Arc::new(Three {
                    inode: RwLock::new(0),
                    journal: Mutex::new(0),
                    other: Mutex::new(0),
                });
                let work = move |locks: &Three, task: usize| {
                    for time in 0..times {
                        match (time + task) % 4 {
                            0 => drop(locks.inode.read()),
                            1 => *locks.journal.lock() += 1,
                            2 => *locks.inode.write() += 1,
                            _ => *locks.other.lock() += 1,
                        }
                    }
                };
                let tasks: Vec<_> = (1..threads)
                    .map(|task| {
                        let locks = locks.clone();
                        spawn(NAMES[task], move || work(&locks, task))
                    })
                    .collect();
                work(&locks, 0);
                tasks.into_iter().for_each(|task| task.join());
            }
        }
    };
}
