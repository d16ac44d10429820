//! Hole punches at the end of a file.

use super::{BLOCK, Fixture, pattern};
use crate::extent::Status;
use crate::fallocate::{SizeMode, fallocate};
use crate::units::Lblk;
use crate::write::buffered_write;
use crate::{fsync, punch_hole};

/// However far a punch reaches, what has been allocated beyond the end of the file stays.
#[test]
fn a_hole_ends_with_the_last_block_of_the_file() {
    let f = Fixture::new(1);
    buffered_write(&f.fs, &f.inode, 0, &pattern(1, 1_500)).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    fallocate(&f.fs, &f.inode, 0, 4 * BLOCK, SizeMode::Keep).unwrap();
    punch_hole::punch_hole(&f.fs, &f.inode, 0, 8 * BLOCK).unwrap();
    let status = |lblk| f.inode.query(Lblk(lblk)).0.status;
    assert_eq!([status(0), status(1)], [Status::Hole; 2]);
    assert!(matches!(status(2), Status::Unwritten(_)));
    assert!(matches!(status(3), Status::Unwritten(_)));
    f.expect(&[0; 1_500]);
}
