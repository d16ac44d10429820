//! # Source
//! Constructed from jbd2's commit, "Jflush". Catalogue entry D67.
//!
//! # Breaks
//! mount: recovery finds a commit block without the blocks that it vouches for.
//!
//! The commit block is durable, the blocks that it vouches for lie in the volatile cache.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Does not flush before the commit block.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.preflush = |_| Ok(());
}
