//! # Source
//! fs/xfs/xfs_aops.c `xfs_imap_valid` compares the range *and* the sequence number; the
//! ext4-on-iomap series checks both too. Catalogue entry D2.
//!
//! # Breaks
//! I8: the second block, written anew after the truncate, goes where the old second block was.
//!
//! The cached mapping is judged by its range only.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Trusts a cached mapping as far as it reaches.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.writeback_map_is_valid = |_, mapping, _, lblk| mapping.contains(lblk);
}
