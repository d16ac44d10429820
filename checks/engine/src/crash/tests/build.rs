//! Logs by hand and by generation.

use cutpoint_event::{Args, Event, Log, ObjectId, Op, TaskId, What};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Builds a log event by event.
#[derive(Default)]
pub struct Builder {
    log: Log,
    requests: u64,
    /// Whether writes are operations on their block, as a correct runtime makes them.
    pub unordered_blocks: bool,
}

impl Builder {
    pub fn push(&mut self, task: u16, what: What) -> usize {
        let task = TaskId(task);
        self.log.events.push(Event { task, what });
        self.log.events.len() - 1
    }

    pub fn op(&mut self, task: u16, op: Op, object: u32) -> usize {
        let object = ObjectId(object);
        self.push(task, What::Op { op, object })
    }

    /// Submits a write and returns its request.
    pub fn submit(&mut self, task: u16, block: u64, data: &[u8], fua: bool) -> u64 {
        if !self.unordered_blocks {
            self.op(task, Op::DeviceWrite, 1000 + block as u32);
        }
        let request = self.requests;
        self.requests += 1;
        let data: Arc<[u8]> = data.into();
        let write = What::Write {
            request,
            block,
            data,
            fua,
        };
        self.push(task, write);
        request
    }

    pub fn complete(&mut self, task: u16, request: u64) {
        self.push(task, What::Completed { request, ok: true });
    }

    pub fn write(&mut self, task: u16, block: u64, data: &[u8], fua: bool) {
        let request = self.submit(task, block, data, fua);
        self.complete(task, request);
    }

    pub fn flush(&mut self, task: u16) {
        self.push(task, What::Flushed { ok: true });
    }

    pub fn fail_flush(&mut self, task: u16) {
        self.push(task, What::Flushed { ok: false });
    }

    pub fn acknowledge(&mut self, task: u16, name: &'static str) {
        let args = Args::default();
        self.push(task, What::Acknowledged { name, args });
    }

    pub fn finish(self) -> Log {
        self.log
    }
}

/// What a task of a generated log does next.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Submit { block: u64, value: u8, fua: bool },
    Complete { ok: bool },
    CompleteOfOther,
    Flush { ok: bool },
    Acknowledge,
    Sync { op: Op, object: u32 },
}

pub fn act() -> impl Strategy<Value = Act> {
    let sync = prop::sample::select(vec![
        Op::Load,
        Op::Store,
        Op::AcquireShared,
        Op::ReleaseShared,
        Op::AcquireExclusive,
        Op::ReleaseExclusive,
    ]);
    prop_oneof![
        5 => (0..3u64, 1..4u8, prop::bool::weighted(0.3))
            .prop_map(|(block, value, fua)| Act::Submit { block, value, fua }),
        4 => prop::bool::weighted(0.85).prop_map(|ok| Act::Complete { ok }),
        1 => Just(Act::CompleteOfOther),
        3 => prop::bool::weighted(0.65).prop_map(|ok| Act::Flush { ok }),
        1 => Just(Act::Acknowledge),
        4 => (sync, 0..2u32).prop_map(|(op, object)| Act::Sync { op, object }),
    ]
}

/// A log of up to three tasks on three blocks of `size` bytes. The second half of a block holds
/// another byte than the first, so that tearing shows.
pub fn log_of(acts: &[(u16, Act)], size: usize, unordered_blocks: bool) -> Log {
    let mut builder = Builder {
        unordered_blocks,
        ..Builder::default()
    };
    let mut in_flight: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
    let mut writes = 0;
    for &(task, act) in acts {
        match act {
            // The brute force is exponential in the writes.
            Act::Submit { .. } if writes == 6 => {}
            Act::Submit { block, value, fua } => {
                writes += 1;
                let mut data = vec![value; size];
                data[size / 2..].fill(value | 0x10);
                let request = builder.submit(task, block, &data, fua);
                in_flight.entry(task).or_default().push(request);
            }
            Act::Complete { ok } => {
                let own = in_flight.entry(task).or_default();
                if !own.is_empty() {
                    let request = own.remove(0);
                    builder.push(task, What::Completed { request, ok });
                }
            }
            Act::CompleteOfOther => {
                let other = in_flight.values_mut().find(|list| !list.is_empty());
                if let Some(request) = other.and_then(Vec::pop) {
                    builder.complete(task, request);
                }
            }
            Act::Flush { ok: true } => builder.flush(task),
            Act::Flush { ok: false } => builder.fail_flush(task),
            Act::Acknowledge => builder.acknowledge(task, "done"),
            Act::Sync { op, object } => {
                builder.op(task, op, object);
            }
        }
    }
    builder.finish()
}
