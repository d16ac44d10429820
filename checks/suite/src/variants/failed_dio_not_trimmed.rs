//! # Source
//! The direct-I/O thread: an error of the conversion returned before the truncate. Catalogue entry
//! D42.
//!
//! # Breaks
//! I17: what was mapped and not written stays, and so does the orphan record.
//!
//! A write that was not whole is not cleaned up after. What makes it so here is a short copy.

use super::extfs::device::Device;
use super::extfs::direct;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;

/// Returns early where the direct write did not end well.
pub enum FailedDioNotTrimmed {}

impl JournalSteps for FailedDioNotTrimmed {}

impl Protocol for FailedDioNotTrimmed {
    fn inode_extension_cleanup<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        is_whole: bool,
    ) -> Result<(), FsError> {
        if !is_whole {
            return Ok(());
        }
        direct::extension::cleanup(fs, inode, is_whole)
    }
}
