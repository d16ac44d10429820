//! # Source
//! The review of ext4's direct I/O on iomap: a hole of a block-mapped file. Catalogue entry D44.
//!
//! # Breaks
//! I22: a power cut exposes what an earlier owner left in the block.
//!
//! A hole inside the file is filled with a written block before its data is there, and no orphan
//! record hides it.

use super::extfs::allocate::Kind;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Makes every new block written.
pub enum HoleFilledAsWritten {}

impl JournalSteps for HoleFilledAsWritten {}

impl Protocol for HoleFilledAsWritten {
    fn dio_kind_of_new_blocks(_: &Inode, _: Lblk) -> Kind {
        Kind::Written
    }
}
