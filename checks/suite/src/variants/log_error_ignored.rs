//! # Source
//! Constructed from linux fs/jbd2/commit.c, which aborts the journal when a block of the log could
//! not be written. Section B.10 of the catalogue.
//!
//! # Breaks
//! I20: what fsync has promised is lost with the block. And I24: the journal goes on.
//!
//! A block of the log could not be written, and the commit block vouches for it.

use super::extfs::device::Device;
use super::extfs::journal::commit;
use super::extfs::protocol::Protocol;

/// Waits for the log blocks, and does not ask how that went.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.wait_log = |commit| {
        let _ = commit::wait_log(commit);
        Ok(())
    };
}
