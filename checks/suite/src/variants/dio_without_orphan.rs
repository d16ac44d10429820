//! # Source
//! The direct-I/O thread: the reviewers insist that the record comes before blocks and sizes.
//! Catalogue entry D33, with the record not only late but missing.
//!
//! # Breaks
//! I14: a crash after the allocation leaves written blocks past the end.
//!
//! The file is not put on the orphan list before blocks beyond its end are allocated.

use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;

/// Extends a file without an orphan record.
pub enum DioWithoutOrphan {}

impl JournalSteps for DioWithoutOrphan {}

impl Protocol for DioWithoutOrphan {
    fn dio_orphan_add<D: Device>(_: &Filesystem<D, Self>, _: &Inode) -> Result<(), FsError> {
        Ok(())
    }
}
