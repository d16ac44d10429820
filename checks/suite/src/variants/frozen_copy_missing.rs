//! # Source
//! Constructed from jbd2's get-write-access. Catalogue entry D77.
//!
//! # Breaks
//! I22: the log holds a copy from the middle of a later update.
//!
//! A handle of the next transaction changes a buffer between its checksum and its copy in the log.

use super::extfs::journal::JournalSteps;
use super::extfs::journal::commit::Captured;
use super::extfs::protocol::Protocol;
use super::extfs::rt::sync::Arc;
use super::extfs::units::Block;

/// Logs a buffer as it is now.
pub enum FrozenCopyMissing {}

impl JournalSteps for FrozenCopyMissing {
    fn frozen_image(captured: &Captured) -> Arc<Block> {
        captured.buffer.snapshot()
    }
}

impl Protocol for FrozenCopyMissing {}
