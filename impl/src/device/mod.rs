//! The block device, as a type parameter of the file system.
//!
//! A device has a *volatile cache*: a completed write may still be lost in a power cut until a
//! later [`Device::flush`] has returned, or unless the write asked for [`Durability::Fua`].
//! Writes in flight or in the cache may reach the medium in any order, in part, or not at all.

pub mod faults;
pub mod file;
pub mod memory;
pub mod recording;

use crate::units::{Block, Pblk};

/// What a device reports when it can not do as told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The device failed the request.
    #[error("{operation} of block {block} failed: {reason}")]
    Io {
        /// "read", "write" or "flush".
        operation: &'static str,
        /// The block, or 0 for a flush.
        block: Pblk,
        /// What the device said.
        reason: String,
    },
    /// The request lies beyond the device's end.
    #[error("block {block} lies beyond the end of the device ({blocks} blocks)")]
    BeyondEnd {
        /// The block asked for.
        block: Pblk,
        /// The device's size in blocks.
        blocks: u64,
    },
}

/// What a write promises once it has completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: the data may sit in the volatile cache.
    Volatile,
    /// Forced unit access: the data are on the medium when the write completes.
    Fua,
}

/// A write that has been submitted and not yet been completed. Consumed by [`Device::complete`].
#[derive(Debug)]
#[must_use = "a submitted write must be completed"]
pub struct Ticket(pub u64);

/// A block device with a volatile write cache.
///
/// Methods take `&self`: a device serves many threads and orders nothing between them.
pub trait Device: Send + Sync + 'static {
    /// Size in blocks.
    fn blocks(&self) -> u64;

    /// Reads one block: what the last write submitted to it holds, or what was there before.
    ///
    /// # Errors
    /// [`DeviceError::BeyondEnd`], [`DeviceError::Io`].
    fn read(&self, block: Pblk, into: &mut Block) -> Result<(), DeviceError>;

    /// Starts a write of one block. The data are captured before this returns.
    ///
    /// # Errors
    /// [`DeviceError::BeyondEnd`]. I/O errors are reported by [`Device::complete`].
    ///
    /// # Crash
    /// From here on the block may hold the old data, the new data, or a torn mixture.
    fn submit(
        &self,
        block: Pblk,
        data: &Block,
        durability: Durability,
    ) -> Result<Ticket, DeviceError>;

    /// Waits until a submitted write has completed.
    ///
    /// # Errors
    /// [`DeviceError::Io`]; then the block may hold old or new data.
    ///
    /// # Crash
    /// With [`Durability::Fua`] the block holds the new data from here on; otherwise nothing
    /// changes until a flush.
    fn complete(&self, ticket: Ticket) -> Result<(), DeviceError>;

    /// Makes every write that completed before this call durable.
    ///
    /// # Errors
    /// [`DeviceError::Io`]; then those writes may or may not be durable, and whatever a later flush
    /// returns says nothing about them.
    fn flush(&self) -> Result<(), DeviceError>;

    /// Whether every request inside the device is known to succeed. Then what happens after a
    /// failure need not be ordered against anything, which saves the explorer operations. It does
    /// not change while the device is in use.
    fn is_faultless(&self) -> bool {
        false
    }

    /// Writes one block and waits for it.
    ///
    /// # Errors
    /// As [`Device::submit`] and [`Device::complete`].
    fn write(&self, block: Pblk, data: &Block, durability: Durability) -> Result<(), DeviceError> {
        let ticket = self.submit(block, data, durability)?;
        self.complete(ticket)
    }
}
