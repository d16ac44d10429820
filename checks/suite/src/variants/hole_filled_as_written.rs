//! # Source
//! The review of ext4's direct I/O on iomap: a hole of a block-mapped file. Catalogue entry D44.
//!
//! # Breaks
//! I22: a power cut exposes what an earlier owner left in the block.
//!
//! A hole inside the file is filled with a written block before its data is there, and no orphan
//! record hides it.

use super::extfs::allocate::Kind;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Makes every new block written.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_kind_of_new_blocks = |_, _| Kind::Written;
}
