//! # Source
//! linux include/linux/pagemap.h `folio_mkwrite_check_truncate`: the page may have left the file
//! before the fault locked it. Section B.2 of the catalogue.
//!
//! # Breaks
//! I5: the blocks are reserved, and what would write them has left the file.
//!
//! The fault prepares a page that reclaim has taken from the file.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Takes any page.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.mkwrite_is_valid = |_| true;
}
