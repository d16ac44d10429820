//! # Source
//! Constructed from linux mm/filemap.c `__filemap_get_folio`, which looks again, under the folio's
//! lock, whether the folio is in the mapping still. Section B.1 of the catalogue.
//!
//! # Breaks
//! I21: what was written is not there.
//!
//! Reclaim has dropped the folio between the look-up and the lock.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Writes into whatever has been looked up.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.write_folio_is_attached = |_| true;
}
