//! Handles that get more credits, or begin again, while a file's extents are removed.

use super::*;
use crate::error::FsError;
use crate::journal::JournalOptions;
use crate::{punch_hole, truncate, unlink, write};

/// As few log blocks as leave a truncate its credits, and not one more.
const LOG_BLOCKS_MAX: u32 = 64;

/// A file of one block, a hole of one block, and so on, durable, in a file system whose
/// transactions are too small to extend a truncate's handle.
fn fragmented(design: Design, blocks: u32, protocol: Protocol<RecordingDevice>) -> Fixture {
    let mount = MountOptions {
        design,
        blocks_per_folio: 1,
        journal: JournalOptions {
            log_blocks_max: Some(LOG_BLOCKS_MAX),
            ..JournalOptions::default()
        },
        ..MountOptions::default()
    };
    let f = Fixture::with_protocol(mount, protocol);
    for block in 0..blocks {
        let offset = u64::from(2 * block) * BLOCK;
        write::buffered_write(&f.fs, &f.inode, offset, &pattern(1, BLOCK_SIZE)).unwrap();
    }
    fsync::fsync(&f.fs, &f.inode).unwrap();
    f
}

/// Content of the first `size` bytes of such a file.
fn striped(size: usize) -> Vec<u8> {
    let block = pattern(1, BLOCK_SIZE);
    let zeroes = [0; BLOCK_SIZE];
    let stripes = [&block[..], &zeroes[..]].concat();
    stripes.iter().copied().cycle().take(size).collect()
}

#[test]
fn a_truncate_may_take_more_than_one_transaction() {
    for design in Design::ALL {
        let f = fragmented(design, 3, Protocol::correct());
        let before = f.fs.journal().committed();
        truncate::truncate_down(&f.fs, &f.inode, 100).unwrap();
        assert!(f.fs.journal().committed().is_after(before), "it restarted");
        assert_eq!(f.inode.read_data().quota_used, 1);
        f.expect(&striped(100));
    }
}

#[test]
fn a_hole_and_a_deletion_may_too() {
    for design in Design::ALL {
        let f = fragmented(design, 3, Protocol::correct());
        punch_hole::punch_hole(&f.fs, &f.inode, BLOCK, 4 * BLOCK).unwrap();
        let mut expected = striped(BLOCK_SIZE);
        expected.resize(5 * BLOCK_SIZE, 0);
        f.expect(&expected);
        let f = fragmented(design, 6, Protocol::correct());
        let free = f.fs.space().peek_counters().free;
        unlink::unlink(&f.fs, NAME).unwrap();
        crate::evict::iput(&f.fs, &f.inode).unwrap();
        // Six blocks, and the leaf that six extents take.
        assert_eq!(f.fs.space().peek_counters().free, free + 7);
        assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
    }
}

/// What the first transaction leaves is right on its own, and the orphan list has the rest done.
#[test]
fn a_power_cut_between_two_transactions_of_a_truncate() {
    let protocol = Protocol {
        truncate_restart: |fs, handle, inode, data, credits| {
            truncate::truncate_restart(fs, handle, inode, data, credits)?;
            assert_eq!(handle.credits_left(), credits);
            Err(FsError::BadAddress)
        },
        ..Protocol::correct()
    };
    for design in Design::ALL {
        let f = fragmented(design, 3, protocol);
        let cut = truncate::truncate_down(&f.fs, &f.inode, 100);
        assert_eq!(cut, Err(FsError::BadAddress));
        let device = Arc::new(RecordingDevice::with_base(Arc::new(f.device.snapshot())));
        let (fs, report) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
        assert_eq!(report.orphans_truncated, 1);
        let inode = directory::lookup(&fs, NAME).unwrap();
        Fixture { device, fs, inode }.expect(&striped(100));
    }
}

#[test]
fn a_handle_is_extended_where_there_is_room_and_stopped_when_it_can_not_begin_again() {
    let f = Fixture::new(1);
    let mut handle = f.fs.start_handle(1).unwrap();
    assert!(handle.extend(2));
    assert_eq!(handle.credits_left(), 3);
    let tid = handle.tid();
    handle.restart(5).unwrap();
    assert_eq!(
        (handle.tid(), handle.credits_left()),
        (tid, 5),
        "nobody has committed"
    );
    handle.stop();
    let f = fragmented(Design::Im, 1, Protocol::correct());
    let mut handle = f.fs.start_handle(15).unwrap();
    assert!(!handle.extend(2));
    assert_eq!(handle.credits_left(), 15);
    f.fs.journal().mark_aborted("the test wants it to");
    assert!(handle.restart(1).is_err());
    assert_eq!((handle.credits_left(), f.fs.journal().updates()), (0, 0));
    drop(handle);
    assert_eq!(f.fs.journal().updates(), 0);
}

/// What it has changed before is in another update, which has paid for it.
#[test]
fn a_handle_that_begins_again_has_all_its_credits() {
    let f = Fixture::new(1);
    let mut handle = f.fs.start_handle(2).unwrap();
    handle.modify(f.fs.superblock_buffer(), |_| ()).unwrap();
    assert_eq!(handle.credits_left(), 1);
    handle.restart(1).unwrap();
    assert_eq!(handle.credits_left(), 1);
    handle.modify(f.fs.superblock_buffer(), |_| ()).unwrap();
    assert_eq!(handle.credits_left(), 0);
}
