//! # Source
//! "jbd2: flush filesystem device before updating tail sequence". Catalogue entry D68.
//!
//! # Breaks
//! I20: what the log held is neither there nor in its home.
//!
//! The tail of the log moves past blocks whose homes lie in the volatile cache.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Moves the tail first.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.advance_tail = |checkpoint| {
        checkpoint.write_tail()?;
        checkpoint.flush_home()
    };
}
