//! # Source
//! linux mm/page-writeback.c `folio_clear_dirty_for_io`, which write-protects the page. Of the
//! family of catalogue entry D9.
//!
//! # Breaks
//! I20: a store after writeback is never written.
//!
//! Writeback takes a page and leaves it writable, so the next store makes nothing dirty.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Clears dirty without write-protecting.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.clear_dirty_for_io = |guard| guard.clear_dirty();
}
