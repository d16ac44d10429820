//! # Source
//! The review of v4 of the direct-I/O series: `end_io` is told the submitted size, and more may be
//! mapped. Catalogue entry D36.
//!
//! # Breaks
//! I14: the orphan record goes with the size; a crash before the trim leaves a written block past
//! the end.
//!
//! Whatever was submitted counts as the whole write.

use super::extfs::device::Device;
use super::extfs::direct;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;

/// Takes what was submitted for what was mapped.
pub enum EndIoJudgesBySubmitted {}

impl JournalSteps for EndIoJudgesBySubmitted {}

impl Protocol for EndIoJudgesBySubmitted {
    fn handle_inode_extension<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        end: u64,
        _is_whole: bool,
    ) -> Result<(), FsError> {
        direct::extension::handle_inode_extension(fs, inode, end, true)
    }
}
