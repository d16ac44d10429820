//! The descriptor block: one tag for each logged block that follows it in the log.
//!
//! A tag says where the block's home is, whether the copy was escaped, and the checksum of the copy
//! as it lies in the log. Tags are of the third form (`csum_v3`): 16 bytes, checksum of 32 bits.
//! The first tag is followed by the journal's UUID; the others are marked "same UUID".
//!
//! # Source
//! linux v7.0 fs/jbd2/commit.c `jbd2_journal_commit_transaction`, `write_tag_block`,
//! `jbd2_block_tag_csum_set`; fs/jbd2/recovery.c `count_tags`.

use super::header::{self, BlockType, Header};
use super::{LogBlockError, TAIL, verify};
use crate::disk::bytes::{be32, put_be32};
use crate::disk::checksum::JournalSeed;
use crate::units::{BLOCK_SIZE, Block, Pblk, Tid};

const TAG_LEN: usize = 16;
const UUID_LEN: usize = 16;

const FLAG_ESCAPE: u32 = 1;
const FLAG_SAME_UUID: u32 = 2;
const FLAG_LAST: u32 = 8;

/// The most tags in one descriptor block.
pub const TAGS_MAX: usize = (TAIL - header::LEN - UUID_LEN) / TAG_LEN;

/// The description of one logged block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The block's home location.
    pub home: Pblk,
    /// Whether the copy began with the journal's magic number, which the log replaces by zeroes.
    pub escaped: bool,
    /// The checksum of the copy, after escaping.
    pub checksum: u32,
}

/// A descriptor block of transaction `tid`.
///
/// # Panics
/// If there are no tags or more than [`TAGS_MAX`].
pub fn encode(tid: Tid, tags: &[Tag], seed: JournalSeed, uuid: &[u8; 16]) -> Block {
    assert!((1..=TAGS_MAX).contains(&tags.len()), "{} tags", tags.len());
    let mut block = [0; BLOCK_SIZE];
    Header {
        block_type: BlockType::Descriptor,
        tid,
    }
    .encode_into(&mut block);
    let mut at = header::LEN;
    for (index, tag) in tags.iter().enumerate() {
        let mut flags = 0;
        if tag.escaped {
            flags |= FLAG_ESCAPE;
        }
        if index > 0 {
            flags |= FLAG_SAME_UUID;
        }
        if index + 1 == tags.len() {
            flags |= FLAG_LAST;
        }
        put_be32(&mut block, at, tag.home.0 as u32);
        put_be32(&mut block, at + 4, flags);
        put_be32(&mut block, at + 8, (tag.home.0 >> 32) as u32);
        put_be32(&mut block, at + 12, tag.checksum);
        at += TAG_LEN;
        if index == 0 {
            block[at..at + UUID_LEN].copy_from_slice(uuid);
            at += UUID_LEN;
        }
    }
    let sum = seed.control_block(&block, TAIL);
    put_be32(&mut block, TAIL, sum);
    block
}

/// The transaction and the tags of a descriptor block.
///
/// A list without a tag marked as the last one ends with the block, as it does for the kernel.
///
/// # Errors
/// [`LogBlockError`] if it is not a descriptor block or its checksum does not match.
pub fn decode(block: &Block, seed: JournalSeed) -> Result<(Tid, Vec<Tag>), LogBlockError> {
    let tid = Header::expect(block, BlockType::Descriptor)?;
    verify(be32(block, TAIL), seed.control_block(block, TAIL))?;
    let mut tags = Vec::new();
    let mut at = header::LEN;
    while at + TAG_LEN <= TAIL {
        let flags = be32(block, at + 4);
        let high = u64::from(be32(block, at + 8));
        tags.push(Tag {
            home: Pblk(high << 32 | u64::from(be32(block, at))),
            escaped: flags & FLAG_ESCAPE != 0,
            checksum: be32(block, at + 12),
        });
        if flags & FLAG_LAST != 0 {
            break;
        }
        at += TAG_LEN;
        if flags & FLAG_SAME_UUID == 0 {
            at += UUID_LEN;
        }
    }
    Ok((tid, tags))
}
