//! The blocks of the log as they lie on disk: descriptor, revoke and commit blocks, each with a
//! decoder that trusts nothing and an encoder. The journal's superblock has a file of its own,
//! [`crate::journal::superblock`].
//!
//! All numbers are big-endian. Every control block begins with a [`Header`] and carries a checksum
//! that is seeded with the journal's UUID, so blocks left over from another journal do not verify.
//!
//! **Invariant:** no bytes make a decoder panic. A decoder that refuses a block says why; to
//! recovery every refusal means the same, that the log ends before this block.
//!
//! # Source
//! linux v7.0 include/linux/jbd2.h: `journal_header_t`, `journal_block_tag3_t`,
//! `jbd2_journal_block_tail`, `struct commit_header`, `jbd2_journal_revoke_header_t`.

pub mod header;

pub mod descriptor;

pub mod escape;

pub mod revoke_block;

pub mod commit_record;

pub use commit_record::CommitRecord;
pub use descriptor::Tag;
pub use header::{BlockType, Header};

use crate::units::BLOCK_SIZE;

/// Where the checksum of descriptor and revoke blocks lies: in the last 4 bytes.
const TAIL: usize = BLOCK_SIZE - 4;

/// Why a block of the log is not the control block it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogBlockError {
    /// It does not begin with the journal's magic number and a known block type.
    #[error("not a control block")]
    Header,
    /// It is a control block of another type.
    #[error("block type is {found:?}, not {expected:?}")]
    Type {
        /// What it should be.
        expected: BlockType,
        /// What it is.
        found: BlockType,
    },
    /// The checksum does not match: the block is torn, damaged or of another journal.
    #[error("checksum is {stored:#010x}, but the content gives {computed:#010x}")]
    Checksum {
        /// What is stored.
        stored: u32,
        /// What the content gives.
        computed: u32,
    },
    /// The length that the block states does not fit the block.
    #[error("length {length} is not possible")]
    Length {
        /// The length stated, in bytes.
        length: u32,
    },
}

/// Compares a stored checksum with the one that the content gives.
fn verify(stored: u32, computed: u32) -> Result<(), LogBlockError> {
    if stored == computed {
        return Ok(());
    }
    Err(LogBlockError::Checksum { stored, computed })
}
