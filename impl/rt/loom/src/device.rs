//! Device hooks: what a recording device tells the log and loom.

use crate::sync::LeafMutex;
use crate::{Class, Key, Object, Op, op};
use cutpoint_event::{What, log};
use std::collections::BTreeMap;
use std::sync::Arc;

static BLOCK: Class = Class::new("device block");

/// A device's place in the log. Requests for different blocks commute; for one block they are
/// ordered, so each block is an object.
#[derive(Debug, Default)]
pub struct Trace {
    state: LeafMutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: u64,
    blocks: BTreeMap<u64, Arc<Object>>,
}

impl Trace {
    /// A device that has seen no request.
    pub fn new() -> Trace {
        Trace::default()
    }

    fn block(&self, block: u64) -> Arc<Object> {
        self.state.with(|state| {
            let object = state.blocks.entry(block);
            object
                .or_insert_with(|| Arc::new(Object::new(&BLOCK, Key::One(block))))
                .clone()
        })
    }

    /// Submits a write: `perform` carries it out, and the log learns of it. Returns the request's
    /// number.
    pub fn write(&self, block: u64, data: &[u8], fua: bool, perform: impl FnOnce()) -> u64 {
        op(&self.block(block), Op::DeviceWrite, || true, perform);
        let request = self.state.with(|state| {
            state.requests += 1;
            state.requests - 1
        });
        if log::is_recording() {
            log::record(What::Write {
                request,
                block,
                data: Arc::from(data),
                fua,
            });
        }
        request
    }

    /// Says that a submitted write has completed.
    pub fn completed(&self, request: u64, ok: bool) {
        log::record(What::Completed { request, ok });
    }

    /// Says that a flush has returned.
    pub fn flushed(&self, ok: bool) {
        log::record(What::Flushed { ok });
    }

    /// Reads a block through `perform`.
    pub fn read<R>(&self, block: u64, perform: impl FnOnce() -> R) -> R {
        op(&self.block(block), Op::DeviceRead, || true, perform)
    }
}
