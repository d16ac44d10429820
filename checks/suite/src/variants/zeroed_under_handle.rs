//! # Source
//! "ext4: don't zero partial block under an active handle when truncating down". Catalogue entry
//! D91.
//!
//! # Breaks
//! I34: writeback starts a handle under a folio lock, this locks a folio under a handle.
//!
//! The partial blocks of a hole are zeroed in the transaction that punches it.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::zero_partial;

/// Zeroes with a handle open.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.zero_partial_blocks = |fs, inode, range| {
        let _handle = fs.start_handle(1)?;
        zero_partial::zero_partial_blocks(fs, inode, range)
    };
}
