//! # Source
//! The two ways to order data, of which one promises that the caller has submitted it. Catalogue
//! entry D66: "or add_wait used though nobody submitted".
//!
//! # Breaks
//! I22: a crash after the commit shows what the new block held before.
//!
//! The commit is told to wait for data which is dirty in the cache, and which it would have to
//! write.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::writeback::buffer_head;

/// Asks the commit to wait where it must write.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.inode_add_write = buffer_head::inode_add_wait;
}
