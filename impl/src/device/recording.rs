//! A device in memory that tells the log of every request, so that power cuts can be explored.
//!
//! Writes are seen by reads at once and complete when asked to: what a power cut would have left of
//! them is not decided here but by the crash engine, from the log.

use crate::device::memory::{Image, MemoryDevice};
use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::units::{Block, Pblk};
use rt::device::Trace;
use rt::sync::Arc;

/// A recording device.
#[derive(Debug)]
pub struct RecordingDevice {
    memory: MemoryDevice,
    trace: Trace,
}

impl RecordingDevice {
    /// A device that holds an image, durably.
    pub fn with_base(base: Arc<Image>) -> RecordingDevice {
        RecordingDevice {
            memory: MemoryDevice::with_base(base),
            trace: Trace::new(),
        }
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
        self.trace.read(block.0, || self.memory.read(block, into))
    }

    fn submit(
        &self,
        block: Pblk,
        data: &Block,
        durability: Durability,
    ) -> Result<Ticket, DeviceError> {
        let fua = durability == Durability::Fua;
        let mut outcome = Ok(());
        let request = self.trace.write(block.0, data, fua, || {
            outcome = self.memory.write(block, data, durability);
        });
        outcome.map(|()| Ticket(request))
    }

    fn complete(&self, ticket: Ticket) -> Result<(), DeviceError> {
        self.trace.completed(ticket.0, true);
        Ok(())
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.trace.flushed(true);
        Ok(())
    }
}
