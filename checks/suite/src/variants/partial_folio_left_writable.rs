//! # Source
//! "ext4: remove writable userspace mappings before truncating page cache". Catalogue entry D63.
//!
//! # Breaks
//! I6: a store has gone to a block that has no space.
//!
//! A page of which the punch takes a part stays writable, so the next store does not fault.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Protects nothing.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.protect_partial_folio = |_| {};
}
