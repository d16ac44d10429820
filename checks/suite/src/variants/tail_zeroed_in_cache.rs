//! # Source
//! The 2026 discussion of the end of file on iomap: without ordered data the zeroes must be on disk
//! before the size. Catalogue entry D61.
//!
//! # Breaks
//! I12: after a crash, what lay beyond the end on disk has become content.
//!
//! The end of the last block is zeroed in the cache only, and the larger size commits.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use super::extfs::zero_partial;

/// Zeroes and does not write.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.zero_eof = |fs, inode, size, _| {
        let end = Lblk::round_up(size).offset();
        zero_partial::zero_partial_blocks(fs, inode, size..end)
    };
}
