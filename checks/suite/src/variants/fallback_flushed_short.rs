//! # Source
//! The direct-I/O thread, on the buffered rest: the end of the range to be written is one too
//! small. Catalogue entry D48.
//!
//! # Breaks
//! I37: the last block of the rest stays in the page cache.
//!
//! The range that is written and dropped ends before the last block.

use super::extfs::device::Device;
use super::extfs::direct;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Ends one block too early.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_flush_fallback = |fs, inode, blocks| {
        let end = Lblk(blocks.end.0 - 1);
        direct::write::flush_fallback(fs, inode, blocks.start..end)
    };
}
