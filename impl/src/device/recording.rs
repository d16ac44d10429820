//! A device in memory that tells the log of every request, so that power cuts can be explored.
//!
//! Writes are seen by reads at once and complete when asked to: what a power cut would have left of
//! them is not decided here but by the crash engine, from the log. Requests fail where
//! [`RecordingDevice::set_faults`] says so.

use crate::device::faults::{FaultPlan, Faults, Request};
use crate::device::memory::{Image, MemoryDevice};
use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::units::{Block, Pblk};
use rt::device::Trace;
use rt::sync::{Arc, LeafMutex};
use std::collections::BTreeMap;

/// A recording device.
#[derive(Debug)]
pub struct RecordingDevice {
    memory: MemoryDevice,
    trace: Trace,
    faults: FaultPlan,
    /// Submitted writes that will be found to have failed. Sections commute: each request is known
    /// only to its submitter, and to whom that has handed it to.
    failed: LeafMutex<BTreeMap<u64, Pblk>>,
    /// How many writes have been found to have failed: a sum, looked at when all tasks have ended.
    failures: LeafMutex<u64>,
}

impl RecordingDevice {
    /// A device that holds an image, durably.
    pub fn with_base(base: Arc<Image>) -> RecordingDevice {
        RecordingDevice {
            memory: MemoryDevice::with_base(base),
            trace: Trace::new(),
            faults: FaultPlan::new(),
            failed: LeafMutex::new(BTreeMap::new()),
            failures: LeafMutex::new(0),
        }
    }

    /// Lets requests fail from now on. Until this is called for the first time none does, and
    /// failures cost the explorer nothing; so it is to be called before tasks begin that use the
    /// device.
    pub fn set_faults(&self, faults: Faults) {
        self.faults.set(faults);
    }

    /// How many writes have failed so far, for tests: not an operation.
    pub fn peek_failed_writes(&self) -> u64 {
        self.failures.with(|failures| *failures)
    }

    /// What reads see now.
    pub fn snapshot(&self) -> Image {
        self.memory.snapshot()
    }
}

impl Device for RecordingDevice {
    fn blocks(&self) -> u64 {
        self.memory.blocks()
    }

    fn read(&self, block: Pblk, into: &mut Block) -> Result<(), DeviceError> {
        self.trace.read(block.0, || self.memory.read(block, into))?;
        match self.faults.fails(Request::Read, block) {
            true => Err(Request::Read.error(block)),
            false => Ok(()),
        }
    }

    fn submit(
        &self,
        block: Pblk,
        data: &Block,
        durability: Durability,
    ) -> Result<Ticket, DeviceError> {
        let fua = durability == Durability::Fua;
        let mut outcome = Ok(());
        let mut before = None;
        let request = self.trace.write(block.0, data, fua, || {
            before = self.memory.written(block);
            outcome = self.memory.write(block, data, durability);
        });
        outcome?;
        // Nobody has read the block since: the explorer lets no other task go on before the next
        // operation.
        if self.faults.fails(Request::Write, block) {
            self.memory.put_back(block, before);
            self.failed.with(|failed| failed.insert(request, block));
        }
        Ok(Ticket(request))
    }

    fn complete(&self, ticket: Ticket) -> Result<(), DeviceError> {
        let failed = self.failed.with(|failed| failed.remove(&ticket.0));
        self.trace.completed(ticket.0, failed.is_none());
        match failed {
            Some(block) => {
                self.failures.with(|failures| *failures += 1);
                Err(Request::Write.error(block))
            }
            None => Ok(()),
        }
    }

    fn flush(&self) -> Result<(), DeviceError> {
        let fails = self.faults.flush_fails();
        self.trace.flushed(!fails);
        match fails {
            true => Err(Request::Flush.error(Pblk(0))),
            false => Ok(()),
        }
    }

    fn is_faultless(&self) -> bool {
        self.faults.is_faultless()
    }
}
