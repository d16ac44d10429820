//! # Source
//! linux fs/ext4/inode.c `ext4_da_should_update_i_disksize`: where the last block is mapped
//! already, nobody else raises the size. Of the family of catalogue entry D38.
//!
//! # Breaks
//! I10: nothing is dirty, and the size on disk is not the size.
//!
//! An append within a block that has been allocated leaves the size to an allocation that never
//! comes.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Never raises the size with a write.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.da_should_update_i_disksize = |_, _| false;
}
