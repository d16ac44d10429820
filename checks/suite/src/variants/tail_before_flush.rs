//! # Source
//! "jbd2: flush filesystem device before updating tail sequence". Catalogue entry D68.
//!
//! # Breaks
//! I20: what the log held is neither there nor in its home.
//!
//! The tail of the log moves past blocks whose homes lie in the volatile cache.

use super::extfs::device::{Device, DeviceError};
use super::extfs::journal::JournalSteps;
use super::extfs::journal::checkpoint::Checkpoint;
use super::extfs::protocol::Protocol;

/// Moves the tail first.
pub enum TailBeforeFlush {}

impl JournalSteps for TailBeforeFlush {
    fn advance_tail<D: Device>(checkpoint: &mut Checkpoint<'_, D>) -> Result<(), DeviceError> {
        checkpoint.write_tail()?;
        checkpoint.flush_home()
    }
}

impl Protocol for TailBeforeFlush {}
