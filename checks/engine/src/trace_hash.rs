//! A canonical hash of the partial order that an execution is.
//!
//! Two executions are one Mazurkiewicz trace if commuting adjacent independent operations turns one
//! into the other (Mazurkiewicz, *Trace theory*, 1986). The hash of an operation covers its task's
//! past, its kind, its object, and the hashes of every operation on that object that happens before
//! it, added up so that their order does not matter; the hash of the trace adds up the hashes of
//! the tasks' ends. So it depends on the partial order alone, and equal hashes mean equal orders,
//! but for collisions (about n² / 2¹²⁹ for n traces).
//!
//! Objects enter by class and key and not by generation: which of two racing tasks created its
//! object first is not part of the order, and what each task did with which object follows from
//! its past.
//!
//! # What it leaves out
//! Steps, acknowledgements and device requests: tasks are deterministic, so these follow from the
//! operations and choices.

use crate::clock::place;
use cutpoint_event::{Key, Log, ObjectId, ObjectName, Op, TaskId, What};

/// Hashes traces, keeping its memory between them. It can follow an execution while that unfolds:
/// the hash of a prefix is that of the prefix's partial order.
#[derive(Debug, Default)]
pub struct TraceHasher {
    /// The hash of each task's last event.
    tasks: Vec<u128>,
    /// Per object and kind, the sum of the hashes of the operations so far.
    sums: Vec<u128>,
    /// The hash of each object's name.
    objects: Vec<u128>,
    /// The number of events so far.
    events: usize,
    /// The sum over the tasks' ends.
    value: u128,
    /// Whether all operations count as dependent on each other.
    is_total: bool,
}

/// The hash of a log's trace.
pub fn trace_hash(log: &Log) -> u128 {
    TraceHasher::default().hash(log)
}

impl TraceHasher {
    /// A hasher to which all operations depend on each other, so that a hash stands for one order
    /// of them.
    pub fn of_total_orders() -> TraceHasher {
        TraceHasher {
            is_total: true,
            ..TraceHasher::default()
        }
    }

    /// The hash of a log's trace.
    pub fn hash(&mut self, log: &Log) -> u128 {
        self.begin();
        self.advance(log);
        self.value
    }

    /// Prepares for another execution.
    pub fn begin(&mut self) {
        self.tasks.clear();
        self.sums.clear();
        self.objects.clear();
        self.events = 0;
        self.value = 0;
    }

    /// Takes in what was added to the log of the execution since the last call.
    pub fn advance(&mut self, log: &Log) {
        if self.objects.is_empty() {
            self.objects.push(text_hash("created before the execution"));
        }
        let known = self.objects.len() - 1;
        self.objects
            .extend(log.objects.iter().skip(known).map(name_hash));
        self.sums.resize(self.objects.len() * Op::COUNT, 0);
        for event in log.events.iter().skip(self.events) {
            let past = self.past(event.task);
            match event.what {
                What::Op { op, object } => {
                    let (op, object) = self.counted_as(op, object);
                    let hash = mix(past, self.operation(op, object));
                    self.put(event.task, hash);
                    let sum = &mut self.sums[object * Op::COUNT + op as usize];
                    *sum = sum.wrapping_add(hash);
                }
                What::Chosen { name, of, value } => {
                    let choice = mix(text_hash(name), u128::from(of) << 64 | u128::from(value));
                    self.put(event.task, mix(past, choice));
                }
                _ => {}
            }
        }
        self.events = log.events.len();
    }

    /// The hash of the trace so far.
    pub fn value(&self) -> u128 {
        self.value
    }

    /// What the hash of the trace would be after one more operation, on an object that the log had
    /// at the last call of [`TraceHasher::advance`].
    pub fn after(&self, task: TaskId, op: Op, object: ObjectId) -> u128 {
        let before = self.tasks.get(usize::from(task.0)).copied();
        let past = mix(before.unwrap_or(0), ordinal(task));
        let (op, object) = self.counted_as(op, object);
        let hash = mix(past, self.operation(op, object));
        let lost = before.map_or(0, |before| mix(before, ordinal(task)));
        let end = mix(hash, ordinal(task));
        self.value.wrapping_sub(lost).wrapping_add(end)
    }

    /// What a task has done so far.
    fn past(&mut self, task: TaskId) -> u128 {
        while self.tasks.len() <= usize::from(task.0) {
            let next = TaskId(self.tasks.len() as u16);
            self.value = self.value.wrapping_add(mix(0, ordinal(next)));
            self.tasks.push(0);
        }
        mix(self.tasks[usize::from(task.0)], ordinal(task))
    }

    /// Makes an event the last of its task.
    fn put(&mut self, task: TaskId, hash: u128) {
        let end = &mut self.tasks[usize::from(task.0)];
        self.value = self.value.wrapping_sub(mix(*end, ordinal(task)));
        self.value = self.value.wrapping_add(mix(hash, ordinal(task)));
        *end = hash;
    }

    /// The kind of an operation and the place of its object, as they count here.
    fn counted_as(&self, op: Op, object: ObjectId) -> (Op, usize) {
        match self.is_total {
            true => (Op::Unannounced, 0),
            false => (op, place(object)),
        }
    }

    /// What an operation is, with everything that precedes it on its object.
    fn operation(&self, op: Op, object: usize) -> u128 {
        let sums = &self.sums[object * Op::COUNT..(object + 1) * Op::COUNT];
        let mut hash = mix(self.objects[object], op as u128 + 1);
        let mut before = op.predecessors();
        while before != 0 {
            let kind = before.trailing_zeros();
            before &= before - 1;
            hash = mix(hash, sums[kind as usize]);
        }
        hash
    }
}

/// A task's number, counting from 1.
fn ordinal(task: TaskId) -> u128 {
    u128::from(task.0) + 1
}

fn name_hash(name: &ObjectName) -> u128 {
    let class = text_hash(name.class.name);
    match name.key {
        Key::Only => mix(class, 1),
        Key::One(a) => mix(mix(class, 2), u128::from(a)),
        Key::Two(a, b) => mix(mix(class, 3), u128::from(a) << 64 | u128::from(b)),
    }
}

fn text_hash(text: &str) -> u128 {
    let chunks = text.as_bytes().chunks(size_of::<u128>());
    chunks.fold(text.len() as u128, |hash, chunk| {
        let mut word = [0; size_of::<u128>()];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(hash, u128::from_le_bytes(word))
    })
}

/// Two rounds of multiplication and folding, enough to spread every bit of both inputs.
pub(crate) fn mix(a: u128, b: u128) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mut x = (a ^ b.rotate_left(64)).wrapping_add(b).wrapping_mul(ODD);
    x ^= x >> 67;
    x = x.wrapping_add(a.rotate_left(37)).wrapping_mul(ODD);
    x ^ (x >> 59)
}
