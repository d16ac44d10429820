//! Stores and loads through mappings of the file.

use super::{ALL, BLOCK, Fixture, assert_same, pattern, put};
use crate::direct::direct_write;
use crate::direct::read::direct_read;
use crate::error::FsError;
use crate::fallocate::{SizeMode, fallocate};
use crate::fault::{load, reclaim, store};
use crate::units::Lblk;
use crate::write::buffered_write;
use crate::{fsync, punch_hole, setattr, truncate, zero_range};

const BLOCKS_PER_FOLIO: [u32; 3] = [1, 2, 4];

fn is_writable(f: &Fixture, lblk: u32) -> bool {
    let folio = f.inode.cache.grab(Lblk(lblk));
    let guard = folio.lock();
    guard.is_writable()
}

#[test]
fn what_is_stored_is_loaded_read_and_written_back() {
    for blocks_per_folio in BLOCKS_PER_FOLIO {
        let f = Fixture::new(blocks_per_folio);
        buffered_write(&f.fs, &f.inode, 0, &pattern(1, 6_000)).unwrap();
        fsync::fsync(&f.fs, &f.inode).unwrap();
        let bytes = pattern(2, 2_000);
        store(&f.fs, &f.inode, 500, &bytes).unwrap();
        let mut expected = pattern(1, 6_000);
        put(&mut expected, 500, &bytes);
        assert_same(&load(&f.fs, &f.inode, 0, 6_000).unwrap(), &expected);
        f.expect(&expected);
    }
}

#[test]
fn a_store_into_a_hole_reserves_the_page_inside_the_file() {
    for (blocks_per_folio, reserved) in [(1, 1), (2, 2), (4, 3)] {
        let f = Fixture::new(blocks_per_folio);
        setattr::set_size(&f.fs, &f.inode, 2_500).unwrap();
        store(&f.fs, &f.inode, 10, &[7]).unwrap();
        assert_eq!(f.reserved(), reserved);
        let mut expected = vec![0; 2_500];
        expected[10] = 7;
        f.expect(&expected);
    }
}

#[test]
fn writeback_write_protects_and_the_next_store_faults_again() {
    let f = Fixture::new(2);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 2_048)).unwrap();
    assert!(!is_writable(&f, 0));
    store(&f.fs, &f.inode, 0, &[1]).unwrap();
    assert!(is_writable(&f, 0));
    fsync::fsync(&f.fs, &f.inode).unwrap();
    assert!(!is_writable(&f, 0));
    store(&f.fs, &f.inode, 1_024, &[2]).unwrap();
    assert!(is_writable(&f, 0));
    let mut expected = pattern(1, 2_048);
    (expected[0], expected[1_024]) = (1, 2);
    f.expect(&expected);
}

#[test]
fn a_page_beyond_the_end_is_a_bus_error() {
    let f = Fixture::new(2);
    buffered_write(&f.fs, &f.inode, 0, &[1; 100]).unwrap();
    assert_eq!(store(&f.fs, &f.inode, 2_047, &[1]), Ok(()));
    assert_eq!(store(&f.fs, &f.inode, 2_048, &[1]), Err(FsError::BeyondEnd));
    assert_eq!(load(&f.fs, &f.inode, 2_048, 1), Err(FsError::BeyondEnd));
    assert_eq!(
        store(&f.fs, &f.inode, u64::MAX - 1, &[1]),
        Err(FsError::BeyondEnd)
    );
    // The number of its block, cut to 32 bits, is that of the first.
    let far = BLOCK << 32;
    assert_eq!(store(&f.fs, &f.inode, far, &[2]), Err(FsError::BeyondEnd));
    assert_eq!(load(&f.fs, &f.inode, far, 1), Err(FsError::BeyondEnd));
    f.expect(&[1; 100]);
}

type Grow = fn(&Fixture);

/// I12. Ways for a file of 700 bytes to reach 9,000, of which the last is 9.
const WAYS: [(&str, Grow); 5] = [
    ("truncate", |f| {
        setattr::set_size(&f.fs, &f.inode, 8_999).unwrap();
        buffered_write(&f.fs, &f.inode, 8_999, &[9]).unwrap();
    }),
    ("write", |f| {
        buffered_write(&f.fs, &f.inode, 8_999, &[9]).unwrap();
    }),
    ("fallocate", |f| {
        fallocate(&f.fs, &f.inode, 0, 9_000, SizeMode::Extend).unwrap();
        buffered_write(&f.fs, &f.inode, 8_999, &[9]).unwrap();
    }),
    ("zero range", |f| {
        zero_range::zero_range(&f.fs, &f.inode, 6_000, 3_000, SizeMode::Extend).unwrap();
        buffered_write(&f.fs, &f.inode, 8_999, &[9]).unwrap();
    }),
    ("direct write", |f| {
        direct_write(&f.fs, &f.inode, 8_999, &[9]).unwrap();
    }),
];

#[test]
fn what_is_stored_beyond_the_end_never_becomes_content() {
    for blocks_per_folio in BLOCKS_PER_FOLIO {
        let page = u64::from(blocks_per_folio) * BLOCK;
        for (way, grow) in WAYS {
            for is_written_back in [false, true] {
                let f = Fixture::new(blocks_per_folio);
                buffered_write(&f.fs, &f.inode, 0, &pattern(1, 700)).unwrap();
                store(&f.fs, &f.inode, 650, &pattern(2, (page - 650) as usize)).unwrap();
                if is_written_back {
                    fsync::fsync(&f.fs, &f.inode).unwrap();
                    store(&f.fs, &f.inode, page - 1, &[3]).unwrap();
                }
                println!("{way}, {blocks_per_folio} blocks per folio");
                grow(&f);
                let mut expected = pattern(1, 700);
                put(&mut expected, 650, &pattern(2, 50));
                expected.resize(9_000, 0);
                expected[8_999] = 9;
                f.expect(&expected);
            }
        }
    }
}

/// D63. Stores go on to a page of which a part has been punched out.
#[test]
fn a_store_after_a_partial_punch_faults_and_finds_space() {
    for remove in [
        (|f| punch_hole::punch_hole(&f.fs, &f.inode, BLOCK, BLOCK)) as fn(&Fixture) -> _,
        |f| zero_range::zero_range(&f.fs, &f.inode, BLOCK, BLOCK, SizeMode::Keep),
        |f| {
            truncate::truncate_down(&f.fs, &f.inode, BLOCK)?;
            setattr::set_size(&f.fs, &f.inode, 4 * BLOCK)
        },
    ] {
        let f = Fixture::new(4);
        buffered_write(&f.fs, &f.inode, 0, &[1; 1_024]).unwrap();
        setattr::set_size(&f.fs, &f.inode, 4 * BLOCK).unwrap();
        store(&f.fs, &f.inode, BLOCK + 5, &[2]).unwrap();
        remove(&f).unwrap();
        store(&f.fs, &f.inode, BLOCK + 6, &[3]).unwrap();
        let mut expected = vec![1; 1_024];
        expected.resize(4_096, 0);
        expected[1_030] = 3;
        f.expect(&expected);
    }
}

#[test]
fn direct_io_finds_what_was_stored_and_replaces_it() {
    for blocks_per_folio in BLOCKS_PER_FOLIO {
        let f = Fixture::new(blocks_per_folio);
        setattr::set_size(&f.fs, &f.inode, 4_096).unwrap();
        store(&f.fs, &f.inode, 1_000, &[5; 100]).unwrap();
        let mut expected = vec![0; 4_096];
        put(&mut expected, 1_000, &[5; 100]);
        assert_same(&direct_read(&f.fs, &f.inode, 0, 4_096).unwrap(), &expected);
        store(&f.fs, &f.inode, 3_000, &[6; 100]).unwrap();
        direct_write(&f.fs, &f.inode, 1_024, &[7; 2_048]).unwrap();
        put(&mut expected, 3_000, &[6; 100]);
        put(&mut expected, 1_024, &[7; 2_048]);
        assert_same(&load(&f.fs, &f.inode, 0, 4_096).unwrap(), &expected);
        f.expect(&expected);
    }
}

#[test]
fn reclaim_drops_clean_folios_only() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 4_096)).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    store(&f.fs, &f.inode, BLOCK, &[8]).unwrap();
    assert_eq!(reclaim(&f.inode, ALL), 3);
    assert_eq!(f.inode.cache.peek().len(), 1);
    let mut expected = pattern(1, 4_096);
    expected[1_024] = 8;
    f.expect(&expected);
}

#[test]
fn a_fault_without_space_leaves_no_reservation_without_data() {
    let f = Fixture::new(4);
    setattr::set_size(&f.fs, &f.inode, 1 << 20).unwrap();
    let mut at = 0;
    let error = loop {
        match store(&f.fs, &f.inode, at, &[1]) {
            Ok(()) => at += 4 * BLOCK,
            Err(error) => break error,
        }
    };
    assert_eq!(error, FsError::NoSpace);
    let violations = crate::invariants::quiescent::violations(&f.fs).unwrap();
    assert_eq!(violations, []);
    let mut expected = vec![0; 1 << 20];
    (0..at)
        .step_by(4_096)
        .for_each(|at| expected[at as usize] = 1);
    f.expect(&expected);
}
