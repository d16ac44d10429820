//! # Source
//! The RFC on the delalloc punch: a short write leaves written blocks behind, where the truncate of
//! the failed write would free them. Catalogue entry D30, in the design that allocates with the
//! write.
//!
//! # Breaks
//! I17: the blocks beyond the end stay, and with them the record that would have freed them.
//!
//! After a copy that failed beyond the end nothing is cut off.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Leaves what a failed write has allocated.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.truncate_failed_write = |_, _| Ok(());
}
