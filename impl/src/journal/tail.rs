//! The log's tail, as the journal's superblock on disk has it: where recovery begins to read.
//!
//! # Source
//! linux v7.0 fs/jbd2/journal.c `jbd2_journal_update_sb_log_tail`, `jbd2_mark_journal_empty`.

use crate::device::{Device, DeviceError, Durability};
use crate::journal::circular::LogBlock;
use crate::journal::log::Log;
use crate::journal::superblock::JournalSuperblock;
use crate::units::{Block, Tid};

/// The journal's superblock, kept to be written again with another tail.
#[derive(Debug)]
pub struct LogTail {
    superblock: JournalSuperblock,
    /// The block as it is on disk, with the fields that the type does not model.
    image: Block,
}

impl LogTail {
    /// The tail that this superblock holds.
    pub fn new(superblock: JournalSuperblock, image: Block) -> LogTail {
        LogTail { superblock, image }
    }

    /// Whether recovery would find the log empty without reading it.
    pub fn is_empty(&self) -> bool {
        self.superblock.start == 0
    }

    /// Lets recovery begin with transaction `tid` at block `start`.
    ///
    /// # Errors
    /// [`DeviceError`]; then recovery may begin at either tail.
    ///
    /// # Crash
    /// All that changes lies in the block's first sector, so it has the old tail or the new one.
    pub fn move_to<D: Device>(
        &mut self,
        log: &Log<D>,
        tid: Tid,
        start: LogBlock,
    ) -> Result<(), DeviceError> {
        self.write(log, tid, start.0)
    }

    /// Says that the log is empty and that the next transaction is `tid`.
    ///
    /// # Errors
    /// [`DeviceError`]; then recovery may begin at either tail.
    ///
    /// # Crash
    /// As [`LogTail::move_to`].
    pub fn mark_empty<D: Device>(&mut self, log: &Log<D>, tid: Tid) -> Result<(), DeviceError> {
        self.write(log, tid, 0)
    }

    /// Notes that the journal has been aborted with error `errno`. The tail stays.
    ///
    /// # Errors
    /// [`DeviceError`]; then it is not known whether it is noted.
    pub fn record_errno<D: Device>(&mut self, log: &Log<D>, errno: i32) -> Result<(), DeviceError> {
        self.superblock.errno = errno;
        self.write(log, self.superblock.sequence, self.superblock.start)
    }

    fn write<D: Device>(
        &mut self,
        log: &Log<D>,
        sequence: Tid,
        start: u32,
    ) -> Result<(), DeviceError> {
        self.superblock.sequence = sequence;
        self.superblock.start = start;
        self.superblock.encode_into(&mut self.image);
        let at = log.location.superblock();
        log.device.write(at, &self.image, Durability::Fua)
    }
}
