//! # Source
//! Constructed from jbd2's commit, "Jflush". Catalogue entry D67.
//!
//! # Breaks
//! mount: recovery finds a commit block without the blocks that it vouches for.
//!
//! The commit block is durable, the blocks that it vouches for lie in the volatile cache.

use super::extfs::device::{Device, DeviceError};
use super::extfs::journal::JournalSteps;
use super::extfs::journal::commit::Commit;
use super::extfs::protocol::Protocol;

/// Does not flush before the commit block.
pub enum CommitWithoutPreflush {}

impl JournalSteps for CommitWithoutPreflush {
    fn preflush<D: Device>(_: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Protocol for CommitWithoutPreflush {}
