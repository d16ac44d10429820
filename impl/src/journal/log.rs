//! The log on its device: what commit and checkpoint write through.

use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::disk::checksum::JournalSeed;
use crate::journal::circular::{Circular, LogBlock};
use crate::journal::location::JournalLocation;
use crate::units::Block;
use rt::sync::Arc;

/// What of a journal never changes while it is open.
#[derive(Debug)]
pub struct Log<D> {
    /// The device that holds the log and the home locations.
    pub device: Arc<D>,
    /// Where the log lies.
    pub location: JournalLocation,
    /// The part of it that transactions run through.
    pub circular: Circular,
    /// The journal's identity.
    pub uuid: [u8; 16],
    /// The seed of its checksums.
    pub seed: JournalSeed,
}

impl<D: Device> Log<D> {
    /// Starts a write of a log block.
    ///
    /// # Errors
    /// [`DeviceError::BeyondEnd`].
    pub(super) fn submit(
        &self,
        at: LogBlock,
        block: &Block,
        durability: Durability,
    ) -> Result<Ticket, DeviceError> {
        self.device
            .submit(self.location.pblk(at), block, durability)
    }
}

/// Waits for all of these writes, and reports the first that failed: a submitted write must be
/// completed whatever becomes of the others.
pub(super) fn complete_all<D: Device>(
    device: &D,
    tickets: impl IntoIterator<Item = Ticket>,
) -> Result<(), DeviceError> {
    let mut outcome = Ok(());
    for ticket in tickets {
        outcome = outcome.and(device.complete(ticket));
    }
    outcome
}
