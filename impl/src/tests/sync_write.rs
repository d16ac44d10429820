//! Writes through the page cache that are durable when they return, and the size on disk while a
//! file reaches further by blocks that are delayed.

use super::*;
use crate::delalloc::Delalloc;
use crate::fault;
use crate::write::{buffered_write, synchronous_write};

/// Where the file ends by a block that is delayed.
const FAR: u64 = 6 * BLOCK;

/// An empty file that has been committed.
fn committed(design: Design, delalloc: Delalloc) -> Fixture {
    let f = Fixture::mounted(MountOptions {
        design,
        delalloc,
        blocks_per_folio: 1,
        ..MountOptions::default()
    });
    f.fs.sync().unwrap();
    f
}

/// Makes the file end at [`FAR`], by a block that is delayed.
fn reach_far(f: &Fixture) {
    buffered_write(&f.fs, &f.inode, FAR - BLOCK, &pattern(9, BLOCK_SIZE)).unwrap();
}

/// Whether the last block before [`FAR`] has not been written back.
fn is_far_dirty(f: &Fixture) -> bool {
    let folios = f.inode.cache.peek();
    let dirty = folios.iter().flat_map(|folio| folio.peek_dirty());
    dirty.last() == Some(Lblk::containing(FAR - 1))
}

#[test]
fn content_and_size_survive_a_crash_right_after_it() {
    for design in Design::ALL {
        for delalloc in Delalloc::ALL {
            for offset in [0, 100, 3 * BLOCK + 100] {
                let f = committed(design, delalloc);
                let bytes = pattern(1, 1_500);
                synchronous_write(&f.fs, &f.inode, offset, &bytes).unwrap();
                let mut expected = Vec::new();
                put(&mut expected, offset as usize, &bytes);
                let f = f.crash();
                assert_eq!(f.inode.size.get(), expected.len() as u64);
                assert_same(&f.content(), &expected);
            }
        }
    }
}

#[test]
fn it_writes_no_blocks_but_its_own() {
    for design in Design::ALL {
        for offset in [0, BLOCK + 500] {
            let f = committed(design, Delalloc::Always);
            reach_far(&f);
            let bytes = pattern(1, 2_000);
            synchronous_write(&f.fs, &f.inode, offset, &bytes).unwrap();
            assert!(is_far_dirty(&f));
            let (found, from) = (f.crash().content(), offset as usize);
            assert_same(&found[from..from + bytes.len()], &bytes);
        }
    }
}

/// Nothing else would raise the size on disk, because the block needs no allocation; and it may not
/// be raised over the blocks that are delayed.
#[test]
fn over_the_last_block_on_disk_it_raises_the_size_to_its_own_end() {
    for offset in [0, 300] {
        let f = committed(Design::Bh, Delalloc::Always);
        let mut expected = pattern(1, 300);
        buffered_write(&f.fs, &f.inode, 0, &expected).unwrap();
        fsync::fsync(&f.fs, &f.inode).unwrap();
        reach_far(&f);
        assert_eq!(f.inode.disksize.get(), 300);
        let bytes = pattern(2, 500 - offset);
        synchronous_write(&f.fs, &f.inode, offset as u64, &bytes).unwrap();
        put(&mut expected, offset, &bytes);
        assert_eq!(f.inode.disksize.get(), 500);
        assert!(is_far_dirty(&f));
        let f = f.crash();
        assert_eq!(f.inode.size.get(), 500);
        assert_same(&f.content(), &expected);
    }
}

/// The block is allocated by the write, as written: then writeback raises no size.
#[test]
fn where_it_allocates_at_once_it_raises_the_size_to_its_own_end() {
    let f = committed(Design::Bh, Delalloc::WhileSpaceLasts);
    reach_far(&f);
    let promised = f.fs.space().peek_counters().free as u32 / 2 + 10;
    f.fs.space().reserve(promised).unwrap();
    let bytes = pattern(1, 2 * BLOCK_SIZE);
    synchronous_write(&f.fs, &f.inode, 0, &bytes).unwrap();
    f.fs.space().release(promised);
    assert_eq!((f.inode.disksize.get(), f.reserved()), (2 * BLOCK, 1));
    assert!(is_far_dirty(&f));
    let f = f.crash();
    assert_eq!(f.inode.size.get(), 2 * BLOCK);
    assert_same(&f.content(), &bytes);
}

/// So does a store, whose page may be synced alone.
#[test]
fn what_a_store_allocates_at_once_is_there_after_a_sync_of_its_page() {
    let f = committed(Design::Bh, Delalloc::WhileSpaceLasts);
    reach_far(&f);
    let promised = f.fs.space().peek_counters().free as u32 / 2 + 10;
    f.fs.space().reserve(promised).unwrap();
    let bytes = pattern(1, BLOCK_SIZE);
    fault::store(&f.fs, &f.inode, 0, &bytes).unwrap();
    f.fs.space().release(promised);
    assert_eq!((f.inode.disksize.get(), f.reserved()), (BLOCK, 1));
    fsync::fsync_range(&f.fs, &f.inode, Lblk(0)..Lblk(1), fsync::Sync::Data).unwrap();
    assert!(is_far_dirty(&f));
    f.crash().expect(&bytes);
}

/// A crash must not show a size that covers blocks which have not been written.
#[test]
fn a_write_into_delayed_blocks_leaves_the_size_on_disk() {
    let f = committed(Design::Bh, Delalloc::WhileSpaceLasts);
    reach_far(&f);
    // Into a hole inside the file.
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, BLOCK_SIZE)).unwrap();
    assert_eq!((f.inode.disksize.get(), f.reserved()), (0, 2));
    // Into the block that has become delayed by that, while new ones are allocated at once.
    let promised = f.fs.space().peek_counters().free as u32 / 2 + 10;
    f.fs.space().reserve(promised).unwrap();
    buffered_write(&f.fs, &f.inode, 0, &pattern(2, 500)).unwrap();
    f.fs.space().release(promised);
    assert_eq!((f.inode.disksize.get(), f.reserved()), (0, 2));
    f.fs.journal().commit_once().unwrap();
    assert_eq!(f.crash().inode.size.get(), 0);
}
