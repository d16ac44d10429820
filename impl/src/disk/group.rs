//! The descriptor of the only block group: where its bitmaps and its inode table lie, the sums of
//! its bitmaps, and its free counts.
//!
//! The bitmap checksums live here and not in the bitmaps. Whoever changes a bitmap changes the
//! descriptor in the same transaction, or recovery finds a bitmap that does not verify.
//!
//! # Source
//! linux v6.18 fs/ext4/ext4.h `struct ext4_group_desc`; fs/ext4/super.c
//! `ext4_check_descriptors`. Departs from it in refusing the flags that stand for bitmaps not yet
//! written: mkfs writes them.

use crate::disk::bytes::{le16, le16_split, le32_split, put_le16, put_le16_split, put_le32_split};
use crate::disk::checksum::Seed;
use crate::disk::error::{FormatError, Place, Problem, Structure};
use crate::disk::geometry::{BLOCKS_PER_GROUP, GROUP_DESCRIPTORS, Geometry};
use crate::disk::superblock::Superblock;
use crate::units::{Block, Pblk};

/// Bytes in a descriptor.
pub const DESCRIPTOR_SIZE: usize = 64;

/// The only group.
const GROUP: u32 = 0;

/// The whole inode table has been written.
const FLAG_INODE_TABLE_ZEROED: u16 = 4;

mod at {
    pub const BLOCK_BITMAP: (usize, usize) = (0x0, 0x20);
    pub const INODE_BITMAP: (usize, usize) = (0x4, 0x24);
    pub const INODE_TABLE: (usize, usize) = (0x8, 0x28);
    pub const FREE_BLOCKS: (usize, usize) = (0xc, 0x2c);
    pub const FREE_INODES: (usize, usize) = (0xe, 0x2e);
    pub const DIRECTORIES: (usize, usize) = (0x10, 0x30);
    pub const FLAGS: usize = 0x12;
    pub const BLOCK_BITMAP_SUM: (usize, usize) = (0x18, 0x38);
    pub const INODE_BITMAP_SUM: (usize, usize) = (0x1a, 0x3a);
    pub const UNUSED_INODES: (usize, usize) = (0x1c, 0x32);
    pub const CHECKSUM: usize = 0x1e;
}

/// The descriptor of the only block group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescriptor {
    /// The block bitmap. On the device, and apart from the other metadata.
    pub block_bitmap: Pblk,
    /// The inode bitmap. As above.
    pub inode_bitmap: Pblk,
    /// The first block of the inode table. As above, to its last block.
    pub inode_table: Pblk,
    /// Free blocks, at most as many as the group has.
    pub free_blocks: u32,
    /// Free inodes, at most as many as there are.
    pub free_inodes: u32,
    /// Inodes that are directories, at most as many as there are inodes.
    pub directories: u32,
    /// Inodes at the end of the table that were never used, which a checker may skip. Whoever
    /// allocates an inode lowers this so that the inode is not among them; 0 is always right.
    pub unused_inodes: u32,
    /// Whether the unused part of the inode table holds zeroes and not what was there before.
    pub inode_table_zeroed: bool,
    /// The checksum of the block bitmap.
    pub block_bitmap_checksum: u32,
    /// The checksum of the inode bitmap.
    pub inode_bitmap_checksum: u32,
}

impl GroupDescriptor {
    /// Decodes the descriptor at the start of block [`GROUP_DESCRIPTORS`].
    ///
    /// # Errors
    /// [`FormatError`] if the checksum is wrong, metadata lies outside the file system or on other
    /// metadata, or a count exceeds what it counts.
    pub fn decode(block: &Block, superblock: &Superblock) -> Result<GroupDescriptor, FormatError> {
        let place = Place {
            structure: Structure::GroupDescriptor,
            block: GROUP_DESCRIPTORS,
        };
        let bytes = &block[..DESCRIPTOR_SIZE];
        let computed = superblock
            .seed()
            .group_descriptor(GROUP, bytes, at::CHECKSUM);
        place.checksum(u32::from(le16(bytes, at::CHECKSUM)), u32::from(computed))?;
        let flags = le16(bytes, at::FLAGS);
        if flags & !FLAG_INODE_TABLE_ZEROED != 0 {
            let bits = u32::from(flags & !FLAG_INODE_TABLE_ZEROED);
            return Err(place.fail(Problem::Flags { bits }));
        }
        let pointer = |(low, high)| Pblk(le32_split(bytes, low, high));
        let count = |(low, high)| le16_split(bytes, low, high);
        let descriptor = GroupDescriptor {
            block_bitmap: pointer(at::BLOCK_BITMAP),
            inode_bitmap: pointer(at::INODE_BITMAP),
            inode_table: pointer(at::INODE_TABLE),
            free_blocks: count(at::FREE_BLOCKS),
            free_inodes: count(at::FREE_INODES),
            directories: count(at::DIRECTORIES),
            unused_inodes: count(at::UNUSED_INODES),
            inode_table_zeroed: flags & FLAG_INODE_TABLE_ZEROED != 0,
            block_bitmap_checksum: count(at::BLOCK_BITMAP_SUM),
            inode_bitmap_checksum: count(at::INODE_BITMAP_SUM),
        };
        descriptor.check(place, superblock)?;
        Ok(descriptor)
    }

    fn check(&self, place: Place, superblock: &Superblock) -> Result<(), FormatError> {
        let inodes = u64::from(superblock.inodes);
        let mut taken: Vec<(u64, u64)> = vec![(0, GROUP_DESCRIPTORS.0 + 1)];
        for (field, start, len) in [
            ("block bitmap", self.block_bitmap.0, 1),
            ("inode bitmap", self.inode_bitmap.0, 1),
            (
                "inode table",
                self.inode_table.0,
                Geometry::inode_table_blocks(superblock.inodes),
            ),
        ] {
            let end = start.saturating_add(len);
            let fail = |why| {
                place.fail(Problem::Blocks {
                    field,
                    start,
                    end,
                    why,
                })
            };
            if end > superblock.blocks {
                return Err(fail("lie beyond the end of the file system"));
            }
            if taken.iter().any(|&(from, to)| start < to && from < end) {
                return Err(fail("overlap other metadata"));
            }
            taken.push((start, end));
        }
        let blocks = superblock.blocks.min(u64::from(BLOCKS_PER_GROUP));
        place.range("number of free blocks", self.free_blocks, 0..=blocks)?;
        place.range("number of free inodes", self.free_inodes, 0..=inodes)?;
        place.range("number of directories", self.directories, 0..=inodes)?;
        place.range("number of unused inodes", self.unused_inodes, 0..=inodes)
    }

    /// Writes every modelled field and a fresh checksum into block [`GROUP_DESCRIPTORS`]. The
    /// rest of the block stays.
    pub fn encode_into(&self, block: &mut Block, seed: Seed) {
        let bytes = &mut block[..DESCRIPTOR_SIZE];
        for ((low, high), value) in [
            (at::BLOCK_BITMAP, self.block_bitmap),
            (at::INODE_BITMAP, self.inode_bitmap),
            (at::INODE_TABLE, self.inode_table),
        ] {
            put_le32_split(bytes, low, high, value.0);
        }
        for ((low, high), value) in [
            (at::FREE_BLOCKS, self.free_blocks),
            (at::FREE_INODES, self.free_inodes),
            (at::DIRECTORIES, self.directories),
            (at::UNUSED_INODES, self.unused_inodes),
            (at::BLOCK_BITMAP_SUM, self.block_bitmap_checksum),
            (at::INODE_BITMAP_SUM, self.inode_bitmap_checksum),
        ] {
            put_le16_split(bytes, low, high, value);
        }
        let zeroed = if self.inode_table_zeroed {
            FLAG_INODE_TABLE_ZEROED
        } else {
            0
        };
        put_le16(bytes, at::FLAGS, zeroed);
        let sum = seed.group_descriptor(GROUP, bytes, at::CHECKSUM);
        put_le16(bytes, at::CHECKSUM, sum);
    }
}
