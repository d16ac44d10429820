//! # Source
//! linux mm/truncate.c `pagecache_isize_extended`: the page that holds the old end is
//! write-protected when the end moves. Section B.5 of the catalogue.
//!
//! # Breaks
//! I20: a store to the new block is never written.
//!
//! The page stays writable, though its second block has no space and nothing will make it dirty.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Zeroes, and protects nothing.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.pagecache_isize_extended = |inode, from, to| {
        let next = Lblk::round_up(from);
        if let Some(folio) = inode.cache.next(next..Lblk(next.0 + 1)) {
            folio.lock().zero_bytes(from..to);
        }
    };
}
