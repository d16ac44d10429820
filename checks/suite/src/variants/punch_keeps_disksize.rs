//! # Source
//! "ext4: increase i_disksize to offset + len in ext4_update_disksize_before_punch". Catalogue
//! entry D57.
//!
//! # Breaks
//! I10: nothing is dirty, and the size on disk is not the size.
//!
//! The folio whose I/O would have raised the size on disk is dropped, and nobody else raises it.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Leaves the size on disk to writeback.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.update_disksize_before_punch = |_, _, _| Ok(());
}
