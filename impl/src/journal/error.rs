//! What can go wrong with a running journal.

use crate::device::DeviceError;
use crate::disk::error::FormatError;

/// Why the journal could not do as told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The journal was aborted, for the reason given, and stays so until it is opened again.
    #[error("the journal is aborted: {reason}")]
    Aborted {
        /// Why it was aborted.
        reason: String,
    },
    /// The device failed.
    #[error("journal: {0}")]
    Device(#[from] DeviceError),
    /// The journal's superblock is not valid.
    #[error("journal: {0}")]
    Format(#[from] FormatError),
    /// The log is not empty: it must be recovered first.
    #[error("the journal needs recovery")]
    NeedsRecovery,
    /// An earlier mount aborted the journal, so the file system must be checked first.
    #[error("the journal was aborted with error {errno}")]
    RecordedError {
        /// The error recorded in the journal's superblock.
        errno: i32,
    },
    /// The options ask for what the journal is too small for, or for a start outside the log.
    #[error("the log has {blocks} blocks from {first} on, which does not fit the options")]
    Options {
        /// The first block of the log.
        first: u32,
        /// The length of the log in blocks.
        blocks: u32,
    },
    /// A handle asks for more credits than a transaction may have.
    #[error("a handle of {credits} credits does not fit: a transaction has at most {max}")]
    TooLarge {
        /// The credits asked for, in blocks.
        credits: u32,
        /// The most that a handle can get, in blocks.
        max: u32,
    },
    /// A handle changes more blocks than it announced at its start.
    #[error("the handle's {credits} credits are used up")]
    OutOfCredits {
        /// The credits that it was started with, in blocks.
        credits: u32,
    },
}
