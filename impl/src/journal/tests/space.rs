//! Room in the log: transactions of many blocks, a log that runs full, and its end.

use super::{Fixture, JOURNAL_BLOCKS, fill_bytes, homes, location, log_pblk};
use crate::journal::format::descriptor::TAGS_MAX;
use crate::journal::log_space::blocks_needed;
use crate::journal::{JournalError, JournalOptions, LogBlock, recover};
use crate::units::{Pblk, Tid};

fn small(head: u32, blocks: u32) -> JournalOptions {
    JournalOptions {
        head: Some(LogBlock(head)),
        log_blocks_max: Some(blocks),
    }
}

#[test]
fn a_transaction_counts_its_control_blocks() {
    assert_eq!(blocks_needed(0, 0), 1);
    assert_eq!(blocks_needed(1, 0), 3);
    assert_eq!(blocks_needed(62, 0), 64);
    assert_eq!(blocks_needed(63, 125), 63 + 2 + 1 + 1);
    assert_eq!(blocks_needed(0, 126), 3);
    assert_eq!(blocks_needed(u32::MAX, 1), u32::MAX);
}

#[test]
fn a_transaction_may_have_several_descriptors() {
    let fixture = Fixture::new();
    let changes: Vec<(u64, u8)> = (0..super::HOMES).map(|home| (home, home as u8)).collect();
    assert!(changes.len() > TAGS_MAX);
    fixture.commit(&changes);
    let recovered = recover(&*fixture.device, &location()).expect("the log is good");
    assert_eq!(
        (recovered.transactions, recovered.blocks_replayed),
        (1, changes.len() as u32)
    );
    assert_eq!(fill_bytes(&fixture.device.snapshot()), homes(&changes));
}

#[test]
fn a_transaction_may_have_several_revoke_blocks() {
    let fixture = Fixture::new();
    let mut handle = fixture.journal.start(200).expect("there is room");
    for home in 0..200 {
        handle.revoke(Pblk(home)).expect("the credits suffice");
    }
    handle.stop();
    fixture.commit(&[(1, 1)]);
    let recovered = recover(&*fixture.device, &location()).expect("the log is good");
    // Block 1 was journalled after it was revoked.
    assert_eq!(
        (recovered.blocks_revoked, recovered.blocks_replayed),
        (199, 1)
    );
}

#[test]
fn the_log_goes_on_at_its_first_block() {
    let last = JOURNAL_BLOCKS - 1;
    let fixture = Fixture::with_options(small(last - 3, 64));
    fixture.commit(&[(1, 1), (2, 1)]);
    fixture.commit(&[(2, 2), (3, 2)]);
    let log: Vec<Pblk> = [last - 3, last - 2, last - 1, last, 1, 2, 3, 4]
        .map(log_pblk)
        .to_vec();
    let written = fixture.device.blocks_written();
    assert_eq!(written[1..], log);
    let recovered = recover(&*fixture.device, &location()).expect("the log is good");
    assert_eq!(recovered.transactions, 2);
    assert_eq!(
        fill_bytes(&fixture.device.snapshot()),
        homes(&[(1, 1), (2, 2), (3, 2)])
    );
}

#[test]
fn a_transaction_may_lie_across_the_end_wherever_it_begins() {
    for before in 0..6 {
        let fixture = Fixture::with_options(small(JOURNAL_BLOCKS - 1 - before, 64));
        fixture.commit(&[(1, 1), (2, 2), (3, 3)]);
        let recovered = recover(&*fixture.device, &location()).expect("the log is good");
        assert_eq!(recovered.blocks_replayed, 3);
        assert_eq!(
            fill_bytes(&fixture.device.snapshot()),
            homes(&[(1, 1), (2, 2), (3, 3)])
        );
    }
}

/// Or a full log would look like an empty one.
#[test]
fn one_block_of_the_log_stays_unused() {
    let fixture = Fixture::new();
    let behind_superblock = JOURNAL_BLOCKS - 1;
    assert_eq!(fixture.journal.log_blocks_free(), behind_superblock - 1);
    fixture.commit(&[(1, 1)]);
    assert_eq!(fixture.journal.log_blocks_free(), behind_superblock - 1 - 3);
}

#[test]
fn a_full_log_is_checkpointed_and_used_again() {
    let fixture = Fixture::with_options(small(JOURNAL_BLOCKS - 7, 32));
    // Each transaction takes 3 blocks, so the log of 32 runs around and around.
    for round in 0..500u32 {
        let tid = fixture.commit(&[(u64::from(round) % 50, (round / 2) as u8)]);
        assert_eq!(tid, Tid(1 + round));
    }
    let mut expected = vec![(0, 0); 50];
    for round in 0..500u32 {
        expected[round as usize % 50] = (u64::from(round) % 50, (round / 2) as u8);
    }
    assert!(fixture.journal.log_blocks_free() < 32);
    let recovered = recover(&*fixture.device, &location()).expect("the log is good");
    assert!((1..=10).contains(&recovered.transactions), "{recovered:?}");
    assert_eq!(fill_bytes(&fixture.device.snapshot()), homes(&expected));
}

#[test]
fn a_checkpoint_gives_the_whole_log_back() {
    let fixture = Fixture::with_options(small(1, 32));
    for round in 0..3 {
        assert_eq!(fixture.journal.log_blocks_free(), 32);
        fixture.commit(&[(1, round)]);
        fixture.commit(&[(2, round), (3, round)]);
        assert_eq!(fixture.journal.log_blocks_free(), 32 - 3 - 4);
        fixture.journal.checkpoint_all().expect("the device writes");
    }
    assert_eq!(fixture.journal.log_blocks_free(), 32);
}

#[test]
fn what_just_fits_into_the_log_needs_no_checkpoint() {
    let fixture = Fixture::with_options(small(1, 32));
    for _ in 0..9 {
        fixture.commit(&[(1, 1)]);
    }
    assert_eq!(fixture.journal.log_blocks_free(), 5);
    // Three blocks, their descriptor and the commit block.
    fixture.commit(&[(1, 2), (2, 2), (3, 2)]);
    assert_eq!(fixture.journal.log_blocks_free(), 0);
    // The next one takes one.
    fixture.commit(&[(4, 3)]);
    assert_eq!(fixture.journal.log_blocks_free(), 32 - 3);
}

#[test]
fn a_transaction_takes_a_quarter_of_the_log_at_most() {
    let fixture = Fixture::with_options(small(1, 32));
    let too_large = JournalError::TooLarge { credits: 9, max: 8 };
    assert_eq!(fixture.journal.start(9).err(), Some(too_large));
    assert_eq!(fixture.journal.updates(), 0);
    fixture.update(&[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
    // Four more would make nine: the running transaction commits first.
    let tid = fixture.update(&[(6, 6), (7, 7), (8, 8), (9, 9)]);
    assert_eq!((tid, fixture.journal.committed()), (Tid(2), Tid(1)));
}

#[test]
fn credits_of_a_stopped_handle_are_given_back() {
    let fixture = Fixture::with_options(small(1, 32));
    for _ in 0..100 {
        fixture.journal.start(8).expect("there is room").stop();
    }
    assert_eq!(fixture.device.len(), 0);
}

#[test]
fn the_shortest_log_has_room_for_two_blocks() {
    let fixture = Fixture::with_options(small(1, 8));
    let too_large = JournalError::TooLarge { credits: 3, max: 2 };
    assert_eq!(fixture.journal.start(3).err(), Some(too_large));
    fixture.commit(&[(1, 1), (2, 2)]);
}

#[test]
fn options_that_do_not_fit_the_log_are_refused() {
    for options in [small(0, 64), small(JOURNAL_BLOCKS, 64), small(1, 7)] {
        let fixture = Fixture::new();
        let hooks = fixture.freed.clone();
        let opened = crate::journal::Journal::open(fixture.device, location(), hooks, options);
        assert!(
            matches!(opened.err(), Some(JournalError::Options { .. })),
            "{options:?}"
        );
    }
}
