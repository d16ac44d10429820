//! Tests of inodes and of their places in the table.

use proptest::prelude::*;

use super::{arbitrary_block, assert_refused, flip, overwrites, sample_geometry};
use crate::disk::bytes::{le32, put_le16, put_le16_split, put_le32};
use crate::disk::geometry::{INODE_SIZE, InodePosition};
use crate::disk::inode::{FILE_SIZE_MAX, FLAG_EXTENTS, FileType, Inode};
use crate::units::{BLOCK_SIZE, Block, Ino, Lblk, Pblk};

const TYPES: [FileType; 7] = [
    FileType::Regular,
    FileType::Directory,
    FileType::CharacterDevice,
    FileType::BlockDevice,
    FileType::Fifo,
    FileType::Socket,
    FileType::Symlink,
];

/// The third inode of its block.
fn position() -> InodePosition {
    sample_geometry()
        .locate(Ino(11))
        .expect("the sample has 32 inodes")
}

fn sample() -> Inode {
    Inode {
        mode: FileType::Directory.mode(0o755),
        uid: 0x1_0002,
        gid: 0x3_0004,
        size: 2048,
        atime: 1,
        ctime: 2,
        mtime: 3,
        crtime: 4,
        dtime: 0,
        links: 2,
        blocks_512: 4,
        flags: FLAG_EXTENTS,
        generation: 77,
        i_block: [9; 60],
    }
}

fn encoded(inode: &Inode) -> Block {
    let mut block = [0; BLOCK_SIZE];
    inode.encode_new(&mut block, position(), sample_geometry().seed);
    block
}

fn seal(block: &mut Block) {
    let at = position();
    let bytes = &mut block[at.offset()..at.offset() + INODE_SIZE];
    let seed = sample_geometry().seed.of_inode(at.ino(), le32(bytes, 0x64));
    let sum = seed.inode(bytes, 0x7c, 0x82);
    put_le16_split(bytes, 0x7c, 0x82, sum);
}

fn inodes() -> impl Strategy<Value = Inode> {
    let kinds = (0..7_usize, any::<u16>(), any::<u64>());
    let numbers = (any::<[u32; 8]>(), any::<u16>(), 0..=2400_u32, 0..8_u32);
    (kinds, numbers, any::<[[u8; 30]; 2]>()).prop_map(|(kinds, numbers, halves)| {
        let file_type = TYPES[kinds.0];
        let size = match file_type {
            FileType::Directory => kinds.2 % 1201 * 1024,
            _ => kinds.2 % (FILE_SIZE_MAX + 1),
        };
        let mut i_block = [0; 60];
        i_block.copy_from_slice(&halves.concat());
        let flags = [0, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1_0000, 0x2_0000][numbers.3 as usize];
        Inode {
            mode: file_type.mode(kinds.1),
            uid: numbers.0[0],
            gid: numbers.0[1],
            size,
            atime: numbers.0[2],
            ctime: numbers.0[3],
            mtime: numbers.0[4],
            crtime: numbers.0[5],
            dtime: numbers.0[6],
            links: numbers.1,
            blocks_512: numbers.2,
            flags: FLAG_EXTENTS | flags,
            generation: numbers.0[7],
            i_block,
        }
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(inode in inodes(), mut other in arbitrary_block()) {
        let geometry = sample_geometry();
        let block = encoded(&inode);
        let decoded = Inode::decode(&block, position(), &geometry);
        prop_assert_eq!(decoded.as_ref(), Ok(&inode));
        // An inode that takes the place of another shares its block with three more.
        put_le16_split(&mut other[position().offset()..], 0x68, 0x76, 0);
        let before = other;
        inode.encode_new(&mut other, position(), geometry.seed);
        prop_assert_eq!(&other[..512], &before[..512]);
        prop_assert_eq!(&other[512..768], &block[512..768], "nothing of the old inode is left");
        prop_assert_eq!(&other[768..], &before[768..]);
    }

    #[test]
    fn a_flipped_bit_is_noticed(bit in 0..8 * INODE_SIZE) {
        let mut block = encoded(&sample());
        flip(&mut block, 8 * position().offset() + bit);
        let outcome = Inode::decode(&block, position(), &sample_geometry());
        assert_refused(outcome, "inode 11, block 7: checksum is 0x");
    }

    #[test]
    fn sealed_lies_are_refused_or_kept(lies in overwrites(INODE_SIZE)) {
        let mut block = encoded(&sample());
        for (at, value) in lies {
            block[position().offset() + at] = value;
        }
        seal(&mut block);
        if let Ok(inode) = Inode::decode(&block, position(), &sample_geometry()) {
            // The size can be rounded up to a logical block number.
            prop_assert_eq!(Lblk::round_up(inode.size).offset(), inode.size.next_multiple_of(1024));
            let mut again = block;
            inode.encode_into(&mut again, position(), sample_geometry().seed);
            prop_assert_eq!(again, block);
        }
    }

    #[test]
    fn sealed_arbitrary_bytes_are_refused(mut block in arbitrary_block()) {
        seal(&mut block);
        // Arbitrary flags are all supported about once in 2^24 times, and flags are not all.
        prop_assert!(Inode::decode(&block, position(), &sample_geometry()).is_err());
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let geometry = sample_geometry();
    let refuse = |lie: &dyn Fn(&mut [u8]), part: &str| {
        let mut block = encoded(&sample());
        lie(&mut block[position().offset()..]);
        seal(&mut block);
        assert_refused(Inode::decode(&block, position(), &geometry), part);
    };
    refuse(
        &|bytes| put_le16(bytes, 0, 0o755),
        "mode 0o755 has no known file type",
    );
    refuse(
        &|bytes| put_le32(bytes, 0x20, FLAG_EXTENTS | 0x1000_0000),
        "flags 0x10000000",
    );
    refuse(
        &|bytes| put_le32(bytes, 0x4, 1025),
        "size is 1025, not a multiple of 1024",
    );
    refuse(
        &|bytes| put_le32(bytes, 0x6c, 1),
        "size is 4294969344, not within 0..=1228800",
    );
    refuse(
        &|bytes| put_le32(bytes, 0x1c, 2401),
        "number of 512-byte blocks is 2401",
    );
    refuse(&|bytes| put_le16(bytes, 0x80, 28), "extra size is 28");
    refuse(&|bytes| put_le32(bytes, 0x68, 9), "attribute block is 9");
    let unused = Inode::decode(&[0; BLOCK_SIZE], position(), &geometry);
    assert_refused(unused, "the inode is not in use");
    // A copy of one inode in the place of another does not verify.
    let mut block = encoded(&sample());
    block.copy_within(512..768, 256);
    let other = geometry.locate(Ino(10)).expect("the sample has 32 inodes");
    assert_refused(
        Inode::decode(&block, other, &geometry),
        "inode 10, block 7: checksum",
    );
}

#[test]
fn bytes_that_are_not_modelled_stay() {
    let mut block = encoded(&sample());
    let fractions = position().offset() + 0x84..position().offset() + 0x90;
    block[fractions.clone()].fill(3);
    seal(&mut block);
    let mut inode = Inode::decode(&block, position(), &sample_geometry()).expect("still valid");
    inode.links = 9;
    inode.encode_into(&mut block, position(), sample_geometry().seed);
    assert_eq!(block[fractions], [3; 12]);
    assert_eq!(
        Inode::decode(&block, position(), &sample_geometry()),
        Ok(inode)
    );
}

#[test]
fn every_inode_has_a_place_of_its_own() {
    let geometry = sample_geometry();
    assert_eq!(geometry.locate(Ino(0)), None);
    assert_eq!(geometry.locate(Ino(33)), None);
    assert_eq!(geometry.locate(Ino(u32::MAX)), None);
    let places: Vec<(Pblk, usize)> = (1..=32)
        .map(|ino| geometry.locate(Ino(ino)).expect("the sample has 32 inodes"))
        .map(|at| (at.block(), at.offset()))
        .collect();
    let expected: Vec<(Pblk, usize)> = (5..13)
        .flat_map(|block| [0, 256, 512, 768].map(|offset| (Pblk(block), offset)))
        .collect();
    assert_eq!(places, expected);
}

#[test]
fn file_types_survive_both_encodings() {
    for file_type in TYPES {
        assert_eq!(FileType::of_mode(file_type.mode(0o7777)), Some(file_type));
        assert_eq!(FileType::of_code(file_type.code()), Some(file_type));
    }
    assert_eq!(FileType::of_mode(0o777), None);
    assert_eq!(FileType::of_code(0), None);
    assert_eq!(FileType::of_code(8), None);
}
