//! Recovery of logs that end badly, revoke, escape, or are damaged.

use super::{FIRST_TID, Fixture, JOURNAL, fill_bytes, homes, location, log_pblk};
use crate::device::memory::{Image, MemoryDevice};
use crate::journal::superblock::JournalSuperblock;
use crate::journal::{JournalSteps, Recovered, RecoveryError, recover, recovery};
use crate::units::{BLOCK_SIZE, Block, Pblk, Tid};
use rt::sync::Arc;

/// Recovers a copy of an image; returns what was done and the result.
fn recovered(image: &Image) -> (Recovered, Image) {
    let device = MemoryDevice::with_base(Arc::new(image.clone()));
    let done = recover(&device, &location()).expect("the log is good");
    (done, device.snapshot())
}

fn recovery_error(image: &Image) -> (RecoveryError, Image) {
    let device = MemoryDevice::with_base(Arc::new(image.clone()));
    let error = recover(&device, &location()).expect_err("the log is bad");
    (error, device.snapshot())
}

fn journal_superblock(image: &Image) -> JournalSuperblock {
    JournalSuperblock::decode(image.block(JOURNAL), JOURNAL, location().blocks())
        .expect("the superblock is valid")
}

fn changed(image: &Image, at: Pblk, change: impl FnOnce(&mut Block)) -> Image {
    let mut image = image.clone();
    let mut block = *image.block(at);
    change(&mut block);
    image.set(at, &block).expect("the block is on the device");
    image
}

/// Two transactions: blocks 1..=4 of the log and 5..=7.
fn two_transactions() -> Image {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1), (2, 1)]);
    fixture.commit(&[(2, 2)]);
    fixture.device.snapshot()
}

#[test]
fn a_clean_journal_is_left_as_it_is() {
    let image = super::empty_image(Tid(40));
    let (done, after) = recovered(&image);
    assert_eq!(
        (done.transactions, done.last, done.blocks_replayed),
        (0, None, 0)
    );
    assert_eq!(after, image);
}

#[test]
fn recovery_marks_the_log_empty_and_skips_a_number() {
    let (done, after) = recovered(&two_transactions());
    assert_eq!((done.transactions, done.last), (2, Some(Tid(2))));
    assert_eq!(done.blocks_replayed, 2);
    let superblock = journal_superblock(&after);
    // Number 3 was not found; what is left of it must not pass for the next transaction.
    assert_eq!((superblock.sequence, superblock.start), (Tid(4), 0));
    let (again, same) = recovered(&after);
    assert_eq!((again.transactions, again.blocks_replayed), (0, 0));
    assert_eq!(same, after);
}

#[test]
fn any_change_of_the_last_commit_block_discards_its_transaction() {
    let image = two_transactions();
    for at in 0..BLOCK_SIZE {
        let (done, after) = recovered(&changed(&image, log_pblk(7), |block| block[at] ^= 0x10));
        assert_eq!(done.last, Some(FIRST_TID), "byte {at}");
        assert_eq!(fill_bytes(&after), homes(&[(1, 1), (2, 1)]), "byte {at}");
    }
}

#[test]
fn a_log_ends_where_a_descriptor_is_torn() {
    let image = two_transactions();
    let torn = changed(&image, log_pblk(5), |block| block[512..].fill(0xee));
    assert_eq!(recovered(&torn).0.last, Some(FIRST_TID));
    let torn = changed(&image, log_pblk(1), |block| block[512..].fill(0xee));
    let (done, after) = recovered(&torn);
    assert_eq!((done.transactions, done.last), (0, None));
    assert_eq!(fill_bytes(&after), homes(&[]));
    assert_eq!(journal_superblock(&after).sequence, Tid(2));
}

#[test]
fn a_damaged_copy_is_an_error_and_the_log_stays() {
    let image = two_transactions();
    let damaged = changed(&image, log_pblk(6), |block| block[9] ^= 1);
    let (error, after) = recovery_error(&damaged);
    let home = Pblk(2);
    assert_eq!(error, RecoveryError::DamagedCopy { tid: Tid(2), home });
    assert_eq!(after.block(JOURNAL), damaged.block(JOURNAL));
}

#[test]
fn the_journal_is_nobody_s_home() {
    let fixture = Fixture::new();
    let buffer = fixture.cache.get(log_pblk(9)).expect("the device reads");
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle
        .modify(&buffer, |block| block.fill(1))
        .expect("one credit");
    handle.stop();
    fixture.commit(&[(1, 1)]);
    let (error, _) = recovery_error(&fixture.device.snapshot());
    let home = log_pblk(9);
    assert_eq!(
        error,
        RecoveryError::NotAHome {
            tid: FIRST_TID,
            home
        }
    );
}

#[test]
fn revoked_copies_are_not_replayed() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1), (2, 1)]);
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle.revoke(Pblk(1)).expect("one credit");
    handle.stop();
    fixture.commit(&[(3, 2)]);
    let (done, after) = recovered(&fixture.device.snapshot());
    assert_eq!(
        (
            done.copies_revoked,
            done.blocks_revoked,
            done.blocks_replayed
        ),
        (1, 1, 2)
    );
    assert_eq!(fill_bytes(&after), homes(&[(2, 1), (3, 2)]));
    // Nor does a checkpoint write them home.
    fixture.journal.checkpoint_all().expect("the device writes");
    assert_eq!(
        fill_bytes(&fixture.device.snapshot()),
        homes(&[(2, 1), (3, 2)])
    );
}

#[test]
fn a_block_journalled_and_then_revoked_by_one_transaction_is_revoked() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1)]);
    let buffer = fixture.cache.get(Pblk(1)).expect("cached");
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle
        .modify(&buffer, |block| block.fill(2))
        .expect("one credit");
    handle.revoke(Pblk(1)).expect("paid for");
    handle.stop();
    fixture.commit(&[(3, 2)]);
    assert_eq!(
        fill_bytes(&recovered(&fixture.device.snapshot()).1),
        homes(&[(3, 2)])
    );
}

#[test]
fn a_block_revoked_and_then_journalled_is_replayed() {
    for same_transaction in [true, false] {
        let fixture = Fixture::new();
        fixture.commit(&[(1, 1)]);
        let mut handle = fixture.journal.start(1).expect("there is room");
        handle.revoke(Pblk(1)).expect("one credit");
        handle.stop();
        if !same_transaction {
            fixture.journal.commit_once().expect("the device writes");
        }
        fixture.commit(&[(1, 3)]);
        let (done, after) = recovered(&fixture.device.snapshot());
        assert_eq!(done.blocks_revoked, u32::from(!same_transaction));
        assert_eq!(fill_bytes(&after), homes(&[(1, 3)]));
    }
}

#[test]
fn forgotten_buffers_are_not_logged() {
    let fixture = Fixture::new();
    let buffer = fixture.cache.get(Pblk(1)).expect("the device reads");
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle
        .modify(&buffer, |block| block.fill(2))
        .expect("one credit");
    handle.forget(&buffer);
    handle.stop();
    assert_eq!(fixture.journal.commit_once(), Ok(None));
    fixture.cache.forget(Pblk(1));
    let again = fixture.cache.get(Pblk(1)).expect("the device reads");
    assert_eq!(again.read(|block| block[0]), 0);
}

#[test]
fn a_block_that_looks_like_a_commit_block_is_escaped() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1)]);
    let commit_block = *fixture.device.snapshot().block(log_pblk(3));
    let buffer = fixture.cache.get(Pblk(5)).expect("the device reads");
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle
        .modify(&buffer, |block| *block = commit_block)
        .expect("one credit");
    handle.stop();
    fixture.commit(&[(6, 6)]);
    let image = fixture.device.snapshot();
    assert_eq!(image.block(log_pblk(5))[..4], [0; 4]);
    let (done, after) = recovered(&image);
    assert_eq!((done.transactions, done.blocks_replayed), (2, 3));
    assert_eq!(after.block(Pblk(5)), &commit_block);
}

#[test]
fn a_recovery_that_ignores_revocations_is_noticed() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1)]);
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle.revoke(Pblk(1)).expect("one credit");
    handle.stop();
    fixture.commit(&[(2, 2)]);
    let image = fixture.device.snapshot();
    assert_eq!(fill_bytes(&recovered(&image).1), homes(&[(2, 2)]));
    let device = MemoryDevice::with_base(Arc::new(image));
    let steps = JournalSteps {
        is_revoked: |_, _, _| false,
        ..JournalSteps::correct()
    };
    recovery::recover_with_steps(&device, &location(), &steps).expect("good log");
    assert_eq!(fill_bytes(&device.snapshot()), homes(&[(1, 1), (2, 2)]));
}
