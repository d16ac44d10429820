//! Whether a write reserves or allocates, and what it gives back.

use super::*;
use crate::delalloc::{self, Delalloc};
use crate::extent::Status;
use crate::write::{buffered_write, forget_beyond_eof};
use crate::{fault, setattr};
use std::cell::Cell;

fn in_design(design: Design, delalloc: Delalloc) -> Fixture {
    Fixture::mounted(MountOptions {
        design,
        delalloc,
        ..MountOptions::default()
    })
}

/// What a block that has been allocated at once is, before it has been written.
fn is_allocated(design: Design, status: Status) -> bool {
    match design {
        Design::Im => matches!(status, Status::Unwritten(_)),
        Design::Bh => matches!(status, Status::Written(_)),
    }
}

#[test]
fn a_write_allocates_at_once_where_allocation_never_waits() {
    for design in Design::ALL {
        for (delalloc, waits) in [(Delalloc::Always, true), (Delalloc::Never, false)] {
            let f = in_design(design, delalloc);
            let bytes = pattern(1, 2 * BLOCK_SIZE);
            buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
            let status = f.inode.query(Lblk(0)).0.status;
            assert_eq!(f.reserved(), if waits { 2 } else { 0 });
            assert_eq!(status == Status::Delayed, waits);
            assert_eq!(is_allocated(design, status), !waits);
            f.expect(&bytes);
        }
    }
}

/// Of 63 free blocks, 42 are two thirds.
#[test]
fn allocation_waits_until_more_than_two_thirds_of_what_is_free_are_promised() {
    for design in Design::ALL {
        for (promised, waits) in [(42, true), (43, false)] {
            let f = in_design(design, Delalloc::WhileSpaceLasts);
            let mut expected = pattern(1, BLOCK_SIZE);
            buffered_write(&f.fs, &f.inode, 0, &expected).unwrap();
            fsync::fsync(&f.fs, &f.inode).unwrap();
            let counters = f.fs.space().peek_counters();
            assert_eq!((counters.free, counters.dirty), (63, 0));
            // Some are promised to the file's extent tree.
            let more = promised - counters.metadata as u32;
            f.fs.space().reserve(more).unwrap();
            assert_eq!(delalloc::nonda_switch(&f.fs), !waits);
            let bytes = pattern(2, BLOCK_SIZE);
            buffered_write(&f.fs, &f.inode, BLOCK, &bytes).unwrap();
            put(&mut expected, BLOCK_SIZE, &bytes);
            assert_eq!(f.reserved(), u32::from(waits));
            f.fs.space().release(more);
            f.expect(&expected);
        }
    }
}

/// A write has been given four blocks and copies nothing. Meanwhile a store has come to lie in the
/// third: its folio is dirty and keeps its space, whatever lies before it or after it.
#[test]
fn what_lies_before_and_after_a_store_is_given_back() {
    for blocks_per_folio in [1, 2, 4] {
        let f = Fixture::new(blocks_per_folio);
        setattr::truncate_up(&f.fs, &f.inode, 4 * BLOCK).unwrap();
        let blocks = Lblk(0)..Lblk(4);
        let iomap = delalloc::write_begin(&f.fs, &f.inode, blocks).unwrap();
        assert_eq!((iomap.is_new, f.reserved()), (true, 4));
        fault::store(&f.fs, &f.inode, 2 * BLOCK, b"stored").unwrap();
        delalloc::write_end(&f.fs, &f.inode, &iomap, &(0..4 * BLOCK), 0);
        assert_eq!(f.reserved(), blocks_per_folio);
        let mut expected = vec![0; 4 * BLOCK_SIZE];
        put(&mut expected, 2 * BLOCK_SIZE, b"stored");
        f.expect(&expected);
    }
}

#[test]
fn of_a_failed_copy_what_lies_beyond_the_end_leaves_the_cache() {
    let f = Fixture::new(4);
    let bytes = pattern(1, BLOCK_SIZE + 1);
    buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
    let folio = f.inode.cache.grab(Lblk(0));
    let mut guard = folio.lock();
    for lblk in [2, 3] {
        guard.fill(Lblk(lblk), &[0; BLOCK_SIZE]);
    }
    for lblk in [1, 2] {
        forget_beyond_eof(&f.inode, &mut guard, Lblk(lblk));
    }
    let uptodate = [0, 1, 2, 3].map(|lblk| guard.is_uptodate(Lblk(lblk)));
    assert_eq!(uptodate, [true, true, false, true]);
    drop(guard);
    f.expect(&bytes);
}

thread_local! {
    /// Whether a store is still to come, and whether it is allocated at once.
    static STORE: Cell<(bool, bool)> = const { Cell::new((false, false)) };
}

/// The store comes between a write's first look at the mapping and its handle.
#[test]
fn a_hole_that_a_store_has_filled_meanwhile_is_not_filled_again() {
    for at_once in [false, true] {
        let protocol = Protocol {
            nonda_switch: |fs| {
                let (is_to_come, at_once) = STORE.get();
                STORE.set((false, at_once));
                if is_to_come {
                    let inode = directory::lookup(fs, NAME).unwrap();
                    fault::store(fs, &inode, 10, b"stored").unwrap();
                }
                is_to_come || at_once
            },
            ..Protocol::correct()
        };
        let f = Fixture::with_protocol(MountOptions::default(), protocol);
        setattr::set_size(&f.fs, &f.inode, BLOCK).unwrap();
        STORE.set((true, at_once));
        let bytes = pattern(1, BLOCK_SIZE);
        buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
        f.expect(&bytes);
    }
}
