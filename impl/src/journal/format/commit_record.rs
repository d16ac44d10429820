//! The commit block: with it on the medium the transaction has happened, without it it has not.
//!
//! Everything in it that is not zero lies in the first 60 bytes, so a device that writes sectors
//! whole tears it only if the block held other bytes before.
//!
//! # Source
//! linux v7.0 fs/jbd2/commit.c `journal_submit_commit_record`, `jbd2_commit_block_csum_set`.

use super::header::{BlockType, Header};
use super::{LogBlockError, verify};
use crate::disk::bytes::{be32, put_be32};
use crate::disk::checksum::JournalSeed;
use crate::units::{BLOCK_SIZE, Block, Tid};

const CHECKSUM: usize = 16;
const SECONDS: usize = 48;

/// What a commit block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// The transaction that it ends.
    pub tid: Tid,
    /// When it was committed, in seconds since 1970. Recovery does not consult it; who writes the
    /// record says where the time comes from, because the journal reads no clock.
    pub seconds: u64,
}

impl CommitRecord {
    /// The commit block.
    pub fn encode(self, seed: JournalSeed) -> Block {
        let mut block = [0; BLOCK_SIZE];
        Header {
            block_type: BlockType::Commit,
            tid: self.tid,
        }
        .encode_into(&mut block);
        put_be32(&mut block, SECONDS, (self.seconds >> 32) as u32);
        put_be32(&mut block, SECONDS + 4, self.seconds as u32);
        let sum = seed.control_block(&block, CHECKSUM);
        put_be32(&mut block, CHECKSUM, sum);
        block
    }

    /// Reads a commit block.
    ///
    /// # Errors
    /// [`LogBlockError`] if it is not a commit block or its checksum does not match.
    pub fn decode(block: &Block, seed: JournalSeed) -> Result<CommitRecord, LogBlockError> {
        let tid = Header::expect(block, BlockType::Commit)?;
        verify(be32(block, CHECKSUM), seed.control_block(block, CHECKSUM))?;
        let high = u64::from(be32(block, SECONDS));
        Ok(CommitRecord {
            tid,
            seconds: high << 32 | u64::from(be32(block, SECONDS + 4)),
        })
    }
}
