//! Where things lie: the constants of the supported format, and the few numbers of one image that
//! never change while it is mounted. Every other decoder checks block numbers against them.

use crate::disk::checksum::Seed;
use crate::disk::group::GroupDescriptor;
use crate::disk::superblock::Superblock;
use crate::units::{BLOCK_SIZE, Ino, Pblk};
use std::ops::Range;

/// The first block of the only group. Block 0 is left to boot loaders.
pub const FIRST_DATA_BLOCK: Pblk = Pblk(1);
/// The block of the superblock.
pub const SUPERBLOCK: Pblk = Pblk(1);
/// The block of the group descriptors.
pub const GROUP_DESCRIPTORS: Pblk = Pblk(2);
/// Blocks in a group: as many as one block of bitmap has bits.
pub const BLOCKS_PER_GROUP: u32 = 8 * BLOCK_SIZE as u32;
/// The largest file system, in blocks: block 0 and one full group.
pub const BLOCKS_MAX: u64 = FIRST_DATA_BLOCK.0 + BLOCKS_PER_GROUP as u64;
/// Bytes in an inode.
pub const INODE_SIZE: usize = 256;
/// Inodes in a block of the inode table.
pub const INODES_PER_BLOCK: u32 = (BLOCK_SIZE / INODE_SIZE) as u32;
/// The most inodes: as many as one block of bitmap has bits.
pub const INODES_MAX: u32 = BLOCKS_PER_GROUP;
/// The root directory.
pub const ROOT_INO: Ino = Ino(2);
/// The inode whose data is the journal.
pub const JOURNAL_INO: Ino = Ino(8);
/// The first inode that is not reserved. mkfs gives it to `/lost+found`.
pub const FIRST_INO: Ino = Ino(11);
/// The least length of a journal, in blocks. The kernel refuses to mount with a shorter one.
pub const JOURNAL_BLOCKS_MIN: u32 = 1024;

/// The unchanging numbers of one image. Made from structures that have been decoded, so the
/// metadata it names lies on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Size of the file system in blocks, at most [`BLOCKS_MAX`].
    pub blocks: u64,
    /// The number of inodes, at most [`INODES_MAX`]; a multiple of 8.
    pub inodes: u32,
    /// The block bitmap.
    pub block_bitmap: Pblk,
    /// The inode bitmap.
    pub inode_bitmap: Pblk,
    /// The first block of the inode table.
    pub inode_table: Pblk,
    /// The seed of all checksums but the superblock's.
    pub seed: Seed,
}

/// Where an inode lies. Only [`Geometry::locate`] makes one, so it is always within the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InodePosition {
    ino: Ino,
    block: Pblk,
    offset: usize,
}

impl InodePosition {
    /// The inode's number.
    pub fn ino(self) -> Ino {
        self.ino
    }

    /// The block of the inode table that holds it.
    pub fn block(self) -> Pblk {
        self.block
    }

    /// Its first byte in that block.
    pub fn offset(self) -> usize {
        self.offset
    }

    /// Its bytes in that block.
    pub fn bytes(self) -> Range<usize> {
        self.offset..self.offset + INODE_SIZE
    }
}

impl Geometry {
    /// The geometry of the image with this superblock and descriptor.
    pub fn new(superblock: &Superblock, descriptor: &GroupDescriptor) -> Geometry {
        Geometry {
            blocks: superblock.blocks,
            inodes: superblock.inodes,
            block_bitmap: descriptor.block_bitmap,
            inode_bitmap: descriptor.inode_bitmap,
            inode_table: descriptor.inode_table,
            seed: superblock.seed(),
        }
    }

    /// The blocks of an inode table for `inodes` inodes.
    pub fn inode_table_blocks(inodes: u32) -> u64 {
        u64::from(inodes.div_ceil(INODES_PER_BLOCK))
    }

    /// Whether the number names an inode, reserved or not.
    pub fn has_inode(&self, ino: Ino) -> bool {
        (1..=self.inodes).contains(&ino.0)
    }

    /// Where an inode lies, or `None` if there is no such inode.
    pub fn locate(&self, ino: Ino) -> Option<InodePosition> {
        if !self.has_inode(ino) {
            return None;
        }
        let index = ino.0 - 1;
        Some(InodePosition {
            ino,
            block: Pblk(self.inode_table.0 + u64::from(index / INODES_PER_BLOCK)),
            offset: (index % INODES_PER_BLOCK) as usize * INODE_SIZE,
        })
    }

    /// Whether `len` blocks from `start` lie on the device and clear of the superblock, the
    /// descriptors, the bitmaps and the inode table. The journal counts as data: it is a file.
    pub fn is_data(&self, start: Pblk, len: u64) -> bool {
        let Some(end) = start.0.checked_add(len) else {
            return false;
        };
        let table_end = self.inode_table.0 + Geometry::inode_table_blocks(self.inodes);
        let clear_of = |from: u64, to: u64| end <= from || to <= start.0;
        end <= self.blocks
            && clear_of(0, GROUP_DESCRIPTORS.0 + 1)
            && clear_of(self.block_bitmap.0, self.block_bitmap.0 + 1)
            && clear_of(self.inode_bitmap.0, self.inode_bitmap.0 + 1)
            && clear_of(self.inode_table.0, table_end)
    }

    /// The bit of the block bitmap that stands for a block.
    ///
    /// # Panics
    /// If the block is 0 or beyond the file system: decoded block numbers never are.
    pub fn block_bit(&self, block: Pblk) -> u32 {
        assert!(
            block >= FIRST_DATA_BLOCK && block.0 < self.blocks,
            "no bit for block {block}"
        );
        (block.0 - FIRST_DATA_BLOCK.0) as u32
    }

    /// The block that a bit of the block bitmap stands for.
    pub fn bit_block(&self, bit: u32) -> Pblk {
        Pblk(FIRST_DATA_BLOCK.0 + u64::from(bit))
    }

    /// Bits of the block bitmap that stand for a block; those after them are padding.
    pub fn block_bits(&self) -> u32 {
        (self.blocks - FIRST_DATA_BLOCK.0) as u32
    }

    /// Every block outside files: superblock, descriptors, bitmaps, inode table.
    pub fn metadata_blocks(&self) -> impl Iterator<Item = Pblk> + use<> {
        let table = self.inode_table.0;
        [
            SUPERBLOCK,
            GROUP_DESCRIPTORS,
            self.block_bitmap,
            self.inode_bitmap,
        ]
        .into_iter()
        .chain((table..table + Geometry::inode_table_blocks(self.inodes)).map(Pblk))
    }
}
