//! What is told, kept and given up when the device fails, and when space runs out in writeback.

use super::*;
use crate::delalloc::Delalloc;
use crate::error::FsError;
use crate::errseq::OpenFile;
use crate::extent::Status;
use crate::extent::tree::EXTENTS_MAX;
use crate::fallocate::{SizeMode, fallocate};
use crate::fault;
use crate::fs::DataError;
use crate::journal::JournalError;
use crate::writeback::writepages;
use crate::{punch_hole, setattr, truncate, unlink, write};

const IO: &str = "a device error";

fn is_io(outcome: &Result<(), FsError>) -> bool {
    matches!(outcome, Err(FsError::Device(_)))
}

/// A file of one durable block of `pattern(1)`, in a file system that is mounted as told.
fn with_block(design: Design, data_error: DataError) -> Fixture {
    let f = Fixture::mounted(MountOptions {
        design,
        data_error,
        ..MountOptions::default()
    });
    write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, BLOCK_SIZE)).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    f
}

/// Writes `bytes` at `offset` into the cache, and lets writeback of it fail.
fn fail_writeback(f: &Fixture, offset: u64, bytes: &[u8]) {
    write::buffered_write(&f.fs, &f.inode, offset, bytes).unwrap();
    f.set_failing(true);
    writepages(&f.fs, &f.inode, ALL, true).unwrap();
    for folio in f.inode.cache.lookup(ALL) {
        f.fs.wait_on_writeback(&folio);
    }
    f.set_failing(false);
}

#[test]
fn each_open_file_is_told_once_of_each_error() {
    for design in Design::ALL {
        let f = with_block(design, DataError::Report);
        let (one, other) = (OpenFile::new(&f.inode), OpenFile::new(&f.inode));
        let sync = |file| fsync::fsync_file(&f.fs, &f.inode, file);
        fail_writeback(&f, 0, &pattern(2, BLOCK_SIZE));
        assert!(is_io(&sync(&one)), "{IO}");
        assert_eq!(sync(&one), Ok(()));
        assert!(is_io(&sync(&other)), "{IO}");
        assert_eq!(sync(&other), Ok(()));
        // Who opens the file now has missed nothing that was not told.
        let late = OpenFile::new(&f.inode);
        fail_writeback(&f, 0, &pattern(3, BLOCK_SIZE));
        for file in [&late, &one, &other] {
            assert!(is_io(&sync(file)), "{IO}");
            assert_eq!(sync(file), Ok(()));
        }
        assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
    }
}

/// Catalogue entries D5 and D7: the file has neither the blocks' data nor the size.
#[test]
fn what_could_not_be_written_is_not_converted_and_raises_no_size() {
    let f = with_block(Design::Im, DataError::Report);
    fail_writeback(&f, BLOCK, &pattern(2, BLOCK_SIZE));
    assert_eq!(f.inode.disksize.get(), BLOCK);
    let status = f.inode.query(Lblk(1)).0.status;
    assert!(matches!(status, Status::Unwritten(_)), "{status:?}");
    assert!(is_io(&fsync::fsync(&f.fs, &f.inode)));
    assert_eq!(fault::reclaim(&f.inode, ALL), 1);
    let mut expected = pattern(1, BLOCK_SIZE);
    expected.resize(2 * BLOCK_SIZE, 0);
    assert_same(&f.content(), &expected);
    assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
}

#[test]
fn converting_after_failed_io_shows_what_an_earlier_owner_left() {
    let protocol = Protocol {
        end_io_converts: |_| true,
        ..Protocol::correct()
    };
    let f = Fixture::with_protocol(MountOptions::default(), protocol);
    fail_writeback(&f, 0, &pattern(2, BLOCK_SIZE));
    fault::reclaim(&f.inode, ALL);
    assert_eq!(f.content(), [0xee; BLOCK_SIZE]);
}

/// Catalogue entry D4: an overwrite in place has the file system's own end too.
#[test]
fn failed_data_aborts_the_journal_if_mounted_so() {
    for design in Design::ALL {
        for (offset, size) in [(0, BLOCK_SIZE), (BLOCK, 2 * BLOCK_SIZE)] {
            let f = with_block(design, DataError::Abort);
            fail_writeback(&f, offset, &pattern(2, size));
            assert!(f.fs.journal().aborted().is_some());
            let told = fsync::fsync(&f.fs, &f.inode);
            assert_eq!(told, Err(FsError::ReadOnly));
            let refused = write::buffered_write(&f.fs, &f.inode, 0, b"more");
            assert_eq!(refused, Err(FsError::ReadOnly));
            assert!(f.fs.journal().commit_once().is_err());
            // What was durable is there, and the mount after that has heard of the error.
            let device = Arc::new(RecordingDevice::with_base(Arc::new(f.device.snapshot())));
            let (fs, report) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
            assert_eq!(report.journal_error, Some(-5));
            let inode = directory::lookup(&fs, NAME).unwrap();
            let content = read::read(&fs, &inode, 0, 1 << 20).unwrap();
            assert_same(&content, &pattern(1, BLOCK_SIZE));
            fs.unmount().unwrap();
            let (_, again) = Filesystem::mount(device, MountOptions::default()).unwrap();
            assert_eq!(again.journal_error, None);
        }
    }
}

/// A block that has been allocated as written, whose data the commit is to write and can not.
fn commit_without_its_data(protocol: Protocol<RecordingDevice>) -> (bool, Vec<u8>) {
    let mount = MountOptions {
        design: Design::Bh,
        delalloc: Delalloc::Never,
        data_error: DataError::Abort,
        ..MountOptions::default()
    };
    let f = Fixture::with_protocol(mount, protocol);
    f.fs.sync().unwrap();
    write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, BLOCK_SIZE)).unwrap();
    let pblk = f.inode.query(Lblk(0)).0.status.pblk().expect("allocated");
    f.device.set_faults(Faults {
        blocks: pblk..Pblk(pblk.0 + 1),
        writes: Fault::Always,
        ..Faults::default()
    });
    let has_committed = f.fs.journal().commit_once().is_ok();
    (has_committed, f.crash().content())
}

/// The worker that ends the I/O aborts the journal while the commit waits for it.
#[test]
fn a_commit_whose_ordered_data_has_failed_does_not_happen() {
    let (has_committed, content) = commit_without_its_data(Protocol::correct());
    assert!(!has_committed && content.is_empty());
    let mut goes_on = Protocol::correct();
    goes_on.journal.is_aborted = |_| false;
    let (has_committed, content) = commit_without_its_data(goes_on);
    assert!(has_committed);
    assert_eq!(content, [0xee; BLOCK_SIZE], "what an earlier owner left");
}

#[test]
fn an_io_without_the_file_systems_end_escapes_the_abort() {
    let protocol = Protocol {
        binds_end_bio: |ioend| ioend.unwritten,
        ..Protocol::correct()
    };
    let mount = MountOptions {
        data_error: DataError::Abort,
        ..MountOptions::default()
    };
    let f = Fixture::with_protocol(mount, protocol);
    write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, BLOCK_SIZE)).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    fail_writeback(&f, 0, &pattern(2, BLOCK_SIZE));
    assert_eq!(f.fs.journal().aborted(), None);
    assert!(is_io(&fsync::fsync(&f.fs, &f.inode)), "{IO}");
}

#[test]
fn a_failed_log_write_makes_the_file_system_read_only() {
    for design in Design::ALL {
        let f = with_block(design, DataError::Report);
        setattr::truncate_up(&f.fs, &f.inode, 2 * BLOCK).unwrap();
        f.set_failing(true);
        let failed = f.fs.journal().commit_once();
        assert!(matches!(failed, Err(JournalError::Device(_))), "{failed:?}");
        f.set_failing(false);
        let shrunk = truncate::truncate_down(&f.fs, &f.inode, 0);
        assert_eq!(shrunk, Err(FsError::ReadOnly));
        let stored = fault::store(&f.fs, &f.inode, 0, b"x");
        assert_eq!(stored, Err(FsError::ReadOnly));
        let punched = punch_hole::punch_hole(&f.fs, &f.inode, 0, BLOCK);
        assert_eq!(punched, Err(FsError::ReadOnly));
        let unlinked = unlink::unlink(&f.fs, NAME);
        assert!(matches!(unlinked, Err(FsError::Journal(_))), "{unlinked:?}");
        assert_same(&f.content()[..BLOCK_SIZE], &pattern(1, BLOCK_SIZE));
        let again = f.crash();
        assert_same(&again.content(), &pattern(1, BLOCK_SIZE));
    }
}

/// An empty file whose journal is aborted as soon as folios of it are dropped.
fn aborting_when_folios_go() -> Fixture {
    let protocol = Protocol {
        truncate_pagecache_range: |fs, inode, blocks| {
            truncate::truncate_pagecache_range(fs, inode, blocks);
            fs.journal().mark_aborted("the test wants it to");
        },
        ..Protocol::correct()
    };
    let device = Arc::new(RecordingDevice::with_base(formatted()));
    device.set_faults(Faults::default());
    let mounted =
        Filesystem::mount_with_protocol(device.clone(), MountOptions::default(), protocol);
    let fs = mounted.unwrap().0;
    let inode = directory::create(&fs, NAME).unwrap();
    Fixture { device, fs, inode }
}

/// An abort between the two handles of a truncate: the file is on no list in memory, unless it has
/// no name, and what was reserved for what it lost has been given back.
#[test]
fn a_truncate_that_an_abort_interrupts_leaves_nothing_in_memory() {
    for has_name in [true, false] {
        let f = aborting_when_folios_go();
        write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, 4 * BLOCK_SIZE)).unwrap();
        let mut members = Vec::new();
        if !has_name {
            unlink::unlink(&f.fs, NAME).unwrap();
            members.push(f.inode.ino);
        }
        let shrunk = truncate::truncate_down(&f.fs, &f.inode, BLOCK);
        assert!(matches!(shrunk, Err(FsError::Journal(_))), "{shrunk:?}");
        assert_eq!(f.fs.orphans().members(), members);
        assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
    }
}

/// The same in a hole punch: the folios of delayed blocks are gone, and so is what they reserved.
#[test]
fn a_hole_punch_that_an_abort_interrupts_gives_back_what_it_dropped() {
    let f = aborting_when_folios_go();
    write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, 4 * BLOCK_SIZE)).unwrap();
    let punched = punch_hole::punch_hole(&f.fs, &f.inode, BLOCK, 2 * BLOCK);
    assert!(matches!(punched, Err(FsError::Journal(_))), "{punched:?}");
    assert_eq!(f.reserved(), 2);
    assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
}

#[test]
fn after_a_failed_flush_nothing_counts_as_durable() {
    for design in Design::ALL {
        let f = with_block(design, DataError::Report);
        write::buffered_write(&f.fs, &f.inode, 0, &pattern(2, BLOCK_SIZE)).unwrap();
        let fail = |flushes| {
            f.device.set_faults(Faults {
                flushes,
                ..Faults::default()
            })
        };
        fail(Fault::Always);
        assert!(fsync::fsync(&f.fs, &f.inode).is_err());
        fail(Fault::Never);
        // The device would flush again, and say nothing of what it has lost.
        assert!(fsync::fsync(&f.fs, &f.inode).is_err());
        assert!(f.fs.sync().is_err());
    }
}

#[test]
fn a_failed_read_fails_the_call_and_leaves_nothing_behind() {
    for design in Design::ALL {
        let f = with_block(design, DataError::Report);
        fault::reclaim(&f.inode, ALL);
        let fail = |reads| {
            f.device.set_faults(Faults {
                reads,
                ..Faults::default()
            })
        };
        fail(Fault::Always);
        assert!(is_io(&read::read(&f.fs, &f.inode, 0, 1).map(|_| ())));
        assert!(is_io(&write::buffered_write(&f.fs, &f.inode, 3, b"x")));
        fail(Fault::Never);
        f.expect(&pattern(1, BLOCK_SIZE));
    }
}

/// Blocks that are freed and not committed: more than extent trees are promised, which data can be
/// put into before space runs out.
const FREED: u64 = 16;

/// A file system in which the file "big" has every block that extent trees are not promised.
fn nearly_full(mount: MountOptions, protocol: Protocol<RecordingDevice>) -> Fixture {
    let device = Arc::new(RecordingDevice::with_base(formatted()));
    let fs = Filesystem::mount_with_protocol(device.clone(), mount, protocol);
    let fs = fs.unwrap().0;
    let big = directory::create(&fs, b"big").unwrap();
    let inode = directory::create(&fs, NAME).unwrap();
    let counters = fs.space().peek_counters();
    let blocks = counters.free - counters.metadata;
    write::buffered_write(&fs, &big, 0, &pattern(9, blocks as usize * BLOCK_SIZE)).unwrap();
    fsync::fsync(&fs, &big).unwrap();
    Fixture { device, fs, inode }
}

/// What has been freed and not committed counts as free when space is reserved, and can not be
/// handed out when writeback comes to allocate.
#[test]
fn writeback_commits_to_get_at_what_was_freed() {
    for design in Design::ALL {
        let mount = MountOptions {
            design,
            delalloc: Delalloc::Always,
            ..MountOptions::default()
        };
        let f = nearly_full(mount, Protocol::correct());
        let big = directory::lookup(&f.fs, b"big").unwrap();
        let kept = big.size.get() - FREED * BLOCK;
        truncate::truncate_down(&f.fs, &big, kept).unwrap();
        let committed = f.fs.journal().committed();
        let counters = f.fs.space().peek_counters();
        let blocks = counters.free - counters.metadata;
        let bytes = pattern(2, blocks as usize * BLOCK_SIZE);
        write::buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
        assert_eq!(writepages(&f.fs, &f.inode, ALL, true), Ok(()));
        assert_ne!(f.fs.journal().committed(), committed, "it took a commit");
        f.expect(&bytes);
    }
}

#[test]
fn without_the_commit_what_was_promised_is_lost_and_told() {
    for design in Design::ALL {
        let mount = MountOptions {
            design,
            delalloc: Delalloc::Always,
            ..MountOptions::default()
        };
        let protocol = Protocol {
            should_retry_alloc: |_| false,
            ..Protocol::correct()
        };
        let f = nearly_full(mount, protocol);
        let big = directory::lookup(&f.fs, b"big").unwrap();
        let kept = big.size.get() - FREED * BLOCK;
        truncate::truncate_down(&f.fs, &big, kept).unwrap();
        let counters = f.fs.space().peek_counters();
        let blocks = counters.free - counters.metadata;
        let bytes = pattern(2, blocks as usize * BLOCK_SIZE);
        write::buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
        let outcome = fsync::fsync(&f.fs, &f.inode);
        assert_eq!(outcome, Err(FsError::NoSpace));
        assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
        assert_eq!(f.reserved(), 0);
    }
}

/// An empty file in a file system with room for as many extents as a file can have.
fn with_room_for_extents(design: Design) -> Fixture {
    let device = Arc::new(RecordingDevice::with_base(formatted_with(512)));
    let mount = MountOptions {
        design,
        ..MountOptions::default()
    };
    let fs = Filesystem::mount(device.clone(), mount).unwrap().0;
    let inode = directory::create(&fs, NAME).unwrap();
    Fixture { device, fs, inode }
}

/// The last block would take more extents than a file can have, but only as long as it has so many.
#[test]
fn what_takes_an_extent_too_many_stays_dirty_until_there_is_one() {
    for design in Design::ALL {
        let f = with_room_for_extents(design);
        let mut expected = Vec::new();
        let mut write_block = |number: usize| {
            let (offset, bytes) = (2 * number * BLOCK_SIZE, pattern(1, BLOCK_SIZE));
            write::buffered_write(&f.fs, &f.inode, offset as u64, &bytes).unwrap();
            put(&mut expected, offset, &bytes);
        };
        (0..EXTENTS_MAX).for_each(&mut write_block);
        fsync::fsync(&f.fs, &f.inode).unwrap();
        write_block(EXTENTS_MAX);
        let told = fsync::fsync(&f.fs, &f.inode);
        assert!(matches!(told, Err(FsError::TooManyExtents(_))), "{told:?}");
        assert_eq!(f.reserved(), 1);
        punch_hole::punch_hole(&f.fs, &f.inode, 0, BLOCK).unwrap();
        expected[..BLOCK_SIZE].fill(0);
        f.expect(&expected);
    }
}

/// To convert the last block would take more extents than a file can have.
#[test]
fn what_was_written_and_can_not_be_converted_is_lost_and_told() {
    let f = with_room_for_extents(Design::Im);
    // Each block that is written among unwritten ones makes two extents more.
    let blocks = (EXTENTS_MAX as u64 - 1) / 2;
    let len = (2 * blocks + 3) * BLOCK;
    fallocate(&f.fs, &f.inode, 0, len, SizeMode::Extend).unwrap();
    let write_block = |number: u64| {
        let offset = (2 * number + 1) * BLOCK;
        write::buffered_write(&f.fs, &f.inode, offset, &pattern(1, BLOCK_SIZE)).unwrap();
        offset
    };
    for number in 0..blocks {
        write_block(number);
    }
    fsync::fsync(&f.fs, &f.inode).unwrap();
    let lost = write_block(blocks);
    let told = fsync::fsync(&f.fs, &f.inode);
    assert!(matches!(told, Err(FsError::TooManyExtents(_))), "{told:?}");
    assert_eq!(fsync::fsync(&f.fs, &f.inode), Ok(()));
    fault::reclaim(&f.inode, ALL);
    let found = read::read(&f.fs, &f.inode, lost, BLOCK_SIZE).unwrap();
    assert_eq!(found, [0; BLOCK_SIZE]);
    assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
}

/// What a file loses is zero on disk before it grows again, though the cache, where it was zero
/// already, has nothing to zero. A write that fails meanwhile leaves a clean block.
#[test]
fn what_was_zero_in_the_cache_only_is_zero_on_disk_once_the_file_has_shrunk() {
    for design in Design::ALL {
        for (block, fails) in [(0, false), (0, true), (1, false), (1, true)] {
            let f = Fixture::in_design(design, 1);
            let mut expected = pattern(1, 2 * BLOCK_SIZE);
            write::buffered_write(&f.fs, &f.inode, 0, &expected).unwrap();
            fsync::fsync(&f.fs, &f.inode).unwrap();
            let size = block * BLOCK + 500;
            write::buffered_write(&f.fs, &f.inode, size, &[0; BLOCK_SIZE - 500]).unwrap();
            truncate::truncate_down(&f.fs, &f.inode, size).unwrap();
            f.fs.journal().commit_once().unwrap();
            expected.truncate(size as usize);
            if fails {
                fail_writeback(&f, size - 1, &expected[size as usize - 1..]);
            }
            setattr::truncate_up(&f.fs, &f.inode, size + 100).unwrap();
            f.fs.journal().commit_once().unwrap();
            expected.resize(size as usize + 100, 0);
            assert_same(&f.crash().content(), &expected);
        }
    }
}
