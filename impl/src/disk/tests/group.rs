//! Tests of the group descriptor.

use proptest::prelude::*;

use super::{
    arbitrary_block, assert_refused, flip, overwrite, overwrites, sample_descriptor,
    sample_superblock,
};
use crate::disk::bytes::{put_le16, put_le32};
use crate::disk::group::{DESCRIPTOR_SIZE, GroupDescriptor};
use crate::units::{BLOCK_SIZE, Block, Pblk};

fn encoded(descriptor: &GroupDescriptor) -> Block {
    let mut block = [0; BLOCK_SIZE];
    descriptor.encode_into(&mut block, sample_superblock().seed());
    block
}

fn seal(block: &mut Block) {
    let seed = sample_superblock().seed();
    let sum = seed.group_descriptor(0, &block[..DESCRIPTOR_SIZE], 0x1e);
    put_le16(block, 0x1e, sum);
}

fn decode(block: &Block) -> Result<GroupDescriptor, crate::disk::error::FormatError> {
    GroupDescriptor::decode(block, &sample_superblock())
}

fn descriptors() -> impl Strategy<Value = GroupDescriptor> {
    // The table of 8 blocks comes before or after the bitmaps, which may come in either order.
    let places =
        (3..1100_u64, 0..30_u64, 0..30_u64, 0..6_usize).prop_map(|(at, gap, more, order)| {
            let (first, second) = (at, at + 8 + gap);
            let third = second + 8 + more;
            let all = [first, second, third];
            [
                [0, 1, 2],
                [0, 2, 1],
                [1, 0, 2],
                [1, 2, 0],
                [2, 0, 1],
                [2, 1, 0],
            ][order]
                .map(|i| all[i])
        });
    let counts = (
        0..=1200_u32,
        0..=32_u32,
        0..=32_u32,
        0..=32_u32,
        any::<bool>(),
    );
    (places, counts, any::<[u32; 2]>()).prop_map(|(places, counts, sums)| GroupDescriptor {
        block_bitmap: Pblk(places[0]),
        inode_bitmap: Pblk(places[1]),
        inode_table: Pblk(places[2]),
        free_blocks: counts.0,
        free_inodes: counts.1,
        directories: counts.2,
        unused_inodes: counts.3,
        inode_table_zeroed: counts.4,
        block_bitmap_checksum: sums[0],
        inode_bitmap_checksum: sums[1],
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        descriptor in descriptors(),
        mut other in arbitrary_block(),
    ) {
        let decoded = decode(&encoded(&descriptor));
        prop_assert_eq!(decoded.as_ref(), Ok(&descriptor));
        let rest = other[DESCRIPTOR_SIZE..].to_vec();
        descriptor.encode_into(&mut other, sample_superblock().seed());
        prop_assert_eq!(decode(&other), Ok(descriptor));
        prop_assert_eq!(&other[DESCRIPTOR_SIZE..], &rest[..], "other descriptors stay");
    }

    #[test]
    fn sealed_lies_are_refused_or_kept(lies in overwrites(DESCRIPTOR_SIZE)) {
        let mut block = encoded(&sample_descriptor());
        overwrite(&mut block, &lies);
        seal(&mut block);
        if let Ok(descriptor) = decode(&block) {
            prop_assert!(descriptor.inode_table.0 + 8 <= 1200);
            let mut again = block;
            descriptor.encode_into(&mut again, sample_superblock().seed());
            prop_assert_eq!(again, block);
        }
    }

    #[test]
    fn sealed_arbitrary_bytes_are_refused(mut block in arbitrary_block()) {
        seal(&mut block);
        // An arbitrary number is a block of the device about once in 2^53 times.
        prop_assert!(decode(&block).is_err());
    }
}

/// The stored checksum is half of a crc32c, which in general may miss a flipped bit. On this
/// descriptor it misses none, and the test is exhaustive.
#[test]
fn a_flipped_bit_is_noticed() {
    for bit in 0..8 * DESCRIPTOR_SIZE {
        let mut block = encoded(&sample_descriptor());
        flip(&mut block, bit);
        assert_refused(decode(&block), "group descriptor, block 2: checksum is 0x");
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let refuse = |lie: &dyn Fn(&mut Block), part: &str| {
        let mut block = encoded(&sample_descriptor());
        lie(&mut block);
        seal(&mut block);
        assert_refused(decode(&block), part);
    };
    refuse(
        &|block| put_le32(block, 0, 1200),
        "block bitmap names blocks 1200..1201, which lie",
    );
    refuse(
        &|block| put_le32(block, 0, 2),
        "block bitmap names blocks 2..3, which overlap",
    );
    refuse(
        &|block| put_le32(block, 4, 3),
        "inode bitmap names blocks 3..4, which overlap",
    );
    refuse(
        &|block| put_le32(block, 8, 4),
        "inode table names blocks 4..12, which overlap",
    );
    refuse(
        &|block| put_le32(block, 8, 1193),
        "inode table names blocks 1193..1201, which lie",
    );
    refuse(
        &|block| block[0x28..0x2c].fill(0xff),
        "inode table names blocks 1844674",
    );
    refuse(
        &|block| put_le16(block, 0xe, 33),
        "number of free inodes is 33",
    );
    refuse(
        &|block| put_le16(block, 0x2c, 1),
        "number of free blocks is 65576",
    );
    refuse(&|block| put_le16(block, 0x12, 0x7), "unsupported flags 0x3");
}
