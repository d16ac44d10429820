//! Buffered writes from buffers that can not be read to their end, or not at once.

use super::*;
use crate::error::FsError;
use crate::user::UserBuffer;
use crate::write::{buffered_write, buffered_write_from};
use std::cell::Cell;

const BLOCKS_PER_FOLIO: [u32; 3] = [1, 2, 4];
/// Where the byte that can not be read lies: at ends of blocks, and within them.
const FAULTS: [usize; 7] = [0, 1, 500, 1_024, 1_500, 2_048, 2_999];

#[test]
fn a_bad_address_ends_the_write_and_leaks_no_reservation() {
    for blocks_per_folio in BLOCKS_PER_FOLIO {
        for offset in [0, 300, 2 * BLOCK] {
            for fault in FAULTS {
                let fixture = Fixture::new(blocks_per_folio);
                let bytes = pattern(1, 3_000);
                let user = UserBuffer::bad_from(&bytes, fault);
                let outcome = buffered_write_from(&fixture.fs, &fixture.inode, offset, &user);
                let mut expected = Vec::new();
                // A block whose copy is short is copied again as far as it goes.
                if fault == 0 {
                    assert_eq!(outcome, Err(FsError::BadAddress));
                } else {
                    assert_eq!(outcome, Ok(fault));
                    put(&mut expected, offset as usize, &bytes[..fault]);
                }
                fixture.expect(&expected);
                assert_eq!(fixture.reserved(), 0);
            }
        }
    }
}

#[test]
fn a_page_that_was_taken_away_is_brought_back() {
    for blocks_per_folio in BLOCKS_PER_FOLIO {
        for fault in FAULTS {
            let fixture = Fixture::new(blocks_per_folio);
            buffered_write(&fixture.fs, &fixture.inode, 0, &pattern(2, 700)).unwrap();
            let bytes = pattern(1, 3_000);
            let user = UserBuffer::paged_out(&bytes, fault);
            let outcome = buffered_write_from(&fixture.fs, &fixture.inode, 600, &user);
            assert_eq!(outcome, Ok(3_000));
            let mut expected = pattern(2, 700);
            put(&mut expected, 600, &bytes);
            fixture.expect(&expected);
        }
    }
}

#[test]
fn what_an_earlier_write_reserved_stays_reserved() {
    for blocks_per_folio in BLOCKS_PER_FOLIO {
        let fixture = Fixture::new(blocks_per_folio);
        let first = pattern(1, 2 * BLOCK as usize);
        buffered_write(&fixture.fs, &fixture.inode, BLOCK, &first).unwrap();
        assert_eq!(fixture.reserved(), 2);
        // Over a hole, the first write's blocks, and a hole: the copy ends in the first hole.
        let second = pattern(2, 4 * BLOCK as usize);
        let user = UserBuffer::bad_from(&second, 10);
        let outcome = buffered_write_from(&fixture.fs, &fixture.inode, 0, &user);
        assert_eq!(outcome, Ok(10));
        assert_eq!(fixture.reserved(), 3);
        let mut expected = Vec::new();
        put(&mut expected, BLOCK as usize, &first);
        put(&mut expected, 0, &second[..10]);
        fixture.expect(&expected);
    }
}

thread_local! {
    /// How often a write has locked a folio to copy into it.
    static COPIES: Cell<u32> = const { Cell::new(0) };
}

/// Only the copy that is made again is no longer than the one that stopped.
#[test]
fn after_a_copy_that_stopped_short_copies_are_whole_again() {
    let protocol = Protocol {
        write_folio_is_attached: |guard| {
            COPIES.set(COPIES.get() + 1);
            guard.is_attached()
        },
        ..Protocol::correct()
    };
    for design in Design::ALL {
        let mount = MountOptions {
            design,
            ..MountOptions::default()
        };
        let f = Fixture::with_protocol(mount, protocol);
        COPIES.set(0);
        let bytes = pattern(1, 3 * BLOCK_SIZE);
        let user = UserBuffer::paged_out(&bytes, 1);
        let written = buffered_write_from(&f.fs, &f.inode, 0, &user);
        assert_eq!(written, Ok(bytes.len()));
        // Stopped, made again, the rest of the block, and two blocks.
        assert_eq!(COPIES.get(), 5, "{design}");
        f.expect(&bytes);
    }
}
