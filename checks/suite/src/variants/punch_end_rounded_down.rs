//! # Source
//! The review of the first ext4-on-iomap patches: rounding the range. Catalogue entry D21, its
//! other end.
//!
//! # Breaks
//! I5: the last block stays delayed under a clean page.
//!
//! The end of the unused range is rounded down.

use super::extfs::delalloc;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Does not punch a last block that the write would have covered in part.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.unused_blocks = |range, written| {
        let blocks = delalloc::unused_blocks(range, written);
        blocks.start..Lblk::containing(range.end).max(blocks.start)
    };
}
