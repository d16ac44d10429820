//! What finds no space is tried again after a commit: how often.

use super::*;
use crate::allocate::retry_after_commit;
use crate::error::FsError;
use crate::{truncate, write};

/// Blocks of the file.
const BLOCKS: u64 = 5;

#[test]
fn it_is_tried_again_once_for_each_commit_that_makes_blocks_available() {
    for design in Design::ALL {
        for frees in 0..BLOCKS as u32 {
            let f = Fixture::in_design(design, 1);
            let bytes = pattern(1, (BLOCKS * BLOCK) as usize);
            write::buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
            fsync::fsync(&f.fs, &f.inode).unwrap();
            let before = f.fs.journal().committed();
            let mut attempts = 0;
            let outcome: Result<(), FsError> = retry_after_commit(&f.fs, || {
                // As somebody else might, who frees a block each time and leaves it to nobody.
                if attempts < frees {
                    let kept = BLOCKS - 1 - u64::from(attempts);
                    truncate::truncate_down(&f.fs, &f.inode, kept * BLOCK)?;
                }
                attempts += 1;
                Err(FsError::NoSpace)
            });
            assert_eq!(outcome, Err(FsError::NoSpace));
            let commits = f.fs.journal().committed().0 - before.0;
            assert_eq!(commits, frees, "{design}: one commit for each that freed");
            assert_eq!(
                attempts,
                frees + 2,
                "{design}: and one more attempt at the end"
            );
        }
    }
}

#[test]
fn what_has_space_is_not_tried_again() {
    let f = Fixture::new(1);
    let mut attempts = 0;
    let outcome = retry_after_commit(&f.fs, || {
        attempts += 1;
        Ok(attempts)
    });
    assert_eq!(outcome, Ok(1));
}

/// The first attempt finds nothing that a commit would help with, the second does.
#[test]
fn after_a_commit_the_first_failure_is_not_the_last_word_either() {
    for design in Design::ALL {
        let f = Fixture::in_design(design, 1);
        let bytes = pattern(1, (BLOCKS * BLOCK) as usize);
        write::buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
        fsync::fsync(&f.fs, &f.inode).unwrap();
        let mut attempts = 0;
        let outcome: Result<(), FsError> = retry_after_commit(&f.fs, || {
            attempts += 1;
            if attempts == 2 {
                truncate::truncate_down(&f.fs, &f.inode, (BLOCKS - 1) * BLOCK)?;
            }
            Err(FsError::NoSpace)
        });
        assert_eq!((outcome, attempts), (Err(FsError::NoSpace), 4), "{design}");
    }
}
