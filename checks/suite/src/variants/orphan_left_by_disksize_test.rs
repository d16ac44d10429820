//! # Source
//! The thread on moving ext4 direct I/O to iomap (2019), with the full timeline by its reviewer;
//! catalogue entry D34.
//!
//! # Breaks
//! I17: a file with a name stays on the orphan list.
//!
//! The end of the I/O tells by the size on disk whether the write extended the file. Writeback of a
//! later block has raised that size meanwhile, and nobody looks again.

use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;

/// Takes the file off the orphan list only where the end of the I/O extended it.
pub enum OrphanLeftByDisksizeTest {}

impl JournalSteps for OrphanLeftByDisksizeTest {}

impl Protocol for OrphanLeftByDisksizeTest {
    fn inode_extension_cleanup<D: Device>(
        _: &Filesystem<D, Self>,
        _: &Inode,
        _: bool,
    ) -> Result<(), FsError> {
        Ok(())
    }
}
