//! Logs that nobody wrote: recovery ends, within bounds, with a verdict.

use super::device::TraceDevice;
use super::{FIRST_TID, Fixture, HOMES, JOURNAL, JOURNAL_BLOCKS, UUID, location, log_pblk};
use crate::device::memory::Image;
use crate::disk::checksum::JournalSeed;
use crate::journal::format::{CommitRecord, Tag, descriptor, revoke_block};
use crate::journal::{JournalOptions, LogBlock, RecoveryError, recover};
use crate::units::{Block, Pblk, Tid};
use proptest::prelude::*;

fn seed() -> JournalSeed {
    JournalSeed::of_uuid(&UUID)
}

/// A log that begins at block `start` with transaction 1, every block of it made by `block`.
fn log_of(start: u32, block: impl Fn(u32) -> Block) -> Image {
    let mut image = super::empty_image(FIRST_TID);
    let superblock = super::encoded(&super::superblock(FIRST_TID, start));
    image.set(JOURNAL, &superblock).expect("on the device");
    for at in 1..JOURNAL_BLOCKS {
        image.set(log_pblk(at), &block(at)).expect("on the device");
    }
    image
}

fn tag(home: u64) -> Tag {
    Tag {
        home: Pblk(home),
        escaped: false,
        checksum: 0,
    }
}

#[test]
fn a_log_of_descriptors_only_ends_after_one_lap() {
    let block = descriptor::encode(FIRST_TID, &[tag(1); 62], seed(), &UUID);
    let device = TraceDevice::new(log_of(500, |_| block));
    let recovered = recover(&device, &location()).expect("nothing was committed");
    assert_eq!((recovered.transactions, recovered.blocks_replayed), (0, 0));
}

#[test]
fn a_log_of_commit_blocks_only_is_a_log_of_empty_transactions() {
    let block = |at: u32| {
        let tid = Tid((at + JOURNAL_BLOCKS - 1 - 500) % (JOURNAL_BLOCKS - 1) + 1);
        CommitRecord { tid, seconds: 0 }.encode(seed())
    };
    let device = TraceDevice::new(log_of(500, block));
    let recovered = recover(&device, &location()).expect("nothing is wrong with it");
    assert_eq!(recovered.transactions, JOURNAL_BLOCKS - 1);
    assert_eq!(recovered.blocks_replayed, 0);
}

#[test]
fn a_log_of_revoke_blocks_revokes_once_for_each_block() {
    let block = |at: u32| {
        if at == JOURNAL_BLOCKS - 1 {
            return CommitRecord {
                tid: FIRST_TID,
                seconds: 0,
            }
            .encode(seed());
        }
        let revoked: Vec<Pblk> = (0..125).map(|home| Pblk(u64::from(at) + home)).collect();
        revoke_block::encode(FIRST_TID, &revoked, seed())
    };
    let device = TraceDevice::new(log_of(1, block));
    let recovered = recover(&device, &location()).expect("nothing is wrong with it");
    assert_eq!(recovered.blocks_revoked, JOURNAL_BLOCKS - 2 + 124);
}

#[test]
fn homes_anywhere_are_refused_or_damaged_but_never_written() {
    for home in [HOMES + 5000, u64::MAX, JOURNAL.0, log_pblk(1023).0, 3] {
        let mut image = log_of(1, |_| [0; 1024]);
        let tags = descriptor::encode(FIRST_TID, &[tag(home)], seed(), &UUID);
        image.set(log_pblk(1), &tags).expect("on the device");
        let commit = CommitRecord {
            tid: FIRST_TID,
            seconds: 0,
        }
        .encode(seed());
        image.set(log_pblk(3), &commit).expect("on the device");
        let device = TraceDevice::new(image);
        let (tid, home) = (FIRST_TID, Pblk(home));
        let expected = match home.0 {
            3 => RecoveryError::DamagedCopy { tid, home },
            _ => RecoveryError::NotAHome { tid, home },
        };
        assert_eq!(recover(&device, &location()), Err(expected));
        assert_eq!(device.len(), 0);
    }
}

#[test]
fn a_superblock_that_makes_no_sense_is_an_error() {
    let mut image = super::empty_image(FIRST_TID);
    image.set(JOURNAL, &[0x77; 1024]).expect("on the device");
    let refused = recover(&TraceDevice::new(image), &location());
    assert!(
        matches!(refused, Err(RecoveryError::Format(_))),
        "{refused:?}"
    );
}

/// A dirty journal: a few transactions across the end of the log, with revokes.
fn dirty() -> Image {
    let options = JournalOptions {
        head: Some(LogBlock(1018)),
        log_blocks_max: Some(64),
    };
    let fixture = Fixture::with_options(options);
    fixture.commit(&[(1, 1), (2, 1), (3, 1)]);
    let mut handle = fixture.journal.start(2).expect("there is room");
    handle.revoke(Pblk(1)).expect("a credit");
    handle.revoke(Pblk(2)).expect("a credit");
    handle.stop();
    fixture.commit(&[(2, 2), (4, 2)]);
    fixture.commit(&[(5, 3)]);
    fixture.device.snapshot()
}

/// The blocks of [`dirty`]'s log and its superblock.
const DIRTY: [u32; 16] = [
    0, 1018, 1019, 1020, 1021, 1022, 1023, 1, 2, 3, 4, 5, 6, 7, 8, 9,
];

#[derive(Clone, Debug)]
enum Damage {
    Bits { block: usize, at: usize, bits: u8 },
    Fill { block: usize, byte: u8 },
    Swap { one: usize, other: usize },
    Copy { from: usize, to: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    let block = || 0..DIRTY.len();
    prop_oneof![
        6 => (block(), 0..64usize, 1..=u8::MAX)
            .prop_map(|(block, at, bits)| Damage::Bits { block, at, bits }),
        2 => (block(), 0..1024usize, 1..=u8::MAX)
            .prop_map(|(block, at, bits)| Damage::Bits { block, at, bits }),
        1 => (block(), any::<u8>()).prop_map(|(block, byte)| Damage::Fill { block, byte }),
        1 => (block(), block()).prop_map(|(one, other)| Damage::Swap { one, other }),
        1 => (block(), block()).prop_map(|(from, to)| Damage::Copy { from, to }),
    ]
}

fn read(image: &Image, index: usize) -> Block {
    *image.block(log_pblk(DIRTY[index]))
}

fn write(image: &mut Image, index: usize, block: &Block) {
    image
        .set(log_pblk(DIRTY[index]), block)
        .expect("on the device");
}

fn apply(image: &mut Image, damage: &Damage) {
    match *damage {
        Damage::Bits { block, at, bits } => {
            let mut content = read(image, block);
            content[at] ^= bits;
            write(image, block, &content);
        }
        Damage::Fill { block, byte } => write(image, block, &[byte; 1024]),
        Damage::Swap { one, other } => {
            let (a, b) = (read(image, one), read(image, other));
            write(image, one, &b);
            write(image, other, &a);
        }
        Damage::Copy { from, to } => {
            let content = read(image, from);
            write(image, to, &content);
        }
    }
}

/// Recomputes the checksums that tell damage, so that the damage is believed.
fn forge(image: &mut Image) {
    for at in DIRTY {
        let mut block = *image.block(log_pblk(at));
        let checksum = match (at, block[7]) {
            (0, _) => continue,
            (_, 2) => 16,
            _ => 1020,
        };
        if block[..4] != 0xc03b_3998u32.to_be_bytes() {
            continue;
        }
        let sum = seed().control_block(&block, checksum);
        block[checksum..checksum + 4].copy_from_slice(&sum.to_be_bytes());
        image.set(log_pblk(at), &block).expect("on the device");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_journals_get_a_verdict(
        damages in prop::collection::vec(damage(), 1..4),
        forged: bool,
    ) {
        let mut image = dirty();
        for damage in &damages {
            apply(&mut image, damage);
        }
        if forged {
            forge(&mut image);
        }
        let device = TraceDevice::new(image);
        match recover(&device, &location()) {
            // An accepted log is empty afterwards, and recovering again changes nothing.
            Ok(_) => {
                let written = device.len();
                let again = recover(&device, &location()).expect("it was accepted");
                prop_assert_eq!((again.transactions, device.len()), (0, written));
            }
            // A refused one keeps its superblock.
            Err(_) => prop_assert!(!device.blocks_written().contains(&JOURNAL)),
        }
    }
}
