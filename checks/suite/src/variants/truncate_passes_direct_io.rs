//! # Source
//! linux fs/ext4/inode.c `ext4_setattr`: direct I/O in flight is waited for before blocks go.
//! Section B.4 of the catalogue.
//!
//! # Breaks
//! I35: the direct write ends beyond the new end of the file, and raises the size without
//! `i_rwsem`.
//!
//! Blocks go, and the size with them, while a direct write to them is in flight.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Does not wait.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.inode_dio_wait = |_, _| {};
}
