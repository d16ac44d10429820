//! The log on its device: what commit and checkpoint write through.

use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::disk::checksum::JournalSeed;
use crate::journal::circular::{Circular, LogBlock};
use crate::journal::location::JournalLocation;
use crate::lock::{Key, Mutex, class};
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
    /// What is known of the device's cache.
    pub cache: DeviceCache,
}

/// Whether what has been written can still be made durable.
#[derive(Debug)]
pub struct DeviceCache {
    /// Why not, once a flush has failed.
    lost: Mutex<Option<DeviceError>>,
}

impl DeviceCache {
    /// Nothing has been lost.
    pub fn new() -> DeviceCache {
        DeviceCache {
            lost: Mutex::new(&class::DEVICE_CACHE, Key::Only, None),
        }
    }
}

impl Default for DeviceCache {
    fn default() -> DeviceCache {
        DeviceCache::new()
    }
}

impl<D: Device> Log<D> {
    /// Flushes the device. After one that failed, every flush fails.
    ///
    /// # Locking
    /// Takes, where the device may fail: the lock of its cache.
    ///
    /// # Errors
    /// [`DeviceError`], of the first flush that failed.
    ///
    /// # Source
    /// None: the kernel flushes again, and takes that for success (fs/ext4/fsync.c
    /// `ext4_sync_file`).
    pub(super) fn flush(&self) -> Result<(), DeviceError> {
        if self.device.is_faultless() {
            return self.device.flush();
        }
        let mut lost = self.cache.lost.lock();
        if let Some(error) = &*lost {
            return Err(error.clone());
        }
        let outcome = self.device.flush();
        *lost = outcome.clone().err();
        outcome
    }

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
