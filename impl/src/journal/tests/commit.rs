//! Handles, commits, checkpoints and aborts, one step at a time.

use super::device::{Request, TraceDevice};
use super::{
    FIRST_TID, Fixture, Freed, HOMES, JOURNAL, empty_image, encoded, fill_bytes, homes, location,
    log_pblk, superblock,
};
use crate::device::Durability;
use crate::journal::superblock::JournalSuperblock;
use crate::journal::{Journal, JournalError, JournalOptions, clear_recorded_error, recover};
use crate::units::{Pblk, Tid};
use rt::sync::Arc;

#[test]
fn a_commit_writes_descriptor_block_and_commit_block_and_no_home() {
    let fixture = Fixture::new();
    assert_eq!(fixture.commit(&[(3, 7), (5, 8)]), FIRST_TID);
    // First the superblock, which says where the log begins; the flush stands before the commit
    // block and after everything that it vouches for.
    let log: Vec<Pblk> = (1..=4).map(log_pblk).collect();
    let expected = [&[JOURNAL], &log[..]].concat();
    assert_eq!(fixture.device.blocks_written(), expected);
    let requests = fixture.device.requests();
    assert_eq!(requests.len(), 6);
    assert_eq!(requests[4], Request::Flush);
    for (index, fua) in [(0, true), (1, false), (2, false), (3, false), (5, true)] {
        let Request::Write { durability, .. } = &requests[index] else {
            panic!("request {index} is a write");
        };
        assert_eq!(*durability == Durability::Fua, fua, "request {index}");
    }
    assert_eq!(fill_bytes(&fixture.device.snapshot()), homes(&[]));
}

#[test]
fn a_committed_transaction_is_recovered_and_an_uncommitted_one_is_not() {
    let fixture = Fixture::new();
    fixture.commit(&[(3, 7), (5, 8)]);
    fixture.update(&[(3, 9)]);
    let recovered = recover(&*fixture.device, &location()).expect("the log is good");
    assert_eq!(
        (recovered.transactions, recovered.last),
        (1, Some(FIRST_TID))
    );
    assert_eq!(recovered.blocks_replayed, 2);
    assert_eq!(
        fill_bytes(&fixture.device.snapshot()),
        homes(&[(3, 7), (5, 8)])
    );
}

#[test]
fn nothing_to_commit_is_no_transaction() {
    let fixture = Fixture::new();
    assert_eq!(fixture.journal.commit_once(), Ok(None));
    fixture.journal.start(3).expect("there is room").stop();
    assert_eq!(fixture.journal.commit_once(), Ok(None));
    assert_eq!(fixture.journal.wait_commit(FIRST_TID), Ok(false));
    assert_eq!(fixture.device.len(), 0);
    assert_eq!(fixture.journal.committed(), Tid(0));
}

#[test]
fn waiting_for_a_commit_commits_and_waits_for_no_other() {
    let fixture = Fixture::new();
    let first = fixture.update(&[(1, 1)]);
    assert_eq!(fixture.journal.wait_commit(first), Ok(true));
    let second = fixture.update(&[(1, 2)]);
    assert_eq!(second, first.next());
    assert_eq!(fixture.journal.wait_commit(first), Ok(false));
    assert_eq!(fixture.journal.committed(), first);
    assert_eq!(fixture.journal.wait_commit(second), Ok(true));
    assert_eq!(fixture.journal.committed(), second);
}

#[test]
fn transaction_numbers_wrap_around() {
    let options = JournalOptions::default();
    let fixture = Fixture::open(super::empty_image(Tid(u32::MAX)), options);
    assert_eq!(fixture.commit(&[(1, 1)]), Tid(u32::MAX));
    assert_eq!(fixture.commit(&[(1, 2)]), Tid(0));
    assert_eq!(fixture.journal.wait_commit(Tid(u32::MAX)), Ok(false));
    assert_eq!(fixture.commit(&[(2, 3)]), Tid(1));
    let recovered = recover(&*fixture.device, &location()).expect("the log is good");
    assert_eq!((recovered.transactions, recovered.last), (3, Some(Tid(1))));
    assert_eq!(
        fill_bytes(&fixture.device.snapshot()),
        homes(&[(1, 2), (2, 3)])
    );
}

#[test]
fn handles_of_one_transaction_share_a_buffer() {
    let fixture = Fixture::new();
    let buffer = fixture.cache.get(Pblk(2)).expect("the device reads");
    let mut one = fixture.journal.start(1).expect("there is room");
    let mut other = fixture.journal.start(1).expect("there is room");
    assert_eq!((one.tid(), fixture.journal.updates()), (other.tid(), 2));
    one.modify(&buffer, |block| block[0] = 1)
        .expect("one credit");
    other
        .modify(&buffer, |block| block[1] = 2)
        .expect("one credit");
    one.stop();
    drop(other);
    assert_eq!(fixture.journal.updates(), 0);
    fixture.journal.commit_once().expect("the device writes");
    recover(&*fixture.device, &location()).expect("the log is good");
    assert_eq!(fixture.device.snapshot().block(Pblk(2))[..3], [1, 2, 0]);
}

#[test]
fn a_handle_pays_once_for_each_block() {
    let fixture = Fixture::new();
    let buffer = |home| fixture.cache.get(Pblk(home)).expect("the device reads");
    let mut handle = fixture.journal.start(2).expect("there is room");
    handle
        .modify(&buffer(1), |block| block[0] = 1)
        .expect("the first credit");
    handle
        .modify(&buffer(1), |block| block[1] = 1)
        .expect("paid for");
    handle.revoke(Pblk(9)).expect("the second credit");
    assert_eq!(handle.credits_left(), 0);
    let refused = Err(JournalError::OutOfCredits { credits: 2 });
    assert_eq!(handle.modify(&buffer(2), |block| block[0] = 1), refused);
    assert_eq!(handle.revoke(Pblk(3)), refused);
    assert_eq!(buffer(2).read(|block| block[0]), 0);
    handle
        .modify(&buffer(1), |block| block[2] = 1)
        .expect("paid for");
}

#[test]
fn freed_blocks_are_released_by_the_commit_and_not_before() {
    let fixture = Fixture::new();
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle.free_on_commit([Pblk(9), Pblk(8)]);
    handle.free_on_commit([Pblk(9)]);
    handle.stop();
    assert!(fixture.freed.0.with(|freed| freed.is_empty()));
    assert_eq!(fixture.journal.commit_once(), Ok(Some(FIRST_TID)));
    fixture.commit(&[(1, 1)]);
    let freed = fixture.freed.0.with(|freed| freed.clone());
    assert_eq!(freed, [(FIRST_TID, vec![Pblk(8), Pblk(9)])]);
}

#[test]
fn a_checkpoint_writes_what_was_committed_last_and_nothing_newer() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1), (2, 1)]);
    fixture.commit(&[(2, 2), (3, 2)]);
    fixture.update(&[(1, 9), (3, 9), (4, 9)]);
    let before = fixture.device.len();
    assert_eq!(fixture.journal.checkpoint_all(), Ok(()));
    let image = fixture.device.snapshot();
    assert_eq!(fill_bytes(&image), homes(&[(1, 1), (2, 2), (3, 2)]));
    // Three homes, the flush, the tail.
    let requests = fixture.device.requests();
    assert_eq!(requests.len() - before, 5);
    assert_eq!(requests[before + 3], Request::Flush);
    let tail = super::superblock(Tid(3), 0);
    assert_eq!(image.block(JOURNAL), &super::encoded(&tail));
    // The running transaction went on, and commits to a log that begins with it.
    assert_eq!(fixture.journal.commit_once(), Ok(Some(Tid(3))));
    let recovered = recover(&*fixture.device, &location()).expect("the log is good");
    assert_eq!(recovered.transactions, 1);
    let expected = homes(&[(1, 9), (2, 2), (3, 9), (4, 9)]);
    assert_eq!(fill_bytes(&fixture.device.snapshot()), expected);
}

#[test]
fn a_checkpointed_journal_opens_clean_and_goes_on() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1)]);
    fixture.commit(&[(1, 2)]);
    assert_eq!(fixture.journal.checkpoint_all(), Ok(()));
    assert_eq!(fixture.journal.checkpoint_all(), Ok(()));
    let image = fixture.device.snapshot();
    let again = Fixture::open(image, JournalOptions::default());
    assert_eq!(again.commit(&[(1, 3)]), Tid(3));
}

#[test]
fn a_journal_that_needs_recovery_does_not_open() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1)]);
    let (device, hooks) = (fixture.device.clone(), fixture.freed.clone());
    let options = JournalOptions::default();
    let refused = Journal::open(device.clone(), location(), hooks.clone(), options);
    assert_eq!(refused.err(), Some(JournalError::NeedsRecovery));
    recover(&*device, &location()).expect("the log is good");
    assert!(Journal::open(device, location(), hooks, options).is_ok());
}

#[test]
fn an_abort_is_sticky_and_no_commit_block_follows_it() {
    let fixture = Fixture::new();
    fixture.update(&[(1, 1)]);
    fixture.journal.abort("a test");
    fixture.journal.abort("another");
    let aborted = JournalError::Aborted {
        reason: "a test".into(),
    };
    assert_eq!(fixture.journal.start(1).err(), Some(aborted.clone()));
    assert_eq!(fixture.journal.commit_once(), Err(aborted.clone()));
    assert_eq!(fixture.journal.wait_commit(FIRST_TID), Err(aborted.clone()));
    assert_eq!(fixture.journal.checkpoint_all(), Err(aborted));
    assert_eq!(fixture.device.blocks_written(), [JOURNAL]);
    assert_eq!(fixture.journal.updates(), 0);
}

#[test]
fn a_failed_log_write_aborts_before_the_commit_block() {
    for bad in 1..=3 {
        let fixture = Fixture::new();
        fixture.device.fail_writes_of(log_pblk(bad));
        fixture.update(&[(1, 1), (2, 2)]);
        let failed = fixture.journal.commit_once();
        assert!(matches!(failed, Err(JournalError::Device(_))), "{failed:?}");
        assert!(matches!(
            fixture.journal.start(1),
            Err(JournalError::Aborted { .. })
        ));
        assert!(!fixture.device.blocks_written().contains(&log_pblk(4)));
        assert_eq!(fixture.device.in_flight(), 0);
        assert_eq!(fixture.journal.committed(), Tid(0));
    }
}

#[test]
fn a_failed_checkpoint_aborts_and_leaves_the_tail() {
    let fixture = Fixture::new();
    fixture.commit(&[(1, 1), (2, 2)]);
    let superblock = || {
        let snapshot = fixture.device.snapshot();
        JournalSuperblock::decode(snapshot.block(JOURNAL), JOURNAL, 1024).expect("it is valid")
    };
    let before = superblock();
    fixture.device.fail_writes_of(Pblk(2));
    let failed = fixture.journal.checkpoint_all();
    assert!(matches!(failed, Err(JournalError::Device(_))), "{failed:?}");
    assert!(matches!(
        fixture.journal.commit_once(),
        Err(JournalError::Aborted { .. })
    ));
    assert_eq!(fixture.device.in_flight(), 0);
    let errno = -5;
    assert_eq!(superblock(), JournalSuperblock { errno, ..before });
}

#[test]
fn a_journal_that_was_aborted_is_not_opened_before_that_has_been_noted() {
    let mut image = empty_image(FIRST_TID);
    let errno = -5;
    let aborted = JournalSuperblock {
        errno,
        ..superblock(FIRST_TID, 0)
    };
    image.set(JOURNAL, &encoded(&aborted)).expect("it is there");
    let device = Arc::new(TraceDevice::new(image));
    let open = || {
        let hooks = Arc::new(Freed::default());
        Journal::open(device.clone(), location(), hooks, JournalOptions::default())
    };
    let recorded = JournalError::RecordedError { errno };
    assert_eq!(open().err(), Some(recorded));
    clear_recorded_error(&*device, &location()).expect("the device is sound");
    assert_eq!(open().err(), None);
}

#[test]
fn a_home_beyond_the_device_aborts_the_checkpoint() {
    let fixture = Fixture::new();
    let beyond = fixture.cache.get_new(Pblk(HOMES + 5000));
    let mut handle = fixture.journal.start(1).expect("there is room");
    handle
        .modify(&beyond, |block| block.fill(1))
        .expect("one credit");
    handle.stop();
    fixture.commit(&[(1, 1)]);
    let failed = fixture.journal.checkpoint_all();
    assert!(matches!(failed, Err(JournalError::Device(_))), "{failed:?}");
    assert_eq!(fixture.device.in_flight(), 0);
}
