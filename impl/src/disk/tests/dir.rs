//! Tests of directory blocks.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{arbitrary_block, assert_refused, flip, overwrite, overwrites, sample_geometry};
use crate::disk::bytes::{put_le16, put_le32};
use crate::disk::checksum::InodeSeed;
use crate::disk::dir::{DirectoryBlock, Entry, InsertError};
use crate::disk::error::FormatError;
use crate::disk::inode::FileType;
use crate::units::{BLOCK_SIZE, Block, Ino, Pblk};

fn seed() -> InodeSeed {
    sample_geometry().seed.of_inode(Ino(2), 0)
}

fn decode(block: &Block) -> Result<DirectoryBlock, FormatError> {
    DirectoryBlock::decode(block, Pblk(50), Ino(2), seed(), &sample_geometry())
}

fn seal(block: &mut Block) {
    let sum = seed().directory(block, 12);
    put_le32(block, BLOCK_SIZE - 4, sum);
}

fn sample() -> DirectoryBlock {
    let mut directory = DirectoryBlock::init(Ino(2), Ino(2));
    for (name, ino) in [
        (&b"lost+found"[..], 11),
        (b"a", 12),
        (b"removed", 13),
        (b"b", 14),
    ] {
        directory
            .insert(name, Ino(ino), FileType::Regular)
            .expect("there is room");
    }
    assert_eq!(directory.remove(b"removed"), Some(Ino(13)));
    directory
}

/// Something to do to a directory.
#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, u32),
    Remove(Vec<u8>),
}

/// Few names, so that they meet again, of all lengths, so that blocks fill up.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = (
        0..12_u8,
        prop_oneof![Just(1_usize), 2..20_usize, 200..=255_usize],
    )
        .prop_map(|(letter, len)| vec![b'a' + letter; len]);
    let insert = (name.clone(), 1..=32_u32).prop_map(|(name, ino)| Step::Insert(name, ino));
    let remove = name.prop_map(Step::Remove);
    vec(prop_oneof![3 => insert, 2 => remove], 0..120)
}

/// Requires that the block holds exactly these names, before and after it is encoded.
fn assert_holds(directory: &DirectoryBlock, names: &BTreeMap<Vec<u8>, Ino>) {
    let decoded = decode(&directory.encode(seed())).expect("what is encoded decodes");
    assert_eq!(&decoded.entries(), &directory.entries());
    let held: BTreeMap<Vec<u8>, Ino> = directory
        .entries()
        .into_iter()
        .map(|entry| (entry.name, entry.ino))
        .collect();
    assert_eq!(&held, names);
    assert_eq!(
        directory.entries().len(),
        names.len(),
        "no name is there twice"
    );
}

proptest! {
    #[test]
    fn a_directory_is_a_map(steps in steps()) {
        let mut directory = DirectoryBlock::empty();
        let mut names = BTreeMap::new();
        for step in steps {
            match step {
                Step::Insert(name, ino) => {
                    let outcome = directory.insert(&name, Ino(ino), FileType::Regular);
                    let exists = names.contains_key(&name);
                    match outcome {
                        Ok(()) => prop_assert_eq!(names.insert(name, Ino(ino)), None),
                        Err(InsertError::Exists) => prop_assert!(exists),
                        Err(error) => {
                            prop_assert_eq!((error, exists), (InsertError::Full, false));
                            // Records are never moved, so a block can be full with bytes to
                            // spare, but not with so few names in it.
                            let used: usize =
                                names.keys().map(|name: &Vec<u8>| name.len() + 11).sum();
                            prop_assert!(used + 264 * (names.len() + 1) > 1012);
                        }
                    }
                }
                Step::Remove(name) => {
                    prop_assert_eq!(directory.remove(&name), names.remove(&name));
                    prop_assert_eq!(directory.lookup(&name), None);
                }
            }
            assert_holds(&directory, &names);
        }
        prop_assert_eq!(directory.is_vacant(), names.is_empty());
        for name in names.keys() {
            prop_assert!(directory.remove(name).is_some());
        }
        // With every name gone, the whole block is one record again.
        let longest = [b'x'; 255];
        for letter in 0..3 {
            let mut name = longest;
            name[0] = letter + 1;
            prop_assert_eq!(directory.insert(&name, Ino(1), FileType::Regular), Ok(()));
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed(bit in 0..8 * BLOCK_SIZE) {
        let mut block = sample().encode(seed());
        flip(&mut block, bit);
        let outcome = decode(&block);
        // The 8 bytes before the checksum are not summed; they have only one valid value.
        let summed = bit / 8 < BLOCK_SIZE - 12 || bit / 8 >= BLOCK_SIZE - 4;
        let part = if summed { "block 50: checksum is 0x" } else { "there is no checksum record" };
        assert_refused(outcome, part);
    }

    #[test]
    fn sealed_lies_are_refused_or_kept(lies in overwrites(80)) {
        let mut block = sample().encode(seed());
        overwrite(&mut block, &lies);
        seal(&mut block);
        if let Ok(mut directory) = decode(&block) {
            prop_assert_eq!(directory.encode(seed()), block);
            let entries = directory.entries();
            prop_assert!(entries.iter().all(|entry| (1..=32).contains(&entry.ino.0)));
            for entry in entries {
                prop_assert!(directory.lookup(&entry.name).is_some());
                prop_assert!(directory.remove(&entry.name).is_some());
                prop_assert!(decode(&directory.encode(seed())).is_ok());
            }
            prop_assert!(directory.entries().is_empty());
        }
    }

    #[test]
    fn sealed_arbitrary_bytes_are_refused(mut block in arbitrary_block(), len in 0..=255_u16) {
        put_le16(&mut block, 4, len * 4);
        block[BLOCK_SIZE - 12..BLOCK_SIZE - 4].copy_from_slice(&[0, 0, 0, 0, 12, 0, 0, 0xde]);
        seal(&mut block);
        // An arbitrary number names one of 32 inodes about once in 2^27 times.
        prop_assert!(decode(&block).is_err());
    }
}

#[test]
fn a_new_directory_holds_itself_and_its_parent() {
    let directory = DirectoryBlock::init(Ino(12), Ino(2));
    let entry = |name: &[u8], ino| Entry {
        ino: Ino(ino),
        file_type: FileType::Directory,
        name: name.to_vec(),
    };
    assert_eq!(directory.entries(), [entry(b".", 12), entry(b"..", 2)]);
    assert!(directory.is_vacant());
    assert!(!sample().is_vacant());
}

#[test]
fn names_that_no_file_can_have_are_refused() {
    let mut directory = DirectoryBlock::empty();
    for name in [&b""[..], b"a/b", b"a\0b", &[b'x'; 256]] {
        let outcome = directory.insert(name, Ino(12), FileType::Regular);
        assert_eq!(outcome, Err(InsertError::Name), "{name:?}");
    }
    assert_eq!(directory, DirectoryBlock::empty());
}

#[test]
fn a_block_holds_as_many_names_as_fit() {
    let mut directory = DirectoryBlock::empty();
    let mut count = 0;
    while directory.insert(&[b'a', count], Ino(12), FileType::Regular) != Err(InsertError::Full) {
        count += 1;
        assert!(count < 200, "the block never fills up");
        if count == b'/' {
            count += 1;
        }
    }
    // Names of two bytes take 12 bytes each, and 1012 bytes hold 84. Number 0 was not valid and
    // number b'/' was not tried.
    assert_eq!(directory.entries().len(), 84);
}

#[test]
fn refusals_say_what_is_wrong() {
    // Records lie at 0 ".", 12 "..", 24 "lost+found", 44 "a" with the room of "removed", 72 "b".
    let refuse = |lie: &dyn Fn(&mut Block), part: &str| {
        let mut block = sample().encode(seed());
        lie(&mut block);
        seal(&mut block);
        assert_refused(decode(&block), part);
    };
    let not_a_length = "record at byte 24: its length is not that of a record";
    refuse(&|block| put_le16(block, 28, 0), not_a_length);
    refuse(&|block| put_le16(block, 28, 8), not_a_length);
    refuse(&|block| put_le16(block, 28, 22), not_a_length);
    refuse(
        &|block| put_le16(block, 28, 16),
        "record at byte 24: it is too short for its name",
    );
    refuse(
        &|block| put_le16(block, 76, 944),
        "record at byte 72: it reaches beyond the end",
    );
    refuse(
        &|block| put_le32(block, 24, 33),
        "record at byte 24: its inode does not exist",
    );
    refuse(
        &|block| block[34] = b'/',
        "record at byte 24: its name is not valid",
    );
    refuse(
        &|block| block[30] = 0,
        "record at byte 24: its name is not valid",
    );
    refuse(
        &|block| block[31] = 0,
        "record at byte 24: its file type is unknown",
    );
    refuse(
        &|block| block[BLOCK_SIZE - 5] = 0,
        "directory 2, block 50: record at byte 1012: there",
    );
}
