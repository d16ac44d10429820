//! # Source
//! Constructed from jbd2's recovery, its REVOKE pass. Catalogue entry D73.
//!
//! # Breaks
//! I22: recovery replays an old leaf over data that has been written.
//!
//! The log says that the block was revoked, and recovery does not ask.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Replays every copy.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.is_revoked = |_, _, _| false;
}
