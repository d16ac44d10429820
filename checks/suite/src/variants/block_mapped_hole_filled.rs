//! # Source
//! The review of ext4's direct I/O on iomap: a hole of a block-mapped file is to be written through
//! the page cache, `ENOTBLK`. Catalogue entry D44.
//!
//! # Breaks
//! I22: a power cut exposes what an earlier owner left in the block.
//!
//! A direct write fills a hole inside a file that knows no unwritten blocks.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Fills every hole.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_fills_hole = |_, _| true;
}
