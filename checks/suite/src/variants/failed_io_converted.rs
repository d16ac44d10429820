//! # Source
//! "ext4: do not convert the unwritten extents if data writeback fails". Catalogue entry D5.
//!
//! # Breaks
//! I22: a crash shows what the block held before.
//!
//! The worker makes blocks part of the file that could not be written.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Converts whatever became of the I/O.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.end_io_converts = |_| true;
}
