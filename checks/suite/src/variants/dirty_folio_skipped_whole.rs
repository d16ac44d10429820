//! # Source
//! linux v7.0 fs/iomap/buffered-io.c `iomap_write_delalloc_ifs_punch` looks at each block.
//! Catalogue entry D27.
//!
//! # Breaks
//! I5: a clean block of a dirty folio stays delayed.
//!
//! A folio with a dirty block is passed over as a whole.

use super::extfs::delalloc;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Spares a folio for one dirty block.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.delalloc_clean_ranges = |inode, blocks| {
        let mut clean = Vec::new();
        for range in delalloc::clean_ranges(inode, blocks) {
            let is_spared = |at: &u32| {
                let folio = inode.cache.next(Lblk(*at)..Lblk(at + 1));
                folio.is_some_and(|folio| folio.lock().has_dirty())
            };
            let punched = (range.start.0..range.end.0).filter(|at| !is_spared(at));
            clean.extend(punched.map(|at| Lblk(at)..Lblk(at + 1)));
        }
        clean
    };
}
