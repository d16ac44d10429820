//! # Source
//! linux fs/ext4/inode.c `ext4_da_should_update_i_disksize`: not where the last block is delayed or
//! unwritten. Catalogue entry D7, in the buffer_head design.
//!
//! # Breaks
//! I23: a crash shows zeroes below the size.
//!
//! The write raises the size on disk at once, over a block that has not been allocated.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Raises the size with every write.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.da_should_update_i_disksize = |_, _| true;
}
