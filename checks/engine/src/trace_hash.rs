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
use cutpoint_event::{Key, Log, ObjectName, Op, What};

/// Hashes traces, keeping its memory between them.
#[derive(Debug, Default)]
pub struct TraceHasher {
    /// The hash of each task's last event.
    tasks: Vec<u128>,
    /// Per object and kind, the sum of the hashes of the operations so far.
    sums: Vec<u128>,
    /// The hash of each object's name.
    objects: Vec<u128>,
}

/// The hash of a log's trace.
pub fn trace_hash(log: &Log) -> u128 {
    TraceHasher::default().hash(log)
}

impl TraceHasher {
    /// The hash of a log's trace.
    pub fn hash(&mut self, log: &Log) -> u128 {
        self.tasks.clear();
        self.sums.clear();
        self.sums.resize((log.objects.len() + 1) * Op::COUNT, 0);
        self.objects.clear();
        self.objects.push(text_hash("created before the execution"));
        self.objects.extend(log.objects.iter().map(name_hash));
        for event in &log.events {
            let task = usize::from(event.task.0);
            if task >= self.tasks.len() {
                self.tasks.resize(task + 1, 0);
            }
            let past = mix(self.tasks[task], task as u128 + 1);
            match event.what {
                What::Op { op, object } => {
                    let object = place(object);
                    let hash = mix(past, self.operation(op, object));
                    self.tasks[task] = hash;
                    let sum = &mut self.sums[object * Op::COUNT + op as usize];
                    *sum = sum.wrapping_add(hash);
                }
                What::Chosen { name, of, value } => {
                    let choice = mix(text_hash(name), u128::from(of) << 64 | u128::from(value));
                    self.tasks[task] = mix(past, choice);
                }
                _ => {}
            }
        }
        let ends = self.tasks.iter().enumerate();
        ends.fold(0, |sum, (task, hash)| {
            sum.wrapping_add(mix(*hash, task as u128 + 1))
        })
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

fn name_hash(name: &ObjectName) -> u128 {
    let class = text_hash(name.class.name);
    match name.key {
        Key::Only => mix(class, 1),
        Key::One(a) => mix(mix(class, 2), u128::from(a)),
        Key::Two(a, b) => mix(mix(class, 3), u128::from(a) << 64 | u128::from(b)),
    }
}

fn text_hash(text: &str) -> u128 {
    text.bytes()
        .fold(text.len() as u128, |hash, byte| mix(hash, u128::from(byte)))
}

/// Two rounds of multiplication and folding, enough to spread every bit of both inputs.
fn mix(a: u128, b: u128) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mut x = (a ^ b.rotate_left(64)).wrapping_add(b).wrapping_mul(ODD);
    x ^= x >> 67;
    x = x.wrapping_add(a.rotate_left(37)).wrapping_mul(ODD);
    x ^ (x >> 59)
}
