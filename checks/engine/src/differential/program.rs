//! Generated programs over all primitives.
//!
//! A flag has one task that raises it, and that task clears it again; a count is taken from only
//! after it was added to. These are the disciplines that the declared relations rely on.

/// One instruction of a task.
#[derive(Clone, Debug)]
pub enum Instruction {
    /// Locks a mutex around another instruction, or around nothing.
    Lock(usize, Option<Box<Instruction>>),
    /// Locks a mutex if it is free.
    TryLock(usize),
    /// Takes the lock shared around another instruction, or around nothing.
    Read(Option<Box<Instruction>>),
    /// Takes the lock alone.
    Write,
    /// Takes the lock alone, then goes on sharing it.
    WriteThenDowngrade,
    /// Reads an atomic.
    Load(usize),
    /// Overwrites an atomic.
    Store(usize, u64),
    /// Adds to an atomic.
    Add(usize),
    /// Runs the instruction only if the atomic holds an odd number.
    IfOdd(usize, Box<Instruction>),
    /// Makes a choice out of so many.
    Choose(u64),
    /// Changes a set in a way that commutes with other such changes.
    Merge,
    /// Raises the task's own flag, runs the instruction, and clears the flag.
    WithFlag(Option<Box<Instruction>>),
    /// Waits until a task's flag is clear.
    AwaitFlag(usize),
    /// Counts up, runs the instruction, and counts down.
    Counted(Option<Box<Instruction>>),
    /// Waits until the count is zero.
    AwaitZero,
    /// Waits until the count is not zero.
    AwaitSome,
    /// Enters the gate, runs the instruction, and leaves.
    Inside(Option<Box<Instruction>>),
    /// Closes the gate, waits until nobody is inside, and opens it.
    Quiesce,
    /// Waits for the condition, with the first mutex.
    Wait,
    /// Wakes one who waits for the condition.
    NotifyOne,
    /// Wakes all who wait for the condition.
    NotifyAll,
    /// Waits for the wake-up token, if it is the main task's instruction.
    Park,
    /// Unparks the main task; if the main task does it, it finds the token there when it parks.
    Unpark,
    /// Locks a mutex of shuttle's own.
    PlainLock,
    /// Adds to an atomic of shuttle's own.
    PlainAdd,
    /// Waits for shuttle's own wake-up token, if it is the main task's instruction, unless all
    /// others have ended. Each of them hands it out in the end, so nobody waits for ever: shuttle
    /// has a lot to say then, for everyone to read.
    PlainPark,
    /// Hands the main task shuttle's own wake-up token.
    PlainUnpark,
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
    /// A program with 2 to 4 tasks of 1 to 6 instructions and not too many interleavings.
    pub fn generate(numbers: &mut Numbers, interleavings_max: f64) -> Program {
        loop {
            let tasks = 2 + numbers.next(3) as usize;
            // Few kinds in one program, so that its tasks meet.
            let palette: Vec<u64> = (0..2 + numbers.next(3))
                .map(|_| numbers.next(KINDS))
                .collect();
            let list = |numbers: &mut Numbers| {
                let length = 1 + numbers.next(6);
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
    pub fn interleavings(&self) -> f64 {
        let mut total = 0.0;
        let mut orders = 1.0;
        for (task, instructions) in self.0.iter().enumerate() {
            // A spawned task's last operation is its end.
            let ends = if self.parks_plainly() { 2 } else { 1 };
            let ends = if task > 0 { ends } else { 0 };
            let own = instructions.iter().map(operations).sum::<u32>() + ends;
            for n in 1..=own {
                total += 1.0;
                orders *= total / f64::from(n);
            }
            orders *= instructions.iter().map(alternatives).product::<f64>();
        }
        orders
    }

    /// Whether the main task waits for shuttle's own wake-up token.
    pub(super) fn parks_plainly(&self) -> bool {
        let has_park = |instruction: &Instruction| {
            let inner = instruction.inner();
            [Some(instruction), inner]
                .into_iter()
                .flatten()
                .any(|instruction| matches!(instruction, Instruction::PlainPark))
        };
        self.0[0].iter().any(has_park)
    }

    /// Whether loom can run it: loom does not know plain shuttle types, enumerates no choices, and
    /// its tries fail where they should not.
    pub fn is_for_loom(&self) -> bool {
        self.0.iter().flatten().all(Instruction::is_for_loom)
    }
}

impl Instruction {
    /// The instruction inside this one.
    fn inner(&self) -> Option<&Instruction> {
        use Instruction::*;
        match self {
            Lock(_, inner) | Read(inner) | WithFlag(inner) | Counted(inner) | Inside(inner) => {
                inner.as_deref()
            }
            IfOdd(_, inner) => Some(inner),
            _ => None,
        }
    }

    /// Whether it is made of shuttle's own types.
    fn is_plain(&self) -> bool {
        use Instruction::*;
        matches!(self, PlainLock | PlainAdd | PlainPark | PlainUnpark)
    }

    fn is_for_loom(&self) -> bool {
        use Instruction::*;
        let here = !matches!(self, Choose(_) | TryLock(_)) && !self.is_plain();
        here && self.inner().is_none_or(Instruction::is_for_loom)
    }
}

/// The number of kinds of instruction to draw from.
const KINDS: u64 = 25;

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
        21 => PlainAdd,
        22 => PlainLock,
        23 if numbers.next(3) == 0 => PlainPark,
        23 => PlainUnpark,
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
        PlainAdd | PlainPark | PlainUnpark => 2,
        PlainLock => 4,
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
