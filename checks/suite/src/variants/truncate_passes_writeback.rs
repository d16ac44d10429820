//! # Source
//! The ext4-on-iomap series v4 09/23: truncate waits for writeback, so conversion never meets freed
//! blocks.
//!
//! # Breaks
//! I23: a size that covers blocks which were freed under their I/O.
//!
//! Folios leave the file while their I/O is in flight, and their blocks are freed under it.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Drops folios under writeback.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.truncate_pagecache_range = |_, inode, blocks| {
        for folio in inode.cache.lookup(blocks) {
            let mut guard = folio.lock();
            if guard.is_attached() {
                inode.cache.detach(&mut guard);
            }
        }
    };
}
