//! What just fits: the largest file, and writes with the smallest log.

use super::*;
use crate::delalloc::Delalloc;
use crate::direct::direct_write;
use crate::direct::read::direct_read;
use crate::disk::inode::FILE_SIZE_MAX;
use crate::error::FsError;
use crate::fallocate::{SizeMode, fallocate};
use crate::journal::JournalOptions;
use crate::write::{buffered_write, synchronous_write};
use crate::{fault, truncate};

#[test]
fn the_largest_file_can_be_written_to_its_end() {
    for design in Design::ALL {
        for blocks_per_folio in [1, 2, 3, 4, 32] {
            let f = Fixture::in_design(design, blocks_per_folio);
            let at = FILE_SIZE_MAX - 3;
            let too_large = buffered_write(&f.fs, &f.inode, at, b"ends");
            assert_eq!(too_large, Err(FsError::TooLarge));
            synchronous_write(&f.fs, &f.inode, at, b"end").unwrap();
            fault::store(&f.fs, &f.inode, at, b"E").unwrap();
            assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
            fsync::fsync(&f.fs, &f.inode).unwrap();
            let f = f.crash();
            assert_eq!(f.inode.size.get(), FILE_SIZE_MAX);
            let end = read::read(&f.fs, &f.inode, at - 1, 10).unwrap();
            assert_eq!(end, b"\0End");
            truncate::truncate_down(&f.fs, &f.inode, FILE_SIZE_MAX - 1).unwrap();
            truncate::truncate_down(&f.fs, &f.inode, 0).unwrap();
            f.expect(&[]);
        }
    }
}

#[test]
fn the_largest_file_can_be_written_directly_to_its_end() {
    for blocks_per_folio in [1, 3, 4] {
        let f = Fixture::new(blocks_per_folio);
        let at = FILE_SIZE_MAX - 3;
        let too_large = direct_write(&f.fs, &f.inode, at, b"ends");
        assert_eq!(too_large, Err(FsError::TooLarge));
        assert_eq!(direct_write(&f.fs, &f.inode, at, b"end"), Ok(3));
        assert_eq!(f.fs.orphans().members(), []);
        assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
        fsync::fsync(&f.fs, &f.inode).unwrap();
        let f = f.crash();
        assert_eq!(f.inode.size.get(), FILE_SIZE_MAX);
        let end = direct_read(&f.fs, &f.inode, at - 1, 10).unwrap();
        assert_eq!(end, b"\0end");
    }
}

/// The log is as short as a truncate can do with.
fn short_log() -> JournalOptions {
    JournalOptions {
        log_blocks_max: Some(64),
        ..JournalOptions::default()
    }
}

/// Over a hole, over what has been allocated and not written, and beyond the end.
#[test]
fn a_direct_write_takes_no_larger_log_than_a_truncate() {
    for design in Design::ALL {
        let f = Fixture::mounted(MountOptions {
            design,
            journal: short_log(),
            ..MountOptions::default()
        });
        fallocate(&f.fs, &f.inode, BLOCK, 2 * BLOCK, SizeMode::Extend).unwrap();
        let bytes = pattern(1, 5 * BLOCK_SIZE);
        for range in [
            BLOCK_SIZE..2 * BLOCK_SIZE,
            0..BLOCK_SIZE,
            3_000..bytes.len(),
        ] {
            let (offset, part) = (range.start as u64, &bytes[range]);
            assert_eq!(direct_write(&f.fs, &f.inode, offset, part), Ok(part.len()));
        }
        let mut expected = bytes;
        expected[2 * BLOCK_SIZE..3_000].fill(0);
        f.expect(&expected);
    }
}

#[test]
fn a_write_that_allocates_at_once_takes_no_larger_log_than_a_truncate() {
    for design in Design::ALL {
        let f = Fixture::mounted(MountOptions {
            design,
            delalloc: Delalloc::Never,
            journal: short_log(),
            ..MountOptions::default()
        });
        let bytes = pattern(1, 3_000);
        buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
        truncate::truncate_down(&f.fs, &f.inode, 2_000).unwrap();
        f.expect(&bytes[..2_000]);
    }
}
