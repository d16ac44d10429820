//! # Source
//! "iomap: buffered write failure should not truncate the page cache"; the punch-against-fault
//! thread. Catalogue entry D16.
//!
//! # Breaks
//! I21: what the program had stored is gone.
//!
//! The page cache is truncated before the punch, dirty or not.

use super::extfs::delalloc;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::truncate;

/// Drops the folios first.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.write_delalloc_release = |fs, inode, blocks| {
        let _invalidate = inode.invalidate_lock.write();
        truncate::truncate_pagecache_range(fs, inode, blocks.clone());
        delalloc::scan_and_punch(fs, inode, blocks);
    };
}
