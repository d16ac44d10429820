//! # Source
//! Constructed from jbd2's commit, step 10. Catalogue entry D67.
//!
//! # Breaks
//! mount: recovery finds a commit block without the blocks that it vouches for.
//!
//! The flush before the commit block reaches only what has completed, and nobody has waited for the
//! log blocks.

use super::extfs::device::{Device, DeviceError};
use super::extfs::journal::JournalSteps;
use super::extfs::journal::commit::Commit;
use super::extfs::protocol::Protocol;

/// Does not wait for the log blocks.
pub enum CommitBeforeLog {}

impl JournalSteps for CommitBeforeLog {
    fn wait_log<D: Device>(_: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Protocol for CommitBeforeLog {}
