//! # Source
//! The review of the buffered-write patches of the ext4-on-iomap series: `IOMAP_F_NEW`. Catalogue
//! entry D18.
//!
//! # Breaks
//! I5: the writer does not know that the blocks are its own to take back.
//!
//! Blocks that this call has reserved are not marked new, so the punch is dead code.

use super::extfs::delalloc::{self, Iomap};
use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Reserves without saying so.
pub enum NewFlagMissing {}

impl JournalSteps for NewFlagMissing {}

impl Protocol for NewFlagMissing {
    fn buffered_write_begin<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<Iomap, FsError> {
        let iomap = delalloc::write_begin(fs, inode, range)?;
        Ok(Iomap {
            is_new: false,
            ..iomap
        })
    }
}
