//! # Source
//! xfstests on mapped stores at and beyond the end; linux mm/truncate.c `pagecache_isize_extended`.
//! Section B.5 of the catalogue.
//!
//! # Breaks
//! I21: what was stored beyond the end has become content.
//!
//! The page is write-protected, but what a program has left in it beyond the old end stays.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Protects, and zeroes nothing.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.pagecache_isize_extended = |inode, from, _| {
        let next = Lblk::round_up(from);
        if let Some(folio) = inode.cache.next(next..Lblk(next.0 + 1)) {
            folio.lock().write_protect();
        }
    };
}
