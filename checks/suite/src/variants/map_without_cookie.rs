//! # Source
//! fs/xfs/xfs_aops.c `xfs_imap_valid` compares the range *and* the sequence number; the
//! ext4-on-iomap series checks both too. Catalogue entry D2.
//!
//! # Breaks
//! I8: the second block, written anew after the truncate, goes where the old second block was.
//!
//! The cached mapping is judged by its range only.

use super::extfs::extent::{Mapping, status::Cookie};
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Trusts a cached mapping as far as it reaches.
pub enum MapWithoutCookie {}

impl JournalSteps for MapWithoutCookie {}

impl Protocol for MapWithoutCookie {
    fn writeback_map_is_valid(_: &Inode, mapping: &Mapping, _: Cookie, lblk: Lblk) -> bool {
        mapping.contains(lblk)
    }
}
