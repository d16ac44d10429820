//! # Source
//! "ext4: Mark buffer new if it is unwritten"; the flag that makes a write zero what it does not
//! cover. Catalogue entry D60.
//!
//! # Breaks
//! I21: the part of the block that was not written holds what an earlier owner left.
//!
//! A block that has just been allocated is reported as one that was there already.

use super::extfs::da_write;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Says of a new block that it is written.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.get_block = |fs, handle, inode, lblk| {
        let mut iomap = da_write::get_block(fs, handle, inode, lblk)?;
        iomap.mapping = inode.query(lblk).0;
        iomap.is_new = false;
        Ok(iomap)
    };
}
