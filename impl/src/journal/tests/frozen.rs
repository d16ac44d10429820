//! A buffer that the next transaction changes while the committing one logs it.

use super::device::TraceDevice;
use super::{FIRST_TID, empty_image, fill_bytes, homes, location};
use crate::buffer::Buffer;
use crate::device::DeviceError;
use crate::journal::{
    CommitHooks, Journal, JournalInode, JournalOptions, JournalSteps, Ordered, RecoveryError,
    recover,
};
use crate::units::{BLOCK_SIZE, Ino, Pblk, Tid};
use rt::sync::{Arc, LeafMutex};
use std::ops::Range;

/// The inode whose ordered data the commit writes when the intruder strikes.
const INO: Ino = Ino(12);

/// Where the intruder strikes.
type Target = (Arc<Journal<TraceDevice>>, Arc<Buffer>);

/// Changes a buffer through a handle of the next transaction, in the middle of the commit.
struct Intruder {
    target: LeafMutex<Option<Target>>,
}

impl CommitHooks for Intruder {
    fn submit_inode_data(&self, ino: Ino, bytes: Range<u64>) -> Result<(), DeviceError> {
        assert_eq!((ino, bytes), (INO, 0..1));
        if let Some((journal, buffer)) = self.target.with(Option::take) {
            let mut handle = journal.start(1).expect("the barrier is open again");
            assert_eq!(handle.tid(), FIRST_TID.next());
            handle
                .modify(&buffer, |block| block.fill(9))
                .expect("one credit");
            handle.stop();
        }
        Ok(())
    }

    fn freed(&self, _: Tid, _: &[Pblk]) {}
}

/// Commits a block filled with 1 while the next transaction fills it with 9; returns what becomes
/// of the block in a crash after the commit, and after the next one.
fn crash_after_each_commit(
    steps: JournalSteps<TraceDevice>,
) -> [Result<Vec<Option<u8>>, RecoveryError>; 2] {
    let device = Arc::new(TraceDevice::new(empty_image(FIRST_TID)));
    let hooks = Arc::new(Intruder {
        target: LeafMutex::new(None),
    });
    let options = JournalOptions::default();
    let journal =
        Journal::open_with_steps(device.clone(), location(), hooks.clone(), options, steps);
    let journal = Arc::new(journal.expect("the journal is clean"));
    let buffer = Arc::new(Buffer::new(Pblk(1), [0; BLOCK_SIZE]));
    let mut handle = journal.start(1).expect("there is room");
    handle
        .modify(&buffer, |block| block.fill(1))
        .expect("one credit");
    handle.order_data(&Arc::new(JournalInode::new(INO)), Ordered::Write, 0..1);
    handle.stop();
    hooks
        .target
        .with(|target| *target = Some((journal.clone(), buffer.clone())));
    [FIRST_TID, FIRST_TID.next()].map(|tid| {
        assert_eq!(journal.commit_once(), Ok(Some(tid)));
        assert_eq!(buffer.read(|block| block[0]), 9);
        let crashed = TraceDevice::new(device.snapshot());
        recover(&crashed, &location()).map(|_| fill_bytes(&crashed.snapshot()))
    })
}

#[test]
fn a_transaction_logs_what_it_held_when_it_was_closed() {
    let [first, second] = crash_after_each_commit(JournalSteps::correct());
    assert_eq!(first, Ok(homes(&[(1, 1)])));
    assert_eq!(second, Ok(homes(&[(1, 9)])));
}

#[test]
fn without_frozen_images_a_transaction_logs_what_is_not_its_own() {
    // Logs what a buffer holds when the log is written.
    let live = JournalSteps {
        frozen_image: |captured| captured.buffer.snapshot(),
        ..JournalSteps::correct()
    };
    let [first, _] = crash_after_each_commit(live);
    assert_eq!(first, Ok(homes(&[(1, 9)])));
}
