//! # Source
//! "ext4: pass out extent seq counter when mapping da blocks". Catalogue entry D25.
//!
//! # Breaks
//! I8: a block is written where it is not mapped any more.
//!
//! The mapping comes from under i_data_sem, its cookie from after: a truncate between the two makes
//! a stale mapping look current.

use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::extent::Mapping;
use super::extfs::extent::status::Cookie;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use super::extfs::writeback;
use std::ops::Range;

/// Reads the sequence number outside the critical section.
pub enum CookieTakenLate {}

impl JournalSteps for CookieTakenLate {}

impl Protocol for CookieTakenLate {
    fn map_one_extent<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<(Mapping, Cookie), FsError> {
        let (mapping, _) = writeback::map_one_extent(fs, inode, range)?;
        let (_, cookie) = inode.query(mapping.start);
        Ok((mapping, cookie))
    }
}
