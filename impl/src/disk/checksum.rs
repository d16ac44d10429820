//! crc32c as ext4 and its journal use it: without the inversions before and after, chained from a
//! seed that says whose bytes they are.
//!
//! A chain begins at all ones with the file system's UUID, goes on with the number of the group or
//! inode, and ends with the bytes. So a block that is copied to another inode, or left over from
//! another file system, does not verify.
//!
//! # Source
//! linux v6.18 fs/ext4/ext4.h `ext4_chksum`, fs/ext4/super.c `ext4_group_desc_csum`,
//! fs/ext4/inode.c `ext4_inode_csum`, fs/ext4/namei.c `ext4_dirblock_csum`,
//! fs/ext4/extents.c `ext4_extent_block_csum`, fs/ext4/bitmap.c,
//! fs/jbd2/commit.c `jbd2_block_tag_csum_set`, fs/jbd2/journal.c `jbd2_superblock_csum`.

use crate::units::{BLOCK_SIZE, Block, Ino, Tid};

/// The value that every chain begins with.
const START: u32 = !0;

/// Extends a chain by `bytes`.
///
/// The crate inverts the sum on entry and on exit, so inverting around the call undoes both.
fn extend(sum: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!sum, bytes)
}

/// Extends a chain by `bytes`, with `len` bytes from `at` counted as zero. That is how a
/// structure is summed that holds its own checksum.
fn extend_without(sum: u32, bytes: &[u8], at: usize, len: usize) -> u32 {
    const ZEROES: [u8; 4] = [0; 4];
    let sum = extend(sum, &bytes[..at]);
    let sum = extend(sum, &ZEROES[..len]);
    extend(sum, &bytes[at + len..])
}

/// The checksum of the superblock, which covers the block up to the checksum in its last 4 bytes.
pub fn superblock(block: &Block) -> u32 {
    extend(START, &block[..BLOCK_SIZE - 4])
}

/// The start of every chain of one file system: its UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u32);

impl Seed {
    /// The seed of the file system with this UUID.
    pub fn of_uuid(uuid: &[u8; 16]) -> Seed {
        Seed(extend(START, uuid))
    }

    /// The seed for what belongs to one inode: itself, its extent blocks, its directory blocks.
    pub fn of_inode(self, ino: Ino, generation: u32) -> InodeSeed {
        let sum = extend(self.0, &ino.0.to_le_bytes());
        InodeSeed(extend(sum, &generation.to_le_bytes()))
    }

    /// The checksum of group `group`'s descriptor: the low half of the chain, with the 2 bytes of
    /// the checksum, at `at`, counted as zero.
    pub fn group_descriptor(self, group: u32, descriptor: &[u8], at: usize) -> u16 {
        let sum = extend(self.0, &group.to_le_bytes());
        extend_without(sum, descriptor, at, 2) as u16
    }

    /// The checksum of a bitmap. `bytes` holds the group's bits and no padding beyond them.
    pub fn bitmap(self, bytes: &[u8]) -> u32 {
        extend(self.0, bytes)
    }
}

/// The start of every chain of one inode: file system, inode number, generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InodeSeed(u32);

impl InodeSeed {
    /// The checksum of the inode's own bytes. Its low half, 2 bytes at `low`, and its high half,
    /// 2 bytes at `high`, count as zero.
    pub fn inode(self, bytes: &[u8], low: usize, high: usize) -> u32 {
        let sum = extend_without(self.0, &bytes[..high], low, 2);
        extend_without(sum, &bytes[high..], 0, 2)
    }

    /// The checksum of a directory block, without its tail of `tail` bytes.
    pub fn directory(self, block: &Block, tail: usize) -> u32 {
        extend(self.0, &block[..BLOCK_SIZE - tail])
    }

    /// The checksum of an extent block, without its tail of `tail` bytes.
    pub fn extent_block(self, block: &Block, tail: usize) -> u32 {
        extend(self.0, &block[..BLOCK_SIZE - tail])
    }
}

/// The checksum of the journal's superblock, with the 4 bytes of the checksum, at `at`, counted
/// as zero. It is not seeded.
pub fn journal_superblock(block: &Block, at: usize) -> u32 {
    extend_without(START, block, at, 4)
}

/// The start of every chain of one journal: its UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSeed(u32);

impl JournalSeed {
    /// The seed of the journal with this UUID.
    pub fn of_uuid(uuid: &[u8; 16]) -> JournalSeed {
        JournalSeed(extend(START, uuid))
    }

    /// The checksum of a descriptor, revoke or commit block, with the 4 bytes of the checksum, at
    /// `at`, counted as zero.
    pub fn control_block(self, block: &Block, at: usize) -> u32 {
        extend_without(self.0, block, at, 4)
    }

    /// The checksum, kept in a block's tag, of a metadata block that transaction `tid` logs. It
    /// covers the block as it lies in the log, that is, after escaping.
    pub fn logged_block(self, tid: Tid, block: &Block) -> u32 {
        extend(extend(self.0, &tid.0.to_be_bytes()), block)
    }
}
