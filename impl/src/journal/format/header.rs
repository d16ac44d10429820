//! The first 12 bytes of every control block: magic number, block type, transaction.

use super::LogBlockError;
use crate::disk::bytes::{be32, put_be32};
use crate::journal::superblock::MAGIC;
use crate::units::{Block, Tid};

/// The length of a header in bytes.
pub(super) const LEN: usize = 12;

/// What kind of control block a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BlockType {
    /// Lists the home locations of the blocks that follow it.
    Descriptor = 1,
    /// Ends a transaction.
    Commit = 2,
    /// The journal's superblock, version 1.
    SuperblockV1 = 3,
    /// The journal's superblock, version 2.
    SuperblockV2 = 4,
    /// Lists blocks whose older copies must not be replayed.
    Revoke = 5,
}

impl BlockType {
    fn from_number(number: u32) -> Option<BlockType> {
        Some(match number {
            1 => BlockType::Descriptor,
            2 => BlockType::Commit,
            3 => BlockType::SuperblockV1,
            4 => BlockType::SuperblockV2,
            5 => BlockType::Revoke,
            _ => return None,
        })
    }
}

/// What begins a control block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What kind of block it is.
    pub block_type: BlockType,
    /// The transaction that it belongs to.
    pub tid: Tid,
}

impl Header {
    /// The header of a block, or `None` if the block does not begin with one.
    pub fn decode(block: &Block) -> Option<Header> {
        if be32(block, 0) != MAGIC {
            return None;
        }
        Some(Header {
            block_type: BlockType::from_number(be32(block, 4))?,
            tid: Tid(be32(block, 8)),
        })
    }

    /// Writes the header into the first bytes of a block.
    pub fn encode_into(self, block: &mut Block) {
        put_be32(block, 0, MAGIC);
        put_be32(block, 4, self.block_type as u32);
        put_be32(block, 8, self.tid.0);
    }

    /// The transaction of a block that must be of type `expected`.
    pub(super) fn expect(block: &Block, expected: BlockType) -> Result<Tid, LogBlockError> {
        let header = Header::decode(block).ok_or(LogBlockError::Header)?;
        if header.block_type != expected {
            return Err(LogBlockError::Type {
                expected,
                found: header.block_type,
            });
        }
        Ok(header.tid)
    }
}
