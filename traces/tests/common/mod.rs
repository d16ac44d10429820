//! Traces for the tests: a builder that keeps the vector clocks, and three counterexamples written
//! by hand.
//!
//! Objects are exclusive here: every operation on one is ordered after the previous one on it.

#![allow(dead_code)] // Each test binary uses some of it.

use cutpoint_traces::format::*;

pub struct Builder {
    pub trace: Trace,
    tasks: Vec<Vec<u32>>,
    objects: Vec<Vec<u32>>,
}

pub fn arg(key: &str, value: Value) -> Arg {
    Arg {
        key: key.into(),
        value,
    }
}

pub fn number(key: &str, n: i64) -> Arg {
    arg(key, Value::Number(n))
}

pub fn range(key: &str, start: u64, end: u64) -> Arg {
    arg(key, Value::Range(start, end))
}

impl Builder {
    pub fn new(tasks: &[&str]) -> Builder {
        let violation = Violation {
            invariant: "I0".into(),
            expected: "nothing".into(),
            observed: "something".into(),
            story: None,
        };
        let trace = Trace {
            magic: MAGIC.into(),
            version: VERSION,
            tool: Tool {
                name: "cutpoint".into(),
                version: "0.1.0".into(),
            },
            scenario: "writeback_vs_truncate".into(),
            variant: None,
            design: "im".into(),
            runtime: "shuttle".into(),
            engine: "dpor".into(),
            granularity: "lock".into(),
            crash_mode: "off".into(),
            seed: None,
            left_out: Vec::new(),
            tasks: tasks
                .iter()
                .map(|&name| Task { name: name.into() })
                .collect(),
            objects: Vec::new(),
            events: Vec::new(),
            choices: Vec::new(),
            crash: None,
            violation,
            image: None,
            replay_command: "cutpoint replay t.json".into(),
        };
        Builder {
            trace,
            tasks: vec![vec![0; tasks.len()]; tasks.len()],
            objects: Vec::new(),
        }
    }

    pub fn object(&mut self, name: &str) -> u32 {
        self.trace.objects.push(Object { name: name.into() });
        self.objects.push(vec![0; self.tasks.len()]);
        self.objects.len() as u32 - 1
    }

    pub fn event(&mut self, task: usize, kind: Kind) {
        if let Kind::Op { object, .. } = kind {
            join(&mut self.tasks[task], &self.objects[object as usize]);
        }
        self.tasks[task][task] += 1;
        let clock = self.tasks[task].clone();
        if let Kind::Op { object, .. } = kind {
            self.objects[object as usize] = clock.clone();
        }
        let task = task as u32;
        self.trace.events.push(Event { task, clock, kind });
    }

    pub fn op(&mut self, task: usize, op: &str, object: u32) {
        let op = op.into();
        self.event(task, Kind::Op { op, object });
    }

    pub fn step(&mut self, task: usize, name: &str, args: &[Arg]) {
        self.event(task, step(name, args));
    }

    pub fn acknowledge(&mut self, task: usize, name: &str, args: &[Arg]) {
        let (name, args) = (name.into(), args.to_vec());
        self.event(task, Kind::Acknowledged { name, args });
    }

    pub fn write(&mut self, task: usize, request: u64, block: u64) {
        self.event(task, write(request, block));
    }

    /// Everything that happened so far, as a cut.
    pub fn cut(&self) -> Vec<u32> {
        (0..self.tasks.len())
            .map(|task| self.tasks[task][task])
            .collect()
    }
}

fn join(into: &mut [u32], from: &[u32]) {
    for (ours, theirs) in into.iter_mut().zip(from) {
        *ours = (*ours).max(*theirs);
    }
}

pub fn step(name: &str, args: &[Arg]) -> Kind {
    Kind::Step {
        name: name.into(),
        args: args.to_vec(),
    }
}

pub fn write(request: u64, block: u64) -> Kind {
    Kind::Write {
        request,
        block,
        bytes: 4096,
        hash: format!("{:016x}", request * 0x9e37_79b9),
        fua: false,
    }
}

/// The events of a recovery.
pub fn recovery(kinds: Vec<Kind>) -> Vec<Event> {
    let event = |(n, kind): (usize, Kind)| Event {
        task: 0,
        clock: vec![n as u32 + 1],
        kind,
    };
    kinds.into_iter().enumerate().map(event).collect()
}

/// Writeback looks an extent up, truncate cuts it, writeback allocates what it had looked up.
pub fn wb_lookup_unlocked() -> Trace {
    let mut b = Builder::new(&["main", "wb", "truncate"]);
    let (wb_thread, tr_thread) = (b.object("thread wb"), b.object("thread truncate"));
    let folio = b.object("folio 12:0");
    let i_rwsem = b.object("i_rwsem 12");
    let invalidate_lock = b.object("invalidate_lock 12");
    let i_data_sem = b.object("i_data_sem 12");
    b.step(0, "mkfs", &[number("blocks", 256)]);
    b.step(0, "write", &[range("lblk", 0, 3)]);
    b.op(0, "AcquireExclusive", i_data_sem);
    b.step(
        0,
        "insert_delayed",
        &[range("", 0, 3), number("reserved", 3)],
    );
    b.op(0, "ReleaseExclusive", i_data_sem);
    b.op(0, "Spawn", wb_thread);
    b.op(0, "Spawn", tr_thread);
    b.op(1, "Begin", wb_thread);
    b.op(1, "AcquireExclusive", folio);
    b.op(1, "AcquireShared", i_data_sem);
    b.step(
        1,
        "lookup_extent",
        &[
            range("", 0, 3),
            arg("status", Value::Word("delayed".into())),
        ],
    );
    b.op(1, "ReleaseShared", i_data_sem);
    b.op(2, "Begin", tr_thread);
    b.op(2, "AcquireExclusive", i_rwsem);
    b.op(2, "AcquireExclusive", invalidate_lock);
    b.step(2, "truncate", &[number("to", 1)]);
    b.step(2, "drop_folios", &[range("", 1, 3)]);
    b.op(2, "AcquireExclusive", i_data_sem);
    b.step(
        2,
        "remove_extent",
        &[
            range("", 1, 3),
            number("reserved_before", 3),
            number("reserved", 1),
        ],
    );
    b.op(2, "ReleaseExclusive", i_data_sem);
    b.op(1, "AcquireExclusive", i_data_sem);
    b.step(1, "allocate", &[range("", 0, 3), number("blocks", 3)]);
    b.step(1, "insert_extent", &[range("", 0, 3), number("claim", 1)]);
    b.op(1, "ReleaseExclusive", i_data_sem);
    b.op(1, "ReleaseExclusive", folio);
    b.op(2, "ReleaseExclusive", invalidate_lock);
    b.op(2, "ReleaseExclusive", i_rwsem);
    b.op(1, "Exit", wb_thread);
    b.op(2, "Exit", tr_thread);
    b.op(0, "Join", wb_thread);
    b.op(0, "Join", tr_thread);
    b.trace.variant = Some("wb_lookup_unlocked".into());
    b.trace.violation = Violation {
        invariant: "I3".into(),
        expected: "quota used 1, as 1 block is charged".into(),
        observed: "3 blocks allocated; blocks [1,3) are stale and were never charged".into(),
        story: Some("lookup and allocation are two critical sections; truncate got between".into()),
    };
    b.trace
}

/// A size is committed before its data is on disk, and the device tears a block and loses another.
pub fn disksize_before_io() -> Trace {
    let mut b = Builder::new(&["main", "wb", "commit"]);
    let (wb_thread, commit_thread) = (b.object("thread wb"), b.object("thread commit"));
    let transaction = b.object("transaction");
    b.write(0, 1, 0);
    b.event(
        0,
        Kind::Completed {
            request: 1,
            ok: true,
        },
    );
    b.event(0, Kind::Flushed { ok: true });
    b.op(0, "Spawn", wb_thread);
    b.op(0, "Spawn", commit_thread);
    b.op(1, "Begin", wb_thread);
    b.op(2, "Begin", commit_thread);
    b.op(1, "GateEnter", transaction);
    b.step(1, "allocate", &[range("", 0, 2)]);
    b.step(1, "set_disksize", &[number("bytes", 8192)]);
    b.op(1, "GateExit", transaction);
    b.step(1, "submit", &[range("", 0, 2)]);
    b.write(1, 2, 40);
    b.write(1, 3, 41);
    b.op(2, "GateClose", transaction);
    b.step(2, "commit", &[number("tid", 3)]);
    for (request, block) in [(4, 10), (5, 11), (6, 12)] {
        b.write(2, request, block);
        b.event(2, Kind::Completed { request, ok: true });
    }
    b.event(2, Kind::Flushed { ok: true });
    let flushed = b.trace.events.len() as u32 - 1;
    b.acknowledge(2, "committed", &[number("tid", 3)]);
    b.write(2, 7, 30);
    let after = b.cut();
    b.step(2, "checkpoint", &[]);
    b.trace.crash = Some(torn_crash(after, flushed));
    b.trace.crash_mode = "frontier".into();
    b.trace.variant = Some("disksize_before_io".into());
    b.trace.violation = Violation {
        invariant: "I11".into(),
        expected: "blocks [0,2) durable below i_disksize 8192".into(),
        observed: "block 0 of the file reads as zeroes".into(),
        story: None,
    };
    b.trace.image = Some(small_image());
    b.trace
}

/// One block lost, one torn, and a second crash in the recovery.
fn torn_crash(after: Vec<u32>, flushed: u32) -> Crash {
    let inside = Crash {
        after: vec![2],
        frontier: vec![],
        durable: vec![],
        survivors: vec![Survivor {
            block: 20,
            version: BlockVersion::Request(100),
        }],
        recovery: recovery(vec![
            step("scan_journal", &[]),
            step("replay", &[number("tid", 3)]),
        ]),
        nested: None,
    };
    Crash {
        after,
        frontier: vec![flushed],
        durable: vec![1, 4, 5, 6],
        survivors: vec![
            Survivor {
                block: 40,
                version: BlockVersion::Base,
            },
            Survivor {
                block: 41,
                version: BlockVersion::Torn {
                    sectors: [
                        &[SectorVersion::Request(3); 3][..],
                        &[SectorVersion::Base; 5],
                    ]
                    .concat(),
                },
            },
        ],
        recovery: recovery(vec![
            step("replay", &[number("tid", 3)]),
            write(100, 20),
            Kind::Flushed { ok: true },
        ]),
        nested: Some(Box::new(inside)),
    }
}

fn small_image() -> Image {
    Image {
        block_size: 1024,
        blocks: 8,
        content: vec![
            Block {
                block: 1,
                data: vec![0x53; 1024],
            },
            Block {
                block: 6,
                data: (0..1024u32).map(|n| n as u8).collect(),
            },
        ],
    }
}

/// More tasks than columns fit.
pub fn many_tasks() -> Trace {
    let names: Vec<String> = (0..12).map(|n| format!("reader {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut b = Builder::new(&names);
    let lock = b.object("lock");
    for task in 0..12 {
        b.op(task, "AcquireExclusive", lock);
        b.step(task, "read", &[number("n", task as i64)]);
        b.step(task, "done", &[]);
        b.op(task, "ReleaseExclusive", lock);
    }
    b.trace
}

pub fn all() -> [Trace; 3] {
    [wb_lookup_unlocked(), disksize_before_io(), many_tasks()]
}
