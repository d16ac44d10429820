//! # Source
//! v3 of the direct-I/O series: an overwrite went down to the shared lock before it was known
//! whether it extends. Catalogue entry D45.
//!
//! # Breaks
//! I35: an orphan record is made without `i_rwsem` held exclusively.
//!
//! The lock is chosen without regard to extending.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Shares the lock as soon as it sees an overwrite.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_needs_exclusive = |checks| !checks.overwrites || checks.unaligned;
}
