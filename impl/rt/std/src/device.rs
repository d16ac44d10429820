//! Device hooks: what a recording device tells the log.

use cutpoint_event::{What, log};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A device's place in the log. Writes to one block by several tasks are operations on that block.
#[derive(Debug, Default)]
pub struct Trace {
    requests: AtomicU64,
}

impl Trace {
    /// A device that has seen no request.
    pub fn new() -> Trace {
        Trace::default()
    }

    /// Submits a write: `perform` carries it out, and the log learns of it. Returns the request's
    /// number.
    pub fn write(&self, block: u64, data: &[u8], fua: bool, perform: impl FnOnce()) -> u64 {
        // Relaxed: the number only has to be unique.
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        perform();
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
    pub fn read<R>(&self, _block: u64, perform: impl FnOnce() -> R) -> R {
        perform()
    }
}
