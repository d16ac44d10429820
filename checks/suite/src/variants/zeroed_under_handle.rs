//! # Source
//! "ext4: don't zero partial block under an active handle when truncating down". Catalogue entry
//! D91.
//!
//! # Breaks
//! I34: writeback starts a handle under a folio lock, this locks a folio under a handle.
//!
//! The partial blocks of a hole are zeroed in the transaction that punches it.

use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::zero_partial;
use std::ops::Range;

/// Zeroes with a handle open.
pub enum ZeroedUnderHandle {}

impl JournalSteps for ZeroedUnderHandle {}

impl Protocol for ZeroedUnderHandle {
    fn zero_partial_blocks<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<u64>,
    ) -> Result<(), FsError> {
        let _handle = fs.start_handle(1)?;
        zero_partial::zero_partial_blocks(fs, inode, range)
    }
}
