//! # Source
//! linux until v6.14 fs/ext4/inode.c `ext4_punch_hole`, which wrote all dirty data out first:
//! section B.6 of the catalogue.
//!
//! # Breaks
//! I22: a crash shows, where the hole has not been committed yet, what the block held before.
//!
//! The punch drops a folio that a transaction has promised to write.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Drops folios without writing them out.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.write_out_ordered = |_, _, _| {};
}
