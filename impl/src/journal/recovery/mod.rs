//! Recovery: brings a device to the state after the last committed transaction.
//!
//! Three passes, each a file:
//!
//! 1. SCAN ([`scan`]) finds the committed transactions, from the tail on.
//! 2. REVOKE ([`revoke`]) collects which copies must not be replayed.
//! 3. REPLAY ([`replay`]) writes the newest remaining copy of every block to its home.
//!
//! Then the device is flushed, and only then the log is marked empty.
//!
//! Departs from jbd2 in two places. The log is parsed once and the later passes work on what SCAN
//! found; and of several copies of a block only the newest is written, which is what the kernel's
//! buffer cache makes of its replay.
//!
//! # Crash
//! Recovery may be cut at any point and run again: until the superblock is written the log is
//! untouched, replay writes the same content every time, and the superblock is written, with FUA,
//! only after a flush has made all of that content durable.
//!
//! # Source
//! linux v6.6 fs/jbd2/recovery.c `jbd2_journal_recover`, `do_one_pass`.

pub mod scan;

pub mod revoke;

pub mod replay;

use crate::device::{Device, DeviceError, Durability};
use crate::disk::error::FormatError;
use crate::journal::circular::{Circular, LogBlock};
use crate::journal::location::JournalLocation;
use crate::journal::steps::JournalSteps;
use crate::journal::superblock::JournalSuperblock;
use crate::units::{BLOCK_SIZE, Block, Pblk, Tid};

/// Why a journal could not be recovered. The log is as it was, so recovery can be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// The device failed.
    #[error("journal recovery: {0}")]
    Device(#[from] DeviceError),
    /// The journal's superblock is not valid.
    #[error("journal recovery: {0}")]
    Format(#[from] FormatError),
    /// A committed transaction holds a copy that does not match its checksum. A power cut can not
    /// cause that: the copies were durable before the commit block was written.
    #[error("journal recovery: transaction {tid}: the copy of block {home} is damaged")]
    DamagedCopy {
        /// The transaction.
        tid: Tid,
        /// The block's home.
        home: Pblk,
    },
    /// A committed transaction holds a copy of a block that no transaction may change: one beyond
    /// the device or one of the journal itself.
    #[error("journal recovery: transaction {tid}: block {home} is not a home location")]
    NotAHome {
        /// The transaction.
        tid: Tid,
        /// The block named.
        home: Pblk,
    },
}

/// What recovery did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// How many committed transactions the log held.
    pub transactions: u32,
    /// The last of them, if there was one.
    pub last: Option<Tid>,
    /// How many blocks were written to their homes.
    pub blocks_replayed: u32,
    /// How many copies were passed over because their block was revoked.
    pub copies_revoked: u32,
    /// How many blocks are revoked by the transactions in the log.
    pub blocks_revoked: u32,
}

/// The journal as recovery reads it.
pub(super) struct LogReader<'a, D> {
    pub(super) device: &'a D,
    pub(super) location: &'a JournalLocation,
    pub(super) circular: Circular,
}

impl<D: Device> LogReader<'_, D> {
    pub(super) fn read(&self, at: LogBlock) -> Result<Block, DeviceError> {
        let mut block = [0; BLOCK_SIZE];
        self.device.read(self.location.pblk(at), &mut block)?;
        Ok(block)
    }
}

/// Recovers the journal at `location`. A clean journal is left as it is.
///
/// A transaction at the log's end whose commit block is missing or torn did not happen; that is no
/// error.
///
/// # Errors
/// [`RecoveryError`].
///
/// # Crash
/// See the module: whatever survives, a second recovery gives the same file system.
pub fn recover<D: Device>(
    device: &D,
    location: &JournalLocation,
) -> Result<Recovered, RecoveryError> {
    recover_with_steps(device, location, &JournalSteps::correct())
}

/// As [`recover`], with other steps.
///
/// # Errors
/// [`RecoveryError`].
pub fn recover_with_steps<D: Device>(
    device: &D,
    location: &JournalLocation,
    steps: &JournalSteps<D>,
) -> Result<Recovered, RecoveryError> {
    let (superblock, image) = read_superblock(device, location)?;
    let mut recovered = Recovered {
        transactions: 0,
        last: None,
        blocks_replayed: 0,
        copies_revoked: 0,
        blocks_revoked: 0,
    };
    if superblock.start == 0 {
        return Ok(recovered);
    }
    let reader = LogReader {
        device,
        location,
        circular: Circular::new(superblock.first, superblock.maxlen),
    };
    let scan = scan::scan(&reader, &superblock)?;
    let revoked = revoke::collect(&scan);
    recovered.transactions = scan.transactions.len() as u32;
    recovered.last = scan.transactions.last().map(|transaction| transaction.tid);
    recovered.blocks_revoked = revoked.blocks() as u32;
    let plan = replay::plan(&reader, &scan, &revoked, steps)?;
    recovered.copies_revoked = plan.copies_revoked;
    recovered.blocks_replayed = replay::write_homes(&reader, &plan, superblock.seed())?;
    let mut reset = Reset {
        device,
        at: location.superblock(),
        superblock,
        image,
        end: scan.end,
    };
    (steps.finish_recovery)(&mut reset)?;
    Ok(recovered)
}

/// The error with which the journal at `location` has been aborted, 0 being none.
///
/// # Errors
/// [`RecoveryError`].
pub fn recorded_error<D: Device>(
    device: &D,
    location: &JournalLocation,
) -> Result<Option<i32>, RecoveryError> {
    let (superblock, _) = read_superblock(device, location)?;
    Ok((superblock.errno != 0).then_some(superblock.errno))
}

/// Forgets that the journal has been aborted. Whoever does so has noted it elsewhere.
///
/// # Errors
/// [`RecoveryError`].
///
/// # Crash
/// The note elsewhere must be durable before.
pub fn clear_recorded_error<D: Device>(
    device: &D,
    location: &JournalLocation,
) -> Result<(), RecoveryError> {
    let (mut superblock, mut image) = read_superblock(device, location)?;
    superblock.errno = 0;
    superblock.encode_into(&mut image);
    Ok(device.write(location.superblock(), &image, Durability::Fua)?)
}

fn read_superblock<D: Device>(
    device: &D,
    location: &JournalLocation,
) -> Result<(JournalSuperblock, Block), RecoveryError> {
    let at = location.superblock();
    let mut image = [0; BLOCK_SIZE];
    device.read(at, &mut image)?;
    let superblock = JournalSuperblock::decode(&image, at, location.blocks())?;
    Ok((superblock, image))
}

/// The last part of recovery: making the replayed blocks durable and marking the log empty.
pub struct Reset<'a, D> {
    device: &'a D,
    at: Pblk,
    superblock: JournalSuperblock,
    image: Block,
    end: Tid,
}

impl<D: Device> Reset<'_, D> {
    /// Makes the replayed blocks durable.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn flush_homes(&mut self) -> Result<(), DeviceError> {
        self.device.flush()
    }

    /// Marks the log empty. The number of the first transaction that was not found is skipped, so
    /// that what is left of it can never be taken for a part of its successor.
    ///
    /// # Errors
    /// [`DeviceError`].
    ///
    /// # Crash
    /// The log holds nothing any more once this is durable.
    pub fn mark_empty(&mut self) -> Result<(), DeviceError> {
        self.superblock.sequence = self.end.next();
        self.superblock.start = 0;
        self.superblock.encode_into(&mut self.image);
        self.device.write(self.at, &self.image, Durability::Fua)
    }
}

/// Flushes, then marks the log empty.
///
/// # Errors
/// [`DeviceError`]; then the log is as it was, and the replayed blocks may or may not be durable.
pub fn finish_recovery<D: Device>(reset: &mut Reset<'_, D>) -> Result<(), DeviceError> {
    reset.flush_homes()?;
    reset.mark_empty()
}
