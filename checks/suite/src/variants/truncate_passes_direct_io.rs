//! # Source
//! linux fs/ext4/inode.c `ext4_setattr`: direct I/O in flight is waited for before blocks go.
//! Section B.4 of the catalogue.
//!
//! # Breaks
//! I22: a crash shows what a block held before, as content.
//!
//! The direct write that ends after the truncate marks blocks written that have been allocated
//! anew.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Does not wait.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.inode_dio_wait = |_, _| {};
}
