//! # Source
//! The thread on ext4's writeback path on iomap: folio lock first, handle second. Catalogue entry
//! D90.
//!
//! # Breaks
//! deadlock: writeback waits for a handle under a folio lock, this for the folio lock with a handle
//! open, and a commit for the handle.
//!
//! The order of the buffer_head path, in a file that writeback treats in the other.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::truncate;

/// Drops the page cache with a handle open.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.truncate_pagecache_range = |fs, inode, blocks| {
        let handle = fs.start_handle(1).expect("the journal is not aborted");
        truncate::truncate_pagecache_range(fs, inode, blocks);
        handle.stop();
    };
}
