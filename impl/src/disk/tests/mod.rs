//! Tests of the on-disk structures, each in the same four parts: what is encoded decodes to the
//! same; one flipped bit is noticed by the checksum; arbitrary bytes behind a right checksum are
//! refused or decode to something that encodes to the same bytes; chosen lies are refused with
//! the words that say what is wrong.

mod bitmap;
mod dir;
mod extent;
mod group;
mod inode;
mod superblock;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::disk::error::FormatError;
use crate::disk::geometry::Geometry;
use crate::disk::group::GroupDescriptor;
use crate::disk::superblock::{FLAG_SIGNED_HASH, STATE_CLEAN, Superblock};
use crate::units::{BLOCK_SIZE, Block, Ino, Pblk};

/// A superblock like that of a small fresh image.
pub(super) fn sample_superblock() -> Superblock {
    Superblock {
        inodes: 32,
        blocks: 1200,
        reserved_blocks: 3,
        free_blocks: 40,
        free_inodes: 20,
        mount_time: 5,
        write_time: 6,
        check_time: 7,
        make_time: 8,
        mount_count: 9,
        state: STATE_CLEAN,
        needs_recovery: false,
        uuid: *b"0123456789abcdef",
        label: *b"label\0\0\0\0\0\0\0\0\0\0\0",
        last_orphan: Ino(0),
        hash_seed: [7; 16],
        hash_version: 1,
        flags: FLAG_SIGNED_HASH,
        journal_backup: None,
    }
}

/// A descriptor that fits [`sample_superblock`]: bitmaps in 3 and 4, inodes in 5..13.
pub(super) fn sample_descriptor() -> GroupDescriptor {
    GroupDescriptor {
        block_bitmap: Pblk(3),
        inode_bitmap: Pblk(4),
        inode_table: Pblk(5),
        free_blocks: 40,
        free_inodes: 20,
        directories: 2,
        unused_inodes: 1,
        inode_table_zeroed: true,
        block_bitmap_checksum: 0x1234_5678,
        inode_bitmap_checksum: 0x9abc_def0,
    }
}

pub(super) fn sample_geometry() -> Geometry {
    Geometry::new(&sample_superblock(), &sample_descriptor())
}

/// Bytes to write over a valid structure of `len` bytes: a few places, values that fields do not
/// expect more often than others.
pub(super) fn overwrites(len: usize) -> impl Strategy<Value = Vec<(usize, u8)>> {
    let value = prop_oneof![
        Just(0),
        Just(1),
        Just(0x7f),
        Just(0x80),
        Just(0xff),
        any::<u8>()
    ];
    vec((0..len, value), 1..6)
}

pub(super) fn overwrite(block: &mut Block, overwrites: &[(usize, u8)]) {
    for &(at, value) in overwrites {
        block[at] = value;
    }
}

pub(super) fn arbitrary_block() -> impl Strategy<Value = Block> {
    vec(any::<u8>(), BLOCK_SIZE).prop_map(|bytes| {
        let mut block = [0; BLOCK_SIZE];
        block.copy_from_slice(&bytes);
        block
    })
}

pub(super) fn flip(block: &mut Block, bit: usize) {
    block[bit / 8] ^= 1 << (bit % 8);
}

/// Requires a refusal and that its message contains `part`.
#[track_caller]
pub(super) fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, FormatError>, part: &str) {
    let said = outcome.expect_err(part).to_string();
    assert!(said.contains(part), "{said:?} does not contain {part:?}");
}
