//! Tests of extent nodes.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{arbitrary_block, assert_refused, flip, overwrite, overwrites, sample_geometry};
use crate::disk::bytes::{put_le16, put_le32};
use crate::disk::checksum::InodeSeed;
use crate::disk::extent::{
    DEPTH_MAX, Extent, ExtentIndex, ExtentNode, NodePlace, UNWRITTEN_LEN_MAX, WHOLE_FILE,
    WRITTEN_LEN_MAX,
};
use crate::disk::geometry::{Geometry, InodePosition};
use crate::disk::inode::{FLAG_EXTENTS, FileType, Inode};
use crate::units::{BLOCK_SIZE, Block, Ino, Lblk, Pblk};

fn seed() -> InodeSeed {
    sample_geometry().seed.of_inode(Ino(12), 5)
}

fn place(depth: u16, range: Range<Lblk>) -> NodePlace {
    NodePlace {
        block: Pblk(100),
        ino: Ino(12),
        seed: seed(),
        depth,
        range,
    }
}

fn inode_position() -> InodePosition {
    sample_geometry()
        .locate(Ino(12))
        .expect("the sample has 32 inodes")
}

fn empty_inode() -> Inode {
    Inode {
        mode: FileType::Regular.mode(0o644),
        uid: 0,
        gid: 0,
        size: 0,
        atime: 0,
        ctime: 0,
        mtime: 0,
        crtime: 0,
        dtime: 0,
        links: 1,
        blocks_512: 0,
        flags: 0,
        generation: 5,
        i_block: [0; 60],
    }
}

fn encoded(node: &ExtentNode) -> Block {
    let mut block = [0; BLOCK_SIZE];
    node.encode_block(&mut block, seed());
    block
}

fn seal(block: &mut Block) {
    let sum = seed().extent_block(block, 4);
    put_le32(block, BLOCK_SIZE - 4, sum);
}

fn extent(lblk: u32, len: u32, pblk: u64, unwritten: bool) -> Extent {
    Extent {
        lblk: Lblk(lblk),
        len,
        pblk: Pblk(pblk),
        unwritten,
    }
}

/// Sorted extents with gaps, on data blocks of the sample (13..1200), at most `max` of them.
fn leaves(max: usize) -> impl Strategy<Value = ExtentNode> {
    let step = (0..50_000_000_u32, 1..=100_u32, 13..1100_u64, any::<bool>());
    vec(step, 0..=max).prop_map(|steps| {
        let mut at = 0;
        let mut extents = Vec::new();
        for (gap, len, pblk, unwritten) in steps {
            extents.push(extent(at + gap, len, pblk, unwritten));
            at += gap + len;
        }
        ExtentNode::Leaf(extents)
    })
}

fn indices(max: usize) -> impl Strategy<Value = ExtentNode> {
    (
        1..=DEPTH_MAX,
        vec((0..50_000_000_u32, 13..1200_u64), 1..=max),
    )
        .prop_map(|(depth, steps)| {
            let mut at = 0;
            let mut children = Vec::new();
            for (gap, child) in steps {
                children.push(ExtentIndex {
                    lblk: Lblk(at + gap),
                    child: Pblk(child),
                });
                at += gap + 1;
            }
            ExtentNode::Index { depth, children }
        })
}

fn nodes(max: usize) -> impl Strategy<Value = ExtentNode> {
    prop_oneof![leaves(max), indices(max)]
}

/// What every caller relies on.
fn assert_sound(node: &ExtentNode, geometry: &Geometry) {
    match node {
        ExtentNode::Leaf(extents) => {
            assert!(
                extents.windows(2).all(|pair| pair[0].end() <= pair[1].lblk),
                "{node:?}"
            );
            assert!(
                extents
                    .iter()
                    .all(|e| geometry.is_data(e.pblk, u64::from(e.len))),
                "{node:?}"
            );
        }
        ExtentNode::Index { depth, children } => {
            assert!(
                (1..=DEPTH_MAX).contains(depth) && !children.is_empty(),
                "{node:?}"
            );
            assert!(
                children.windows(2).all(|pair| pair[0].lblk < pair[1].lblk),
                "{node:?}"
            );
            assert!(
                children
                    .iter()
                    .all(|index| geometry.is_data(index.child, 1)),
                "{node:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        node in nodes(ExtentNode::BLOCK_CAPACITY),
        mut other in arbitrary_block(),
    ) {
        let at = place(node.depth(), WHOLE_FILE);
        let geometry = sample_geometry();
        let decoded = ExtentNode::decode_block(&encoded(&node), &at, &geometry);
        prop_assert_eq!(decoded.as_ref(), Ok(&node));
        node.encode_block(&mut other, seed());
        prop_assert_eq!(ExtentNode::decode_block(&other, &at, &geometry), Ok(node));
    }

    #[test]
    fn a_root_survives_its_inode(node in nodes(ExtentNode::ROOT_CAPACITY)) {
        let mut inode = empty_inode();
        node.encode_root(&mut inode);
        prop_assert_eq!(inode.flags, FLAG_EXTENTS);
        let decoded = ExtentNode::decode_root(&inode, inode_position(), &sample_geometry());
        prop_assert_eq!(decoded, Ok(node));
    }

    #[test]
    fn a_flipped_bit_is_noticed(node in nodes(8), bit in 0..8 * BLOCK_SIZE) {
        let mut block = encoded(&node);
        flip(&mut block, bit);
        let at = place(node.depth(), WHOLE_FILE);
        let outcome = ExtentNode::decode_block(&block, &at, &sample_geometry());
        assert_refused(outcome, "extent node of inode 12, block 100: checksum is 0x");
    }

    #[test]
    fn sealed_lies_are_refused_or_sound(node in nodes(8), lies in overwrites(12 + 8 * 12)) {
        let geometry = sample_geometry();
        let at = place(node.depth(), WHOLE_FILE);
        let mut block = encoded(&node);
        overwrite(&mut block, &lies);
        seal(&mut block);
        if let Ok(decoded) = ExtentNode::decode_block(&block, &at, &geometry) {
            assert_sound(&decoded, &geometry);
            decoded.encode_block(&mut block, seed());
            prop_assert_eq!(ExtentNode::decode_block(&block, &at, &geometry), Ok(decoded));
        }
    }

    #[test]
    fn lies_in_the_root_are_refused_or_sound(node in nodes(4), lies in overwrites(60)) {
        let geometry = sample_geometry();
        let mut inode = empty_inode();
        node.encode_root(&mut inode);
        for (at, value) in lies {
            inode.i_block[at] = value;
        }
        if let Ok(decoded) = ExtentNode::decode_root(&inode, inode_position(), &geometry) {
            assert_sound(&decoded, &geometry);
        }
    }

    #[test]
    fn sealed_arbitrary_extents_are_refused_exactly_if_unsound(
        extents in vec((any::<u32>(), prop_oneof![0..9_u16, any::<u16>()], 0..1300_u32), 0..4),
    ) {
        let geometry = sample_geometry();
        let mut block = encoded(&ExtentNode::empty());
        put_le16(&mut block, 2, extents.len() as u16);
        let mut free_from = 0;
        let mut sound = true;
        for (slot, &(lblk, encoded_len, pblk)) in extents.iter().enumerate() {
            let at = 12 + 12 * slot;
            put_le32(&mut block, at, lblk);
            put_le16(&mut block, at + 4, encoded_len);
            put_le32(&mut block, at + 8, pblk);
            let len = match encoded_len {
                0..=0x8000 => u64::from(encoded_len),
                _ => u64::from(encoded_len - 0x8000),
            };
            let (start, end) = (u64::from(lblk), u64::from(lblk) + len);
            sound &= len > 0 && start >= free_from && end < 1 << 32;
            sound &= pblk >= 13 && u64::from(pblk) + len <= 1200;
            free_from = end;
        }
        seal(&mut block);
        let outcome = ExtentNode::decode_block(&block, &place(0, WHOLE_FILE), &geometry);
        prop_assert_eq!(outcome.is_ok(), sound, "{:?}", outcome);
        if let Ok(node) = outcome {
            assert_sound(&node, &geometry);
            prop_assert_eq!(node.len(), extents.len());
        }
    }
}

#[test]
fn lengths_say_whether_an_extent_is_written() {
    let mut geometry = sample_geometry();
    geometry.blocks = 1 << 48;
    let longest = ExtentNode::Leaf(vec![
        extent(0, WRITTEN_LEN_MAX, 13, false),
        extent(
            1 << 15,
            UNWRITTEN_LEN_MAX,
            (1 << 48) - u64::from(UNWRITTEN_LEN_MAX),
            true,
        ),
    ]);
    let block = encoded(&longest);
    assert_eq!(block[16..18], [0x00, 0x80], "the longest written length");
    assert_eq!(block[28..30], [0xff, 0xff], "the longest unwritten length");
    let decoded = ExtentNode::decode_block(&block, &place(0, WHOLE_FILE), &geometry);
    assert_eq!(decoded, Ok(longest));
}

#[test]
fn refusals_say_what_is_wrong() {
    let geometry = sample_geometry();
    let leaf = ExtentNode::Leaf(vec![extent(10, 5, 20, false), extent(20, 5, 30, true)]);
    let refuse = |lie: &dyn Fn(&mut Block), part: &str| {
        let mut block = encoded(&leaf);
        lie(&mut block);
        seal(&mut block);
        let outcome = ExtentNode::decode_block(&block, &place(0, Lblk(10)..Lblk(25)), &geometry);
        assert_refused(outcome, part);
    };
    refuse(
        &|block| put_le16(block, 0, 0),
        "magic number is 0x0, not 0xf30a",
    );
    refuse(
        &|block| put_le16(block, 2, 85),
        "number of entries is 85, not within 0..=84",
    );
    refuse(
        &|block| put_le16(block, 4, 85),
        "capacity for entries is 85",
    );
    refuse(
        &|block| put_le16(block, 6, 1),
        "depth is 1, not within 0..=0",
    );
    refuse(&|block| put_le16(block, 16, 0), "length of an extent is 0");
    refuse(
        &|block| put_le16(block, 16, 11),
        "extent entry 1 is out of order",
    );
    refuse(
        &|block| put_le32(block, 12, 9),
        "extent entry 0 is out of order",
    );
    refuse(
        &|block| put_le32(block, 24, 21),
        "extent entry 1 is out of order",
    );
    refuse(
        &|block| put_le32(block, 24, u32::MAX),
        "extent entry 1 is out of order",
    );
    refuse(
        &|block| put_le32(block, 20, 1198),
        "extent names blocks 1198..1203, which are not",
    );
    refuse(
        &|block| put_le32(block, 20, 12),
        "extent names blocks 12..17, which are not",
    );
    refuse(
        &|block| put_le16(block, 18, 0xffff),
        "extent names blocks 281470681743380..",
    );
}

#[test]
fn refusals_say_what_is_wrong_with_an_index_or_a_root() {
    let geometry = sample_geometry();
    let children = vec![ExtentIndex {
        lblk: Lblk(0),
        child: Pblk(1200),
    }];
    let block = encoded(&ExtentNode::Index { depth: 1, children });
    let outcome = ExtentNode::decode_block(&block, &place(1, WHOLE_FILE), &geometry);
    assert_refused(outcome, "child names blocks 1200..1201");
    let block = encoded(&ExtentNode::Index {
        depth: 1,
        children: Vec::new(),
    });
    let outcome = ExtentNode::decode_block(&block, &place(1, WHOLE_FILE), &geometry);
    assert_refused(outcome, "number of entries is 0, not within 1..=84");
    let outcome = ExtentNode::decode_root(&empty_inode(), inode_position(), &geometry);
    assert_refused(outcome, "the inode has no extent tree");
}

#[test]
fn a_child_maps_what_lies_before_the_next() {
    let child = |lblk| ExtentIndex {
        lblk: Lblk(lblk),
        child: Pblk(50),
    };
    let node = ExtentNode::Index {
        depth: 2,
        children: vec![child(5), child(9)],
    };
    let range = Lblk(3)..Lblk(20);
    assert_eq!(node.child_range(0, &range), Some(Lblk(5)..Lblk(9)));
    assert_eq!(node.child_range(1, &range), Some(Lblk(9)..Lblk(20)));
    assert_eq!(node.child_range(2, &range), None);
    assert_eq!(ExtentNode::empty().child_range(0, &range), None);
}

#[test]
fn an_extent_locates_its_blocks() {
    let extent = extent(10, 3, 100, false);
    let found = [9, 10, 12, 13].map(|lblk| extent.locate(Lblk(lblk)));
    assert_eq!(found, [None, Some(Pblk(100)), Some(Pblk(102)), None]);
    assert_eq!(extent.end(), Lblk(13));
}
