//! # Source
//! The review of v4 of the direct-I/O series: "blocks beyond EOF will be reused by buffered I/O"
//! was withdrawn for this. Catalogue entry D37.
//!
//! # Breaks
//! I14: a crash before the buffered rest leaves a written block past the end, off the orphan list.
//!
//! A short write counts as whole, so nothing is freed, and the file leaves the orphan list.

use super::extfs::device::Device;
use super::extfs::direct;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;

/// Leaves what a short direct write has mapped to the buffered rest.
pub enum ShortDioKeepsBlocks {}

impl JournalSteps for ShortDioKeepsBlocks {}

impl Protocol for ShortDioKeepsBlocks {
    fn inode_extension_cleanup<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        _: bool,
    ) -> Result<(), FsError> {
        direct::extension::cleanup(fs, inode, true)
    }
}
