//! Direct writes and reads.

use super::{ALL, BLOCK, Fixture, assert_same, pattern, put};
use crate::device::faults::{Fault, Faults};
use crate::direct::invalidate::{StillDirty, invalidate_folios};
use crate::direct::read::direct_read;
use crate::direct::{Submitted, direct_write, direct_write_async, direct_write_from};
use crate::error::FsError;
use crate::extent::Status;
use crate::fallocate::{SizeMode, fallocate};
use crate::units::{BLOCK_SIZE, Lblk};
use crate::user::UserBuffer;
use crate::write::buffered_write;
use crate::{delalloc, fault, punch_hole, read, setattr, truncate, writeback};

/// Offsets and lengths, aligned and not.
const RANGES: [(u64, usize); 8] = [
    (0, 1_024),
    (0, 4_096),
    (1_024, 2_048),
    (100, 200),
    (1_000, 3_000),
    (4_096, 1_024),
    (5_000, 100),
    (7_168, 2_500),
];

type Prepare = fn(&Fixture);

impl Fixture {
    /// Lets reads of every block fail, or no more.
    fn set_reads_failing(&self, to: bool) {
        self.device.set_faults(Faults {
            reads: if to { Fault::Always } else { Fault::Never },
            ..Faults::default()
        });
    }
}

/// Files that a direct write may meet: nothing, delayed, on disk, unwritten, and mixed.
const FILES: [(&str, Prepare); 6] = [
    ("empty", |_| {}),
    ("delayed", |f| {
        buffered_write(&f.fs, &f.inode, 0, &pattern(9, 5_000)).unwrap();
    }),
    ("written", |f| {
        buffered_write(&f.fs, &f.inode, 0, &pattern(9, 5_000)).unwrap();
        f.fs.sync().unwrap();
    }),
    ("unwritten", |f| {
        fallocate(&f.fs, &f.inode, 0, 5_000, SizeMode::Extend).unwrap();
    }),
    ("with a hole", |f| {
        buffered_write(&f.fs, &f.inode, 0, &pattern(9, 8_000)).unwrap();
        f.fs.sync().unwrap();
        punch_hole::punch_hole(&f.fs, &f.inode, 1_024, 3_000).unwrap();
    }),
    ("preallocated beyond its end", |f| {
        buffered_write(&f.fs, &f.inode, 0, &pattern(9, 500)).unwrap();
        fallocate(&f.fs, &f.inode, 0, 9_000, SizeMode::Keep).unwrap();
    }),
];

#[test]
fn direct_writes_hold_wherever_they_go() {
    for blocks_per_folio in [1, 4] {
        for (name, prepare) in FILES {
            for (offset, len) in RANGES {
                let f = Fixture::new(blocks_per_folio);
                prepare(&f);
                let mut expected = f.content();
                let bytes = pattern(3, len);
                let written = direct_write(&f.fs, &f.inode, offset, &bytes);
                assert_eq!(written, Ok(len), "{name}, {len} bytes at {offset}");
                put(&mut expected, offset as usize, &bytes);
                assert_eq!(f.inode.dio_count.peek(), 0);
                let direct = direct_read(&f.fs, &f.inode, 0, 1 << 20).unwrap();
                assert_same(&direct, &expected);
                assert_eq!(f.fs.orphans().members(), []);
                f.expect(&expected);
            }
        }
    }
}

#[test]
fn a_direct_read_ends_at_the_end_of_the_file_and_finds_what_is_dirty() {
    let f = Fixture::new(2);
    let bytes = pattern(1, 2_500);
    buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
    let read = |offset, len| direct_read(&f.fs, &f.inode, offset, len).unwrap();
    assert_same(&read(1_000, 5_000), &bytes[1_000..]);
    assert_same(&read(10, 20), &bytes[10..30]);
    assert_same(&read(1_500, 700), &bytes[1_500..2_200]);
    assert!(read(2_500, 1).is_empty());
}

#[test]
fn a_short_direct_write_leaves_the_rest_to_the_page_cache() {
    for blocks_per_folio in [1, 4] {
        for (name, prepare) in FILES {
            for fault in [0, 1, 1_000, 1_024, 2_500, 3_071] {
                let f = Fixture::new(blocks_per_folio);
                prepare(&f);
                let mut expected = f.content();
                let bytes = pattern(4, 3_072);
                let user = UserBuffer::bad_from(&bytes, fault);
                let written = direct_write_from(&f.fs, &f.inode, 2_048, &user);
                if fault == 0 {
                    assert_eq!(written, Err(FsError::BadAddress), "{name}");
                } else {
                    assert_eq!(written, Ok(fault), "{name}, bad from {fault}");
                    put(&mut expected, 2_048, &bytes[..fault]);
                }
                assert_eq!(f.fs.orphans().members(), []);
                f.expect(&expected);
            }
        }
    }
}

#[test]
fn a_failed_extending_write_leaves_no_blocks_and_no_orphan() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 1_500)).unwrap();
    f.fs.sync().unwrap();
    let free = f.fs.space().peek_counters();
    f.set_failing(true);
    let outcome = direct_write(&f.fs, &f.inode, 2 * BLOCK, &pattern(2, 4_096));
    assert!(matches!(outcome, Err(FsError::Device(_))), "{outcome:?}");
    f.set_failing(false);
    assert_eq!(f.inode.dio_count.peek(), 0);
    assert_eq!(f.fs.orphans().members(), []);
    assert_eq!(f.fs.space().peek_counters(), free);
    f.expect(&pattern(1, 1_500));
}

/// I14: until the size has been raised, recovery frees what lies beyond it.
#[test]
fn a_crash_before_the_size_frees_the_blocks() {
    let f = Fixture::new(1);
    f.fs.sync().unwrap();
    let bytes = pattern(2, 4_096);
    crate::direct::extension::prepare(&f.fs, &f.inode).unwrap();
    let mut dio = crate::direct::DirectIo::new(&f.inode, &(0..4_096));
    dio.submit(&f.fs, &bytes).unwrap();
    f.fs.journal().commit_once().unwrap();
    let f = f.crash();
    assert_eq!(f.fs.orphans().members(), []);
    assert_eq!(f.inode.query(Lblk(0)).0.status, Status::Hole);
    f.expect(&[]);
}

#[test]
fn a_buffer_that_ends_early_is_counted_only_as_far_as_it_was_submitted() {
    let f = Fixture::new(1);
    let bytes = pattern(2, 4_096);
    let mut dio = crate::direct::DirectIo::new(&f.inode, &(0..4_096));
    dio.submit(&f.fs, &bytes[..2_100]).unwrap();
    assert_eq!((dio.submitted, dio.asked, dio.end()), (2_048, 4_096, 2_048));
    assert_eq!(dio.blocks(), Lblk(0)..Lblk(2));
    // Four blocks are mapped, two hold data.
    assert_eq!(f.inode.read_data().tree.data_blocks(), 4);
}

/// Not only its whole blocks, which would leave its end to the page cache.
#[test]
fn a_write_that_ends_within_a_block_is_submitted_to_its_end() {
    for (offset, len) in [(0, 2_100), (100, 1_900), (1_024, 300), (3_000, 200)] {
        let f = Fixture::new(1);
        let bytes = pattern(2, len);
        let range = offset..offset + len as u64;
        let mut dio = crate::direct::DirectIo::new(&f.inode, &range);
        dio.submit(&f.fs, &bytes).unwrap();
        assert_eq!((dio.submitted, dio.end()), (len, range.end));
    }
}

/// Where a block can not be read any more, writing it is what is left to do.
#[test]
fn whole_blocks_are_written_without_being_read() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 2_048)).unwrap();
    f.fs.sync().unwrap();
    f.set_reads_failing(true);
    let bytes = pattern(2, 1_024);
    assert_eq!(direct_write(&f.fs, &f.inode, 1_024, &bytes), Ok(1_024));
    let part = direct_write(&f.fs, &f.inode, 0, &bytes[..500]);
    assert!(matches!(part, Err(FsError::Device(_))), "{part:?}");
    f.set_reads_failing(false);
    f.expect(&[pattern(1, 1_024), bytes].concat());
}

#[test]
fn an_async_overwrite_is_waited_for_by_truncate() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 4_096)).unwrap();
    f.fs.sync().unwrap();
    let bytes = pattern(2, 2_048);
    let user = UserBuffer::new(&bytes);
    let submitted = direct_write_async(&f.fs, &f.inode, 1_024, &user).unwrap();
    let Submitted::Queued(write) = submitted else {
        panic!("an aligned overwrite need not be waited for: {submitted:?}")
    };
    assert_eq!(f.inode.dio_count.peek(), 1);
    truncate::truncate_down(&f.fs, &f.inode, 2_048).unwrap();
    assert_eq!(f.inode.dio_count.peek(), 0);
    assert_eq!(f.fs.wait_direct_io(&write), Ok(2_048));
    let mut expected = pattern(1, 1_024);
    put(&mut expected, 1_024, &bytes[..1_024]);
    f.expect(&expected);
}

#[test]
fn async_writes_over_unwritten_blocks_are_converted_by_the_worker() {
    let f = Fixture::new(1);
    fallocate(&f.fs, &f.inode, 0, 4_096, SizeMode::Extend).unwrap();
    let bytes = pattern(2, 2_048);
    let user = UserBuffer::new(&bytes);
    let submitted = direct_write_async(&f.fs, &f.inode, 1_024, &user).unwrap();
    let Submitted::Queued(write) = submitted else {
        panic!("an aligned overwrite need not be waited for: {submitted:?}")
    };
    // A reader who comes before the end sees zeroes, and does not keep them in the cache.
    let early = read::read(&f.fs, &f.inode, 1_024, 2_048).unwrap();
    assert_same(&early, &[0; 2_048]);
    assert_eq!(f.fs.wait_direct_io(&write), Ok(2_048));
    let mut expected = vec![0; 4_096];
    put(&mut expected, 1_024, &bytes);
    f.expect(&expected);
}

#[test]
fn extending_and_unaligned_writes_are_waited_for() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 4_096)).unwrap();
    f.fs.sync().unwrap();
    let bytes = pattern(2, 2_048);
    let user = UserBuffer::new(&bytes);
    for offset in [100, 3_072] {
        let submitted = direct_write_async(&f.fs, &f.inode, offset, &user).unwrap();
        assert!(matches!(submitted, Submitted::Done(2_048)), "{submitted:?}");
    }
    let mut expected = pattern(1, 4_096);
    put(&mut expected, 100, &bytes);
    put(&mut expected, 3_072, &bytes);
    f.expect(&expected);
}

/// D41. The second half of a block is written while the first half is in flight.
#[test]
fn unaligned_writes_to_one_block_do_not_zero_each_other() {
    let f = Fixture::new(1);
    fallocate(&f.fs, &f.inode, 0, 1_024, SizeMode::Extend).unwrap();
    let (first, second) = (pattern(1, 512), pattern(2, 512));
    direct_write_async(&f.fs, &f.inode, 0, &UserBuffer::new(&first)).unwrap();
    direct_write_async(&f.fs, &f.inode, 512, &UserBuffer::new(&second)).unwrap();
    f.expect(&[first, second].concat());
}

/// D38. The write lies inside the file, but the size on disk is smaller still.
#[test]
fn a_write_inside_the_file_raises_a_smaller_size_on_disk() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 8 * BLOCK, &pattern(1, 1_024)).unwrap();
    direct_write(&f.fs, &f.inode, 0, &pattern(2, 1_024)).unwrap();
    assert_eq!(f.inode.disksize.get(), 1_024);
    f.fs.journal().commit_once().unwrap();
    let f = f.crash();
    f.expect(&pattern(2, 1_024));
}

/// D34. Writeback raises the size on disk past the end of the direct write while it is in flight.
#[test]
fn the_orphan_list_is_left_even_if_writeback_has_raised_the_size() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 8 * BLOCK, &pattern(1, 1_024)).unwrap();
    crate::direct::extension::prepare(&f.fs, &f.inode).unwrap();
    writeback::writepages(&f.fs, &f.inode, ALL, true).unwrap();
    while f.fs.step_io() {}
    // The end of the I/O has nothing to extend, and so does not delete the orphan record.
    crate::direct::extension::cleanup(&f.fs, &f.inode, true).unwrap();
    assert_eq!(f.fs.orphans().members(), []);
}

#[test]
fn what_lies_beyond_the_old_end_is_zeroed() {
    let f = Fixture::new(4);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 700)).unwrap();
    f.fs.sync().unwrap();
    setattr::set_size(&f.fs, &f.inode, 300).unwrap();
    direct_write(&f.fs, &f.inode, 900, &pattern(2, 200)).unwrap();
    let mut expected = pattern(1, 300);
    put(&mut expected, 900, &pattern(2, 200));
    f.expect(&expected);
}

#[test]
fn a_direct_write_without_space_leaves_the_file_as_it_was() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 1_024)).unwrap();
    let outcome = direct_write(&f.fs, &f.inode, 1_024, &pattern(2, 200 * 1_024));
    assert_eq!(outcome, Err(FsError::NoSpace));
    assert_eq!(f.fs.orphans().members(), []);
    f.expect(&pattern(1, 1_024));
}

#[test]
fn a_folio_goes_once_its_io_has_ended() {
    let f = Fixture::new(1);
    let bytes = pattern(1, 1_024);
    buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
    writeback::writepages(&f.fs, &f.inode, ALL, true).unwrap();
    assert_eq!(invalidate_folios(&f.fs, &f.inode, ALL), Ok(()));
    assert!(f.inode.cache.peek().is_empty());
    assert!(!f.fs.step_io(), "no I/O is left");
    f.expect(&bytes);
}

#[test]
fn of_several_folios_the_dirty_one_stays_and_is_told() {
    let f = Fixture::new(1);
    let mut expected = pattern(1, 3_072);
    buffered_write(&f.fs, &f.inode, 0, &expected).unwrap();
    f.fs.sync().unwrap();
    fault::store(&f.fs, &f.inode, BLOCK, b"stored").unwrap();
    let outcome = invalidate_folios(&f.fs, &f.inode, ALL);
    assert_eq!(outcome, Err(StillDirty));
    assert_eq!(f.inode.cache.peek().len(), 1);
    put(&mut expected, 1_024, b"stored");
    f.expect(&expected);
}

#[test]
fn a_direct_read_that_can_not_write_back_leaves_nothing_under_way() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 1_024)).unwrap();
    f.set_failing(true);
    let outcome = direct_read(&f.fs, &f.inode, 0, 1_024);
    assert!(matches!(outcome, Err(FsError::Device(_))), "{outcome:?}");
    f.set_failing(false);
    assert_eq!(f.inode.dio_count.peek(), 0);
    truncate::truncate_down(&f.fs, &f.inode, 0).unwrap();
}

/// The block has been reserved since the range was written back, for a store that is to come.
#[test]
fn direct_io_that_meets_a_delayed_block_fails() {
    let f = Fixture::new(1);
    setattr::set_size(&f.fs, &f.inode, BLOCK).unwrap();
    let iomap = delalloc::write_begin(&f.fs, &f.inode, Lblk(0)..Lblk(1)).unwrap();
    let read = direct_read(&f.fs, &f.inode, 0, BLOCK_SIZE);
    assert_eq!(read, Err(FsError::RacedWithStore));
    let bytes = pattern(1, BLOCK_SIZE);
    let written = direct_write(&f.fs, &f.inode, 0, &bytes);
    assert_eq!(written, Err(FsError::RacedWithStore));
    let submitted = direct_write_async(&f.fs, &f.inode, 0, &UserBuffer::new(&bytes)).unwrap();
    let Submitted::Queued(write) = submitted else {
        panic!("inside the file it need not be waited for: {submitted:?}")
    };
    let ended = f.fs.wait_direct_io(&write);
    assert_eq!(ended, Err(FsError::RacedWithStore));
    assert_eq!(f.inode.dio_count.peek(), 0);
    delalloc::write_end(&f.fs, &f.inode, &iomap, &(0..BLOCK), 0);
    f.expect(&[0; BLOCK_SIZE]);
}

#[test]
fn a_direct_write_of_nothing_does_nothing() {
    let f = Fixture::new(1);
    let before = f.fs.space().peek_counters();
    assert_eq!(direct_write(&f.fs, &f.inode, 5_000, b""), Ok(0));
    assert_eq!(f.fs.space().peek_counters(), before);
    f.expect(&[]);
}

#[test]
fn something_is_not_written_directly_once_the_journal_is_aborted_and_nothing_is() {
    let f = Fixture::new(1);
    f.fs.journal().mark_aborted("the test wants it to");
    let refused = direct_write(&f.fs, &f.inode, 0, b"something");
    assert_eq!(refused, Err(FsError::ReadOnly));
    assert_eq!(direct_write(&f.fs, &f.inode, 0, b""), Ok(0));
}
