//! # Source
//! The review of the first ext4-on-iomap patches: rounding the range. Catalogue entry D21, its
//! other end.
//!
//! # Breaks
//! I5: the last block stays delayed under a clean page.
//!
//! The end of the unused range is rounded down.

use super::extfs::delalloc;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Does not punch a last block that the write would have covered in part.
pub enum PunchEndRoundedDown {}

impl JournalSteps for PunchEndRoundedDown {}

impl Protocol for PunchEndRoundedDown {
    fn unused_blocks(range: &Range<u64>, written: usize) -> Range<Lblk> {
        let blocks = delalloc::unused_blocks(range, written);
        blocks.start..Lblk::containing(range.end).max(blocks.start)
    }
}
