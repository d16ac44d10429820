//! Direct writes that are durable when they return, and what fdatasync leaves out.

use super::*;
use crate::direct::{Submitted, direct_write_sync, direct_write_sync_async};
use crate::fsync::Sync;
use crate::units::Tid;
use crate::user::UserBuffer;
use crate::{unlink, write};
use cutpoint_event::What;

/// A file of two durable blocks of `pattern(1)`, with nothing left to commit.
fn with_blocks(protocol: Protocol<RecordingDevice>) -> Fixture {
    let f = Fixture::with_protocol(MountOptions::default(), protocol);
    write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, 2 * BLOCK_SIZE)).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    f
}

impl Fixture {
    /// Writes, and says whether that took a commit.
    fn sync_write(&self, offset: u64, bytes: &[u8], sync: Sync) -> bool {
        let before = self.fs.journal().committed();
        let user = UserBuffer::new(bytes);
        let written = direct_write_sync(&self.fs, &self.inode, offset, &user, sync);
        assert_eq!(written, Ok(bytes.len()));
        self.fs.journal().committed() != before
    }

    /// Lets flushes fail from now on.
    fn fail_flushes(&self) {
        self.device.set_faults(Faults {
            flushes: Fault::Always,
            ..Faults::default()
        });
    }
}

/// What is only written in place goes through the device's cache: no commit, and no flush, which
/// would fail here.
#[test]
fn an_overwrite_needs_neither_commit_nor_flush() {
    let f = with_blocks(Protocol::correct());
    f.fail_flushes();
    assert!(!f.sync_write(BLOCK, &pattern(2, BLOCK_SIZE), Sync::Data));
    let user = UserBuffer::new(&[7; BLOCK_SIZE]);
    let flushed = direct_write_sync(&f.fs, &f.inode, 0, &user, Sync::All);
    assert!(flushed.is_err(), "O_SYNC asks for more than the data");
}

#[test]
fn what_changes_the_file_is_committed() {
    // A block beyond the end, the rest of the last block, and a hole.
    let f = with_blocks(Protocol::correct());
    assert!(f.sync_write(2 * BLOCK, &pattern(2, 100), Sync::Data));
    assert!(f.sync_write(2 * BLOCK, &pattern(3, BLOCK_SIZE), Sync::Data));
    assert_eq!(f.inode.size.get(), 3 * BLOCK);
    crate::punch_hole::punch_hole(&f.fs, &f.inode, 0, BLOCK).unwrap();
    assert!(f.sync_write(0, &pattern(4, BLOCK_SIZE), Sync::Data));
    let mut expected = pattern(1, 2 * BLOCK_SIZE);
    put(&mut expected, 2 * BLOCK_SIZE, &pattern(3, BLOCK_SIZE));
    put(&mut expected, 0, &pattern(4, BLOCK_SIZE));
    let again = f.crash();
    assert_same(&again.content(), &expected);
}

/// Something about the file waits for a commit that the write itself does not need.
#[test]
fn an_overwrite_of_a_file_that_is_not_committed_commits_it() {
    let f = Fixture::new(1);
    write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, BLOCK_SIZE)).unwrap();
    fsync::write_and_wait(&f.fs, &f.inode, ALL).unwrap();
    assert!(f.sync_write(0, &pattern(2, BLOCK_SIZE), Sync::Data));
    assert_same(&f.crash().content(), &pattern(2, BLOCK_SIZE));
}

/// Catalogue entry D46: the block is there already, the size is not.
#[test]
fn without_the_flag_the_size_of_a_synchronous_write_is_lost() {
    let protocol = Protocol {
        iomap_is_dirty: |fs, inode, end| {
            let end = end.min(inode.size.get());
            crate::direct::map::iomap_is_dirty(fs, inode, end)
        },
        ..Protocol::correct()
    };
    for (protocol, size) in [(protocol, 100), (Protocol::correct(), BLOCK)] {
        let f = with_blocks(protocol);
        crate::truncate::truncate_down(&f.fs, &f.inode, 100).unwrap();
        fsync::fsync(&f.fs, &f.inode).unwrap();
        f.sync_write(0, &pattern(2, BLOCK_SIZE), Sync::Data);
        assert_eq!(f.crash().inode.size.get(), size);
    }
}

#[test]
fn nobody_need_wait_for_a_synchronous_write() {
    let f = with_blocks(Protocol::correct());
    crate::punch_hole::punch_hole(&f.fs, &f.inode, 0, BLOCK).unwrap();
    let (bytes, before) = (pattern(2, BLOCK_SIZE), f.fs.journal().committed());
    let user = UserBuffer::new(&bytes);
    let submitted = direct_write_sync_async(&f.fs, &f.inode, BLOCK, &user, Sync::Data).unwrap();
    let Submitted::Queued(write) = submitted else {
        panic!("an overwrite is not waited for");
    };
    assert_eq!(f.fs.wait_direct_io(&write), Ok(BLOCK_SIZE));
    assert_ne!(f.fs.journal().committed(), before, "the hole comes along");
}

#[test]
fn fdatasync_leaves_the_number_of_names_to_others() {
    let f = with_blocks(Protocol::correct());
    f.inode.iget();
    unlink::unlink(&f.fs, NAME).unwrap();
    let committed = || f.fs.journal().committed();
    let before: Tid = committed();
    fsync::fdatasync(&f.fs, &f.inode).unwrap();
    assert_eq!(committed(), before);
    fsync::fsync(&f.fs, &f.inode).unwrap();
    assert_ne!(committed(), before);
}

#[test]
fn what_a_buffer_that_ends_early_has_converted_is_committed() {
    let f = with_blocks(Protocol::correct());
    let extend = crate::fallocate::SizeMode::Extend;
    crate::fallocate::fallocate(&f.fs, &f.inode, 2 * BLOCK, 2 * BLOCK, extend).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    let bytes = pattern(2, 2 * BLOCK_SIZE);
    let user = UserBuffer::bad_from(&bytes, BLOCK_SIZE);
    let written = direct_write_sync(&f.fs, &f.inode, 2 * BLOCK, &user, Sync::Data);
    assert_eq!(written, Ok(BLOCK_SIZE));
    let mut expected = pattern(1, 2 * BLOCK_SIZE);
    put(&mut expected, 2 * BLOCK_SIZE, &bytes[..BLOCK_SIZE]);
    expected.resize(4 * BLOCK_SIZE, 0);
    assert_same(&f.crash().content(), &expected);
}

/// The ranges that have been promised while `call` ran. Only in the std runtime: elsewhere only an
/// explorer can record.
fn promised(call: impl FnOnce()) -> Vec<(u64, u64)> {
    log::start();
    call();
    let events = log::finish().events.into_iter();
    let ranges = events.filter_map(|event| match event.what {
        What::Acknowledged { args, .. } => args.range(""),
        _ => None,
    });
    ranges.collect()
}

/// In the report of a crash, the promise that is broken is the one that was made.
#[test]
fn what_has_been_written_is_promised_and_no_more() {
    if rt::RUNTIME != "std" {
        return;
    }
    for (offset, len) in [(0, BLOCK_SIZE), (BLOCK, BLOCK_SIZE), (300, 2_000)] {
        let f = with_blocks(Protocol::correct());
        let bytes = pattern(2, len);
        let range = (offset, offset + len as u64);
        let waited_for = promised(|| {
            f.sync_write(offset, &bytes, Sync::Data);
        });
        assert_eq!(waited_for, [range]);
    }
    for (pinned, expected) in [(2 * BLOCK_SIZE, vec![(0, 2 * BLOCK)]), (0, vec![])] {
        let f = with_blocks(Protocol::correct());
        let bytes = pattern(2, 2 * BLOCK_SIZE);
        let user = UserBuffer::pinned_to(&bytes, pinned);
        let submitted = direct_write_sync_async(&f.fs, &f.inode, 0, &user, Sync::Data).unwrap();
        let Submitted::Queued(write) = submitted else {
            panic!("an overwrite is not waited for");
        };
        let ended = promised(|| assert_eq!(f.fs.wait_direct_io(&write), Ok(pinned)));
        assert_eq!(ended, expected);
    }
}

/// Who can pin only a part of the buffer, or nothing, was promised all of it.
#[test]
fn what_is_left_to_the_page_cache_is_durable_too() {
    for design in Design::ALL {
        for pinned in [0, BLOCK_SIZE] {
            let f = Fixture::in_design(design, 1);
            let bytes = pattern(1, 2 * BLOCK_SIZE);
            let user = UserBuffer::pinned_to(&bytes, pinned);
            let written = direct_write_sync(&f.fs, &f.inode, 0, &user, Sync::Data);
            assert_eq!(written, Ok(bytes.len()));
            assert_same(&f.crash().content(), &bytes);
        }
    }
}
