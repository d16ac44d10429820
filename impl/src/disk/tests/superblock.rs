//! Tests of the superblock.

use proptest::prelude::*;

use super::{arbitrary_block, assert_refused, flip, overwrite, overwrites, sample_superblock};
use crate::disk::bytes::{put_le16, put_le32};
use crate::disk::checksum;
use crate::disk::superblock::{JournalBackup, Superblock};
use crate::units::{BLOCK_SIZE, Block, Ino};

const CHECKSUM: usize = 0x3fc;

fn encoded(superblock: &Superblock) -> Block {
    let mut block = [0; BLOCK_SIZE];
    superblock.encode_into(&mut block);
    block
}

fn seal(block: &mut Block) {
    let sum = checksum::superblock(block);
    put_le32(block, CHECKSUM, sum);
}

fn backups() -> impl Strategy<Value = Option<JournalBackup>> {
    proptest::option::of(
        (any::<[u8; 32]>(), 0..=16 * 1024_u64).prop_map(|(bytes, size)| {
            let mut i_block = [0; 60];
            i_block[..32].copy_from_slice(&bytes);
            JournalBackup { i_block, size }
        }),
    )
}

fn superblocks() -> impl Strategy<Value = Superblock> {
    let counts = (2..=1024_u32, 16..=8193_u64).prop_flat_map(|(eights, blocks)| {
        let inodes = eights * 8;
        let orphan = prop_oneof![Just(0), 11..=inodes];
        (
            Just(inodes),
            Just(blocks),
            0..=blocks,
            0..=blocks,
            0..=inodes,
            orphan,
        )
    });
    let times = any::<[u32; 5]>();
    let names = any::<[[u8; 16]; 3]>();
    let rest = (
        any::<u16>(),
        0..=7_u16,
        any::<bool>(),
        any::<u8>(),
        backups(),
    );
    (counts, times, names, rest).prop_map(|(counts, times, names, rest)| Superblock {
        inodes: counts.0,
        blocks: counts.1,
        reserved_blocks: counts.2,
        free_blocks: counts.3,
        free_inodes: counts.4,
        last_orphan: Ino(counts.5),
        mount_time: times[0],
        write_time: times[1],
        check_time: times[2],
        make_time: times[3],
        flags: times[4],
        uuid: names[0],
        label: names[1],
        hash_seed: names[2],
        mount_count: rest.0,
        state: rest.1,
        needs_recovery: rest.2,
        hash_version: rest.3,
        journal_backup: rest.4,
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        superblock in superblocks(),
        other in arbitrary_block(),
    ) {
        let block = encoded(&superblock);
        let decoded = Superblock::decode(&block, 8193);
        prop_assert_eq!(decoded.as_ref(), Ok(&superblock));
        // Whatever an earlier superblock left in the block does not matter.
        let mut block = other;
        superblock.encode_into(&mut block);
        prop_assert_eq!(Superblock::decode(&block, 8193), Ok(superblock));
    }

    #[test]
    fn a_flipped_bit_is_noticed(bit in 0..8 * BLOCK_SIZE) {
        let mut block = encoded(&sample_superblock());
        flip(&mut block, bit);
        prop_assert!(Superblock::decode(&block, 8193).is_err());
    }

    #[test]
    fn sealed_lies_are_refused_or_kept(lies in overwrites(0x180)) {
        let mut block = encoded(&sample_superblock());
        overwrite(&mut block, &lies);
        seal(&mut block);
        if let Ok(superblock) = Superblock::decode(&block, 1200) {
            prop_assert!(superblock.blocks <= 1200);
            let mut again = block;
            superblock.encode_into(&mut again);
            prop_assert_eq!(again, block);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(block in arbitrary_block()) {
        prop_assert!(Superblock::decode(&block, 8193).is_err());
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let refuse = |lie: &dyn Fn(&mut Block), part: &str| {
        let mut block = encoded(&sample_superblock());
        lie(&mut block);
        seal(&mut block);
        assert_refused(Superblock::decode(&block, 1200), part);
    };
    refuse(
        &|block| block.fill(0),
        "superblock, block 1: magic number is 0x0, not 0xef53",
    );
    refuse(
        &|block| put_le32(block, 0x60, 0xc2 | 0x8000),
        "incompat feature bits 0x8000",
    );
    refuse(
        &|block| put_le32(block, 0x5c, 0x4 | 0x20),
        "compat feature bits 0x20",
    );
    refuse(
        &|block| put_le32(block, 0x64, 0x440 | 0x1),
        "ro_compat feature bits 0x1",
    );
    refuse(
        &|block| put_le32(block, 0x60, 0x42),
        "incompat feature bits 0x80 are not set",
    );
    refuse(
        &|block| put_le32(block, 0x64, 0x40),
        "ro_compat feature bits 0x400 are not set",
    );
    refuse(
        &|block| put_le32(block, 0x18, 2),
        "logarithm of the block size is 2",
    );
    refuse(
        &|block| put_le32(block, 0, 33),
        "number of inodes is 33, not a multiple of 8",
    );
    refuse(
        &|block| put_le32(block, 0, u32::MAX),
        "number of inodes is 4294967295",
    );
    refuse(
        &|block| put_le32(block, 0x4, 1201),
        "size in blocks is 1201, not within 8..=1200",
    );
    refuse(
        &|block| put_le32(block, 0x150, 1),
        "size in blocks is 4294968496",
    );
    refuse(
        &|block| put_le32(block, 0xc, 1201),
        "number of free blocks is 1201",
    );
    refuse(
        &|block| put_le32(block, 0xe8, 33),
        "head of the orphan list is 33",
    );
    refuse(
        &|block| put_le32(block, 0xe8, 8),
        "head of the orphan list is 8",
    );
    refuse(&|block| put_le16(block, 0x58, 128), "inode size is 128");
}

#[test]
fn damage_is_told_from_missing_features() {
    let mut block = encoded(&sample_superblock());
    block[0x200] ^= 1;
    assert_refused(Superblock::decode(&block, 1200), "checksum is 0x");
    // A feature word that a flipped bit changed is damage, not an unknown feature.
    let mut block = encoded(&sample_superblock());
    block[0x61] ^= 1;
    assert_refused(Superblock::decode(&block, 1200), "checksum is 0x");
}

#[test]
fn bytes_that_are_not_modelled_stay() {
    let mut block = encoded(&sample_superblock());
    block[0x88..0xc8].fill(b'm');
    seal(&mut block);
    let mut superblock = Superblock::decode(&block, 1200).expect("nothing modelled has changed");
    superblock.needs_recovery = true;
    superblock.last_orphan = Ino(12);
    superblock.encode_into(&mut block);
    assert_eq!(block[0x88..0xc8], [b'm'; 64]);
    assert_eq!(Superblock::decode(&block, 1200), Ok(superblock));
}
