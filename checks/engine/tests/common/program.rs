//! Generated programs over all primitives, for comparing explorers.
//!
//! A flag has one task that raises it, and that task clears it again; a count is taken from only
//! after it was added to. These are the disciplines that the declared relations rely on.

use crate::common::{Body, NAMES};
use rt_shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
use rt_shuttle::sync::{Arc, Condvar, Mutex, RwLock};
use rt_shuttle::thread::{self, Thread, spawn};
use rt_shuttle::{Class, Key, Object, Op, choose, op};
use std::sync::atomic::AtomicU32;

static FLAG: Class = Class::unranked("flag");
static COUNT: Class = Class::unranked("count");
static GATE: Class = Class::unranked("gate");
static SET: Class = Class::unranked("set");

/// One instruction of a task.
#[derive(Clone, Debug)]
pub enum Instruction {
    /// Locks a mutex around another instruction, or around nothing.
    Lock(usize, Option<Box<Instruction>>),
    TryLock(usize),
    /// Takes the lock shared around another instruction, or around nothing.
    Read(Option<Box<Instruction>>),
    Write,
    WriteThenDowngrade,
    Load(usize),
    Store(usize, u64),
    Add(usize),
    /// Runs the instruction only if the atomic holds an odd number.
    IfOdd(usize, Box<Instruction>),
    Choose(u64),
    Merge,
    /// Raises the task's own flag, runs the instruction, and clears the flag.
    WithFlag(Option<Box<Instruction>>),
    /// Waits until a task's flag is clear.
    AwaitFlag(usize),
    /// Counts up, runs the instruction, and counts down.
    Counted(Option<Box<Instruction>>),
    AwaitZero,
    AwaitSome,
    /// Enters the gate, runs the instruction, and leaves.
    Inside(Option<Box<Instruction>>),
    /// Closes the gate, waits until nobody is inside, and opens it.
    Quiesce,
    Wait,
    NotifyOne,
    NotifyAll,
    Park,
    /// Unparks the main task.
    Unpark,
}

/// A program: the instructions of every task; the main task's come first.
#[derive(Clone, Debug)]
pub struct Program(pub Vec<Vec<Instruction>>);

/// A generator of numbers, the same on every machine (Steele, Lea and Flood's SplitMix, 2014).
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    /// A number below `below`.
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

impl Program {
    /// A program with 2 to 4 tasks of 1 to 4 instructions and not too many interleavings.
    pub fn generate(numbers: &mut Numbers, interleavings_max: f64) -> Program {
        loop {
            let tasks = 2 + numbers.next(3) as usize;
            // Few kinds in one program, so that its tasks meet.
            let palette: Vec<u64> = (0..2 + numbers.next(3))
                .map(|_| numbers.next(KINDS))
                .collect();
            let list = |numbers: &mut Numbers| {
                let length = 1 + numbers.next(4);
                (0..length)
                    .map(|_| instruction(numbers, tasks, &palette, 1))
                    .collect()
            };
            let program = Program((0..tasks).map(|_| list(numbers)).collect());
            if program.interleavings() <= interleavings_max {
                return program;
            }
        }
    }

    /// At most how many orders its operations have, a multinomial coefficient, times the number of
    /// ways to choose.
    fn interleavings(&self) -> f64 {
        let mut total = 0.0;
        let mut orders = 1.0;
        for (task, instructions) in self.0.iter().enumerate() {
            // A spawned task's last operation is its end.
            let own = instructions.iter().map(operations).sum::<u32>() + u32::from(task > 0);
            for n in 1..=own {
                total += 1.0;
                orders *= total / f64::from(n);
            }
            orders *= instructions.iter().map(alternatives).product::<f64>();
        }
        orders
    }

    /// The program as a closure.
    pub fn body(&self) -> Body {
        let program = Arc::new(self.clone());
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
                    })
                })
                .collect();
            for instruction in &program.0[0] {
                world.run(0, instruction);
            }
            spawned.into_iter().for_each(|task| task.join());
        })
    }
}

/// The number of kinds of instruction to draw from.
const KINDS: u64 = 22;

/// An instruction of one of the kinds in `palette`, with others inside it if `depth` allows.
fn instruction(numbers: &mut Numbers, tasks: usize, palette: &[u64], depth: u32) -> Instruction {
    use Instruction::*;
    let two = numbers.next(2) as usize;
    let inner = |numbers: &mut Numbers| match numbers.next(2) {
        0 => None,
        _ if depth == 0 => None,
        _ => Some(Box::new(instruction(numbers, tasks, palette, depth - 1))),
    };
    match palette[numbers.next(palette.len() as u64) as usize] {
        0 => Read(inner(numbers)),
        1 => Write,
        2 => WriteThenDowngrade,
        3 => Load(two),
        4 => Store(two, 1 + numbers.next(2)),
        5 => Add(two),
        6 => Choose(2 + numbers.next(2)),
        7 => Merge,
        8 => TryLock(two),
        9 => AwaitFlag(numbers.next(tasks as u64) as usize),
        10 => AwaitZero,
        11 if numbers.next(4) > 0 => NotifyOne,
        11 => NotifyAll,
        12 => Quiesce,
        13 if numbers.next(3) == 0 => Park,
        13 => Unpark,
        14 | 15 => Lock(two, inner(numbers)),
        16 => WithFlag(inner(numbers)),
        17 => Counted(inner(numbers)),
        18 => Inside(inner(numbers)),
        19 => match inner(numbers) {
            Some(then) => IfOdd(two, then),
            None => Add(two),
        },
        20 => AwaitSome,
        _ => Wait,
    }
}

/// At most how many turns an instruction takes.
fn operations(instruction: &Instruction) -> u32 {
    use Instruction::*;
    match instruction {
        Choose(_) => 0,
        Lock(_, inner) | Read(inner) | WithFlag(inner) | Counted(inner) | Inside(inner) => {
            2 + inner.as_ref().map_or(0, |inner| operations(inner))
        }
        IfOdd(_, inner) => 1 + operations(inner),
        TryLock(_) | Write => 2,
        WriteThenDowngrade | Quiesce => 3,
        Wait => 6,
        _ => 1,
    }
}

/// How many ways an instruction has to choose.
fn alternatives(instruction: &Instruction) -> f64 {
    use Instruction::*;
    match instruction {
        Choose(of) => *of as f64,
        Lock(_, Some(inner))
        | Read(Some(inner))
        | WithFlag(Some(inner))
        | Counted(Some(inner))
        | Inside(Some(inner))
        | IfOdd(_, inner) => alternatives(inner),
        _ => 1.0,
    }
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
