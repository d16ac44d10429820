//! # Source
//! The review of the buffered-write patches of the ext4-on-iomap series: `IOMAP_F_NEW`. Catalogue
//! entry D18.
//!
//! # Breaks
//! I5: the writer does not know that the blocks are its own to take back.
//!
//! Blocks that this call has reserved are not marked new, so the punch is dead code.

use super::extfs::delalloc::{self, Iomap};
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Reserves without saying so.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.buffered_write_begin = |fs, inode, range| {
        let iomap = delalloc::write_begin(fs, inode, range)?;
        Ok(Iomap {
            is_new: false,
            ..iomap
        })
    };
}
