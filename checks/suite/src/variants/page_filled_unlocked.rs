//! # Source
//! linux "mm: Fix race between hole punch and page cache read-ahead", 2021, which gave reads and
//! read faults the lock. Section B.2 of the catalogue.
//!
//! # Breaks
//! I21: what has been punched out is read again.
//!
//! The reader looks its block up between the emptying of the cache and the removal of the block.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Brings pages in without invalidate_lock.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.page_fill_lock = |_| None;
}
