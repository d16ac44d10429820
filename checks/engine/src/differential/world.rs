//! What generated programs run on, stamped once per runtime: the file is a module of both.

use super::super::program::{Instruction, Program};
use super::plain::Plain;
use super::rt::sync::atomic::{AtomicU64, Ordering::SeqCst};
use super::rt::sync::{Arc, Condvar, Mutex, RwLock};
use super::rt::thread::{self, Thread, spawn};
use super::rt::{Class, Key, Object, Op, choose, op};
use std::sync::atomic::AtomicU32;

static FLAG: Class = Class::new("flag");
static COUNT: Class = Class::new("count");
static GATE: Class = Class::new("gate");
static SET: Class = Class::new("set");

/// Names of tasks.
const NAMES: [&str; 4] = ["main", "a", "b", "c"];

/// A program as a closure.
pub fn body(program: &Program) -> std::sync::Arc<dyn Fn() + Send + Sync> {
    let program = Arc::new(program.clone());
    Arc::new(move || {
        let tasks = program.0.len();
        let world = Arc::new(World::new(tasks));
        let spawned: Vec<_> = (1..tasks)
            .map(|task| {
                let (world, program) = (world.clone(), program.clone());
                spawn(NAMES[task], move || {
                    for instruction in &program.0[task] {
                        world.run(task, instruction);
                    }
                    if program.parks_plainly() {
                        world.plain.end();
                    }
                })
            })
            .collect();
        for instruction in &program.0[0] {
            world.run(0, instruction);
        }
        spawned.into_iter().for_each(|task| task.join());
    })
}

struct World {
    mutexes: [Mutex<u64>; 2],
    lock: RwLock<u64>,
    atomics: [AtomicU64; 2],
    set: Object,
    flags: Vec<(Object, AtomicU32)>,
    count: (Object, AtomicU32),
    gate: (Object, AtomicU32, AtomicU32),
    condition: Condvar,
    main: Thread,
    plain: Plain,
}

impl World {
    fn new(tasks: usize) -> World {
        World {
            mutexes: [Mutex::new(0), Mutex::new(0)],
            lock: RwLock::new(0),
            atomics: [AtomicU64::new(0), AtomicU64::new(0)],
            set: Object::new(&SET, Key::Only),
            flags: (0..tasks as u64)
                .map(|task| (Object::new(&FLAG, Key::One(task)), AtomicU32::new(0)))
                .collect(),
            count: (Object::new(&COUNT, Key::Only), AtomicU32::new(0)),
            gate: (
                Object::new(&GATE, Key::Only),
                AtomicU32::new(0),
                AtomicU32::new(0),
            ),
            condition: Condvar::new(),
            main: thread::current(),
            plain: Plain::new(tasks - 1),
        }
    }

    fn inner(&self, task: usize, inner: Option<&Instruction>) {
        if let Some(inner) = inner {
            self.run(task, inner);
        }
    }

    fn run(&self, task: usize, instruction: &Instruction) {
        use Instruction::*;
        match instruction {
            // Two mutexes of one task are taken in either order: such programs may deadlock. The
            // same mutex is not taken twice.
            Lock(mutex, inner) => {
                let guard = self.mutexes[*mutex].lock();
                match inner.as_deref() {
                    Some(Lock(inner, _) | TryLock(inner)) if inner == mutex => {}
                    Some(Wait) if *mutex == 0 => {}
                    inner => self.inner(task, inner),
                }
                drop(guard);
            }
            TryLock(mutex) => drop(self.mutexes[*mutex].try_lock()),
            // Whoever holds the lock shared must not want it alone.
            Read(inner) => {
                let guard = self.lock.read();
                let inner = inner.as_deref();
                self.inner(
                    task,
                    inner.filter(|inner| !matches!(inner, Write | WriteThenDowngrade)),
                );
                drop(guard);
            }
            Write => *self.lock.write() += 1,
            WriteThenDowngrade => drop(self.lock.write().downgrade()),
            Load(atomic) => drop(self.atomics[*atomic].load(SeqCst)),
            Store(atomic, value) => self.atomics[*atomic].store(*value, SeqCst),
            Add(atomic) => {
                self.atomics[*atomic].fetch_add(1, SeqCst);
            }
            IfOdd(atomic, then) => {
                if self.atomics[*atomic].load(SeqCst) % 2 == 1 {
                    self.run(task, then);
                }
            }
            Choose(of) => {
                choose("generated", *of);
            }
            Wait => drop(self.condition.wait(self.mutexes[0].lock())),
            NotifyOne => self.condition.notify_one(),
            NotifyAll => self.condition.notify_all(),
            Park if task == 0 => thread::park(),
            Park => {}
            Unpark => self.main.unpark(),
            PlainLock => self.plain.lock(),
            PlainAdd => self.plain.add(),
            PlainPark if task == 0 => self.plain.park(),
            PlainPark => {}
            PlainUnpark => self.plain.unpark(),
            other => self.announced(task, other),
        }
    }

    /// Instructions made of operations that have no type of their own.
    fn announced(&self, task: usize, instruction: &Instruction) {
        use Instruction::*;
        use std::sync::atomic::Ordering::SeqCst;
        let always = || true;
        match instruction {
            Merge => op(&self.set, Op::Merge, always, || ()),
            WithFlag(inner) => {
                let (object, flag) = &self.flags[task];
                op(object, Op::FlagRaise, always, || flag.store(1, SeqCst));
                self.inner(
                    task,
                    inner
                        .as_deref()
                        .filter(|inner| !matches!(inner, WithFlag(_))),
                );
                op(object, Op::FlagClear, always, || flag.store(0, SeqCst));
            }
            AwaitFlag(of) => {
                let (object, flag) = &self.flags[*of];
                op(object, Op::FlagAwait, || flag.load(SeqCst) == 0, || ());
            }
            Counted(inner) => {
                let (object, count) = &self.count;
                op(object, Op::CountUp, always, || {
                    count.fetch_add(1, SeqCst);
                });
                self.inner(task, inner.as_deref());
                op(object, Op::CountDown, always, || {
                    count.fetch_sub(1, SeqCst);
                });
            }
            AwaitZero => {
                let (object, count) = &self.count;
                op(
                    object,
                    Op::CountAwaitZero,
                    || count.load(SeqCst) == 0,
                    || (),
                );
            }
            AwaitSome => {
                let (object, count) = &self.count;
                op(object, Op::CountAwaitSome, || count.load(SeqCst) > 0, || ());
            }
            Inside(inner) => {
                let (object, inside, closed) = &self.gate;
                let open = || closed.load(SeqCst) == 0;
                op(object, Op::GateEnter, open, || {
                    inside.fetch_add(1, SeqCst);
                });
                // Whoever is inside must not wait for the gate.
                let inner = inner.as_deref();
                self.inner(
                    task,
                    inner.filter(|inner| !matches!(inner, Inside(_) | Quiesce)),
                );
                op(object, Op::GateExit, always, || {
                    inside.fetch_sub(1, SeqCst);
                });
            }
            Quiesce => {
                let (object, inside, closed) = &self.gate;
                let open = || closed.load(SeqCst) == 0;
                op(object, Op::GateClose, open, || closed.store(1, SeqCst));
                op(object, Op::GateDrain, || inside.load(SeqCst) == 0, || ());
                op(object, Op::GateOpen, always, || closed.store(0, SeqCst));
            }
            other => unreachable!("{other:?} is run elsewhere"),
        }
    }
}
