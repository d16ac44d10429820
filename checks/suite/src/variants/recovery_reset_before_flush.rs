//! # Source
//! "jbd2: fix potential data lost in recovering journal raced with synchronizing fs bdev".
//! Catalogue entry D78.
//!
//! # Breaks
//! I15, first of all: what the log held is neither there nor in its home after a second power cut.
//!
//! Recovery marks the log empty while what it has replayed lies in the volatile cache.

use super::extfs::device::{Device, DeviceError};
use super::extfs::journal::JournalSteps;
use super::extfs::journal::recovery::Reset;
use super::extfs::protocol::Protocol;

/// Empties the log first.
pub enum RecoveryResetBeforeFlush {}

impl JournalSteps for RecoveryResetBeforeFlush {
    fn finish_recovery<D: Device>(reset: &mut Reset<'_, D>) -> Result<(), DeviceError> {
        reset.mark_empty()?;
        reset.flush_homes()
    }
}

impl Protocol for RecoveryResetBeforeFlush {}
