//! # Source
//! The punch-against-fault thread: the punch must skip what is dirty. Catalogue entry D16, the half
//! that spares the cache and not the mapping.
//!
//! # Breaks
//! I6: the store's data lies over a hole.
//!
//! The page cache is not looked at before the punch.

use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Takes every block for clean.
pub enum PunchDirtyBlind {}

impl JournalSteps for PunchDirtyBlind {}

impl Protocol for PunchDirtyBlind {
    fn delalloc_clean_ranges(_: &Inode, blocks: Range<Lblk>) -> Vec<Range<Lblk>> {
        vec![blocks]
    }
}
