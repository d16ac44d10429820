//! # Source
//! Constructed from jbd2's get-write-access. Catalogue entry D77.
//!
//! # Breaks
//! I22: the log holds a copy from the middle of a later update.
//!
//! A handle of the next transaction changes a buffer between its checksum and its copy in the log.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Logs a buffer as it is now.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.frozen_image = |captured| captured.buffer.snapshot();
}
