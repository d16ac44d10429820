//! The blocks of the log: round trips, byte offsets, and bytes that are no such block.

use super::UUID;
use crate::disk::checksum::JournalSeed;
use crate::journal::circular::{Circular, LogBlock, LogRange};
use crate::journal::format::descriptor::{self, TAGS_MAX};
use crate::journal::format::revoke_block::{self, RECORDS_MAX};
use crate::journal::format::{BlockType, CommitRecord, Header, LogBlockError, Tag, escape};
use crate::journal::location::JournalLocation;
use crate::units::{BLOCK_SIZE, Block, Pblk, Tid};
use proptest::prelude::*;

fn seed() -> JournalSeed {
    JournalSeed::of_uuid(&UUID)
}

fn tag() -> impl Strategy<Value = Tag> {
    (any::<u64>(), any::<bool>(), any::<u32>()).prop_map(|(home, escaped, checksum)| Tag {
        home: Pblk(home),
        escaped,
        checksum,
    })
}

proptest! {
    #[test]
    fn descriptors_survive(tid: u32, tags in prop::collection::vec(tag(), 1..=TAGS_MAX)) {
        let block = descriptor::encode(Tid(tid), &tags, seed(), &UUID);
        prop_assert_eq!(descriptor::decode(&block, seed()), Ok((Tid(tid), tags)));
    }

    #[test]
    fn revoke_blocks_survive(
        tid: u32,
        revoked in prop::collection::vec(any::<u64>().prop_map(Pblk), 1..=RECORDS_MAX),
    ) {
        let block = revoke_block::encode(Tid(tid), &revoked, seed());
        prop_assert_eq!(revoke_block::decode(&block, seed()), Ok((Tid(tid), revoked)));
    }

    #[test]
    fn commit_blocks_survive(tid: u32, seconds: u64) {
        let record = CommitRecord { tid: Tid(tid), seconds };
        prop_assert_eq!(CommitRecord::decode(&record.encode(seed()), seed()), Ok(record));
    }

    #[test]
    fn one_changed_byte_is_noticed(at in 0..BLOCK_SIZE, change in 1..=u8::MAX, which in 0..3u32) {
        let mut block = sample(which);
        block[at] ^= change;
        prop_assert!(decode_any(which, &block).is_err());
    }

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(any::<u8>(), BLOCK_SIZE),
        block_type in 0..7u32,
    ) {
        let mut block: Block = bytes.try_into().expect("one block");
        for which in 0..3 {
            prop_assert!(decode_any(which, &block).is_err());
        }
        // The same with a good header and a good checksum, so that the content is looked at.
        block[..4].copy_from_slice(&0xc03b_3998u32.to_be_bytes());
        block[4..8].copy_from_slice(&block_type.to_be_bytes());
        let sum = seed().control_block(&block, BLOCK_SIZE - 4);
        block[BLOCK_SIZE - 4..].copy_from_slice(&sum.to_be_bytes());
        if let Ok((_, tags)) = descriptor::decode(&block, seed()) {
            prop_assert!((1..=TAGS_MAX).contains(&tags.len()));
        }
        if let Ok((_, revoked)) = revoke_block::decode(&block, seed()) {
            prop_assert!(revoked.len() <= RECORDS_MAX);
        }
    }
}

/// A block of each kind.
fn sample(which: u32) -> Block {
    let tid = Tid(9);
    match which {
        0 => {
            let tag = Tag {
                home: Pblk(5),
                escaped: true,
                checksum: 7,
            };
            descriptor::encode(tid, &[tag; 3], seed(), &UUID)
        }
        1 => revoke_block::encode(tid, &[Pblk(1), Pblk(2)], seed()),
        _ => CommitRecord { tid, seconds: 9 }.encode(seed()),
    }
}

/// Decodes a block as the kind that [`sample`] makes under this number.
fn decode_any(which: u32, block: &Block) -> Result<(), LogBlockError> {
    match which {
        0 => descriptor::decode(block, seed()).map(drop),
        1 => revoke_block::decode(block, seed()).map(drop),
        _ => CommitRecord::decode(block, seed()).map(drop),
    }
}

#[test]
fn a_descriptor_has_its_fields_where_jbd2_has_them() {
    let tag = |home, escaped| Tag {
        home: Pblk(home),
        escaped,
        checksum: 0xaabb_ccdd,
    };
    let tags = [tag(0x1_0000_0002, true), tag(3, false), tag(4, false)];
    let block = descriptor::encode(Tid(0x0102_0304), &tags, seed(), &UUID);
    assert_eq!(
        block[..12],
        [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 1, 1, 2, 3, 4]
    );
    // The first tag: low half of the home, flags, high half, checksum; then the UUID.
    assert_eq!(
        block[12..28],
        [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd]
    );
    assert_eq!(block[28..44], UUID);
    // The others follow without it, marked as having the same.
    assert_eq!(block[44..52], [0, 0, 0, 3, 0, 0, 0, 2]);
    assert_eq!(block[60..68], [0, 0, 0, 4, 0, 0, 0, 2 | 8]);
}

#[test]
fn commit_and_revoke_blocks_have_their_fields_where_jbd2_has_them() {
    let commit = CommitRecord {
        tid: Tid(6),
        seconds: 0x1_0000_0007,
    }
    .encode(seed());
    assert_eq!(
        commit[..12],
        [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 2, 0, 0, 0, 6]
    );
    assert_eq!(commit[48..60], [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0]);
    assert!(commit[60..].iter().all(|&byte| byte == 0));
    let revoke = revoke_block::encode(Tid(6), &[Pblk(0x2_0000_0001)], seed());
    assert_eq!(revoke[4..16], [0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 24]);
    assert_eq!(revoke[16..24], [0, 0, 0, 2, 0, 0, 0, 1]);
}

#[test]
fn a_block_of_another_journal_is_refused() {
    let other = JournalSeed::of_uuid(b"another journal!");
    for which in 0..3 {
        assert_eq!(decode_any(which, &sample(which)), Ok(()));
    }
    let refused = descriptor::decode(&sample(0), other);
    assert!(
        matches!(refused, Err(LogBlockError::Checksum { .. })),
        "{refused:?}"
    );
}

#[test]
fn tags_without_a_last_one_end_with_the_block() {
    let tag = Tag {
        home: Pblk(5),
        escaped: false,
        checksum: 7,
    };
    let mut block = descriptor::encode(Tid(1), &[tag; TAGS_MAX], seed(), &UUID);
    let last = 12 + 16 + TAGS_MAX * 16 - 16;
    block[last + 4..last + 8].copy_from_slice(&2u32.to_be_bytes());
    let sum = seed().control_block(&block, BLOCK_SIZE - 4);
    block[BLOCK_SIZE - 4..].copy_from_slice(&sum.to_be_bytes());
    let (_, tags) = descriptor::decode(&block, seed()).expect("the checksum matches");
    assert_eq!(tags, [tag; TAGS_MAX]);
}

#[test]
fn a_block_type_that_nobody_knows_is_no_header() {
    let mut block = sample(2);
    let header = Header {
        block_type: BlockType::Commit,
        tid: Tid(9),
    };
    assert_eq!(Header::decode(&block), Some(header));
    block[7] = 6;
    assert_eq!(Header::decode(&block), None);
}

#[test]
fn escaping_hides_the_magic_number_and_only_that() {
    let mut block = [0x55; BLOCK_SIZE];
    assert_eq!(escape::escape(&block), None);
    block[..4].copy_from_slice(&0xc03b_3998u32.to_be_bytes());
    let mut escaped = escape::escape(&block).expect("it begins with the magic number");
    assert_eq!(escaped[..5], [0, 0, 0, 0, 0x55]);
    escape::unescape(&mut escaped);
    assert_eq!(escaped, block);
}

#[test]
fn the_log_is_a_circle() {
    let circle = Circular::new(3, 7);
    assert_eq!(circle.advance(LogBlock(6), 1), LogBlock(3));
    assert_eq!(circle.advance(LogBlock(5), 9), LogBlock(6));
    assert_eq!(circle.advance(LogBlock(4), u32::MAX), LogBlock(3));
    let mut range = LogRange::new(circle, LogBlock(5), 3);
    assert_eq!(
        [range.take(), range.take(), range.take()].map(|block| block.0),
        [5, 6, 3]
    );
    assert_eq!((range.left(), range.next()), (0, LogBlock(4)));
}

#[test]
fn a_journal_may_lie_in_pieces() {
    let location = JournalLocation::new([(Pblk(10), 2), (Pblk(3), 0), (Pblk(20), 1)]);
    let location = location.expect("three blocks");
    let blocks: Vec<u64> = (0..3)
        .map(|block| location.pblk(LogBlock(block)).0)
        .collect();
    assert_eq!((location.blocks(), blocks), (3, vec![10, 11, 20]));
    assert!(location.contains(Pblk(11)) && location.contains(Pblk(20)));
    assert!(!location.contains(Pblk(3)) && !location.contains(Pblk(12)));
    assert_eq!(JournalLocation::new([]), None);
    assert_eq!(JournalLocation::new([(Pblk(u64::MAX), 1)]), None);
    assert_eq!(
        JournalLocation::new([(Pblk(0), u32::MAX), (Pblk(0), 1)]),
        None
    );
}
