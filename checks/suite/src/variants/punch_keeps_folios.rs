//! # Source
//! The protocol of a hole punch: the page cache goes before the extents.
//!
//! # Breaks
//! I21: what was punched can still be read.
//!
//! The extents are removed from under folios that nobody has dropped.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Leaves the page cache as it is.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.truncate_pagecache_range = |_, _, _| {};
}
