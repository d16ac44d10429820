//! # Source
//! Constructed from jbd2's revoke. Catalogue entry D73.
//!
//! # Breaks
//! I20: recovery replays an old leaf over data that fsync promised.
//!
//! A block was journalled, freed and reused as data, and nothing in the log says so.

use super::extfs::device::{Device, DeviceError};
use super::extfs::journal::JournalSteps;
use super::extfs::journal::commit::Commit;
use super::extfs::protocol::Protocol;

/// Writes no revoke records.
pub enum RevokeNotWritten {}

impl JournalSteps for RevokeNotWritten {
    fn write_revoke_blocks<D: Device>(_: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Protocol for RevokeNotWritten {}
