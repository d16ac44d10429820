//! # Source
//! The protocol of a hole punch: the page cache goes before the extents.
//!
//! # Breaks
//! I21: what was punched can still be read.
//!
//! The extents are removed from under folios that nobody has dropped.

use super::extfs::device::Device;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Leaves the page cache as it is.
pub enum PunchKeepsFolios {}

impl JournalSteps for PunchKeepsFolios {}

impl Protocol for PunchKeepsFolios {
    fn truncate_pagecache_range<D: Device>(_: &Filesystem<D, Self>, _: &Inode, _: Range<Lblk>) {}
}
