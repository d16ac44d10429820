//! Tests of the bitmaps.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{arbitrary_block, assert_refused, flip, sample_geometry};
use crate::disk::bitmap::Bitmap;
use crate::disk::geometry::BLOCKS_PER_GROUP;
use crate::units::{BLOCK_SIZE, Pblk};

/// Something to do to a bitmap and to a set of its bits.
#[derive(Clone, Copy, Debug)]
enum Step {
    Set(u32),
    Clear(u32),
    FindClear(u32),
    FindRun(u32, u32),
}

fn steps(bits: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..bits).prop_map(Step::Set),
        (0..bits).prop_map(Step::Clear),
        (0..bits + 9).prop_map(Step::FindClear),
        (0..bits + 9, 0..bits + 9).prop_map(|(goal, len)| Step::FindRun(goal, len)),
    ];
    vec(step, 0..200)
}

proptest! {
    #[test]
    fn a_bitmap_is_a_set(steps in steps(37)) {
        let mut bitmap = Bitmap::new(37);
        let mut set = BTreeSet::new();
        for step in steps {
            match step {
                Step::Set(bit) => prop_assert_eq!(bitmap.set(bit), set.insert(bit)),
                Step::Clear(bit) => prop_assert_eq!(bitmap.clear(bit), set.remove(&bit)),
                Step::FindClear(goal) => {
                    let expected = (goal..37).find(|bit| !set.contains(bit));
                    prop_assert_eq!(bitmap.find_clear(goal), expected);
                }
                Step::FindRun(goal, len_max) => {
                    let start = (goal..37).find(|bit| !set.contains(bit));
                    let clear = |start| (start..37).take_while(|bit| !set.contains(bit));
                    let run = start.map(|start| clear(start).take(len_max as usize).count() as u32);
                    let expected = start.zip(run).filter(|&(_, len)| len > 0);
                    let found = bitmap.find_run(goal, len_max);
                    prop_assert_eq!(found.map(|run| (run.start, run.end - run.start)), expected);
                }
            }
            prop_assert_eq!(bitmap.count_clear() as usize, 37 - set.len());
            prop_assert!((0..37).all(|bit| bitmap.test(bit) == set.contains(&bit)));
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same(used in vec(13..1199_u32, 0..50)) {
        let geometry = sample_geometry();
        let mut blocks = Bitmap::new(geometry.block_bits());
        let mut inodes = Bitmap::new(geometry.inodes);
        for bit in (0..12).chain(used) {
            let _ = blocks.set(bit);
            let _ = inodes.set(bit % 32);
        }
        let sum = blocks.blocks_checksum(geometry.seed);
        prop_assert_eq!(Bitmap::decode_blocks(&blocks.encode(), sum, &geometry), Ok(blocks));
        let sum = inodes.inodes_checksum(geometry.seed);
        prop_assert_eq!(Bitmap::decode_inodes(&inodes.encode(), sum, &geometry), Ok(inodes));
    }

    #[test]
    fn a_flipped_bit_is_noticed(bit in 0..BLOCKS_PER_GROUP as usize) {
        let geometry = sample_geometry();
        let mut bitmap = Bitmap::new(geometry.block_bits());
        for bit in 0..12 {
            prop_assert!(bitmap.set(bit));
        }
        let sum = bitmap.blocks_checksum(geometry.seed);
        let mut block = bitmap.encode();
        flip(&mut block, bit);
        let outcome = Bitmap::decode_blocks(&block, sum, &geometry);
        assert_refused(outcome, "block bitmap, block 3: checksum is 0x");
        // The checksum of the inode bitmap ends with the inodes; the padding is checked by itself.
        let mut inodes = Bitmap::new(geometry.inodes);
        for bit in 0..11 {
            prop_assert!(inodes.set(bit));
        }
        let sum = inodes.inodes_checksum(geometry.seed);
        let mut block = inodes.encode();
        flip(&mut block, bit);
        assert_refused(Bitmap::decode_inodes(&block, sum, &geometry), "inode bitmap, block 4: ");
    }

    #[test]
    fn sealed_arbitrary_bytes_are_refused_or_kept(
        mut block in arbitrary_block(),
        fill in any::<bool>(),
    ) {
        let geometry = sample_geometry();
        if fill {
            // Without this no arbitrary block has the bits set that must be.
            block[..2].fill(0xff);
            block[149..].fill(0xff);
        }
        let sum = geometry.seed.bitmap(&block);
        if let Ok(bitmap) = Bitmap::decode_blocks(&block, sum, &geometry) {
            prop_assert_eq!(bitmap.encode(), block);
            prop_assert!(geometry.metadata_blocks().all(|at| bitmap.test(geometry.block_bit(at))));
        } else {
            prop_assert!(!fill, "everything that must be set is set");
        }
        if fill {
            block[4..].fill(0xff);
        }
        let sum = geometry.seed.bitmap(&block[..4]);
        if let Ok(bitmap) = Bitmap::decode_inodes(&block, sum, &geometry) {
            prop_assert_eq!(bitmap.encode(), block);
        } else {
            prop_assert!(!fill, "everything that must be set is set");
        }
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let geometry = sample_geometry();
    let full = [0xff; BLOCK_SIZE];
    let refuse = |bit: u32, part: &str| {
        let mut block = full;
        flip(&mut block, bit as usize);
        let sum = geometry.seed.bitmap(&block);
        assert_refused(Bitmap::decode_blocks(&block, sum, &geometry), part);
    };
    refuse(1199, "bit 1199 is clear although it is padding");
    refuse(
        geometry.block_bit(Pblk(1)),
        "bit 0 is clear although the block is metadata",
    );
    refuse(
        geometry.block_bit(Pblk(12)),
        "bit 11 is clear although the block is metadata",
    );
    let mut block = full;
    flip(&mut block, 9);
    let sum = geometry.seed.bitmap(&block[..4]);
    assert_refused(
        Bitmap::decode_inodes(&block, sum, &geometry),
        "bit 9 is clear although the inode is reserved",
    );
    let mut block = full;
    flip(&mut block, 32);
    let sum = geometry.seed.bitmap(&block[..4]);
    assert_refused(
        Bitmap::decode_inodes(&block, sum, &geometry),
        "bit 32 is clear although it is",
    );
}

#[test]
fn bits_and_blocks_correspond() {
    let geometry = sample_geometry();
    assert_eq!(geometry.bit_block(0), Pblk(1));
    assert_eq!(geometry.bit_block(geometry.block_bits() - 1), Pblk(1199));
    for block in 1..1200 {
        assert_eq!(
            geometry.bit_block(geometry.block_bit(Pblk(block))),
            Pblk(block)
        );
    }
    assert_eq!(Bitmap::new(0).count_clear(), 0);
    assert_eq!(Bitmap::new(0).find_clear(0), None);
    assert_eq!(
        Bitmap::new(BLOCKS_PER_GROUP).count_clear(),
        BLOCKS_PER_GROUP
    );
}
