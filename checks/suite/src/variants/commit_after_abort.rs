//! # Source
//! linux fs/jbd2/commit.c, which looks for an abort before it writes the commit block: the option
//! `data_err=abort`. Section B.10 of the catalogue.
//!
//! # Breaks
//! I31: a commit block is written although the journal has been aborted.
//!
//! The commit under way when the journal is aborted goes on to its commit block.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Does not look.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.is_aborted = |_| false;
}
