//! # Source
//! "iomap: buffered write failure should not truncate the page cache" and the series around it.
//! Catalogue entry D29.
//!
//! # Breaks
//! I5: a block beyond the end stays delayed over nothing.
//!
//! The scan of the page cache ends at the end of the file, and so does the punch.

use super::extfs::delalloc;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Looks no further than the file reaches.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.delalloc_clean_ranges = |inode, blocks| {
        let end = Lblk::round_up(inode.size.get());
        delalloc::clean_ranges(inode, blocks.start.min(end)..blocks.end.min(end))
    };
}
