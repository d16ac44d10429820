//! # Source
//! linux v6.17 "ext4: fix stale data if it bail out of the extents mapping loop". Catalogue entry
//! D11.
//!
//! # Breaks
//! I22: a power cut after the forced commit shows what an earlier owner left in the blocks.
//!
//! When mapping fails midway, writeback stops its handle, whose transaction has the blocks that
//! could be mapped, and submits none of their data. The commit finds nothing to wait for.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Leaves the loop without submitting.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.submits_partial_folio = |_, _| false;
}
