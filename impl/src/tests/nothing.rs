//! Calls that ask for what is so already, or for nothing: they change nothing, and what is delayed
//! stays so.

use super::*;
use crate::error::FsError;
use crate::fallocate::{SizeMode, fallocate};
use crate::zero_range::zero_range;
use crate::{punch_hole, setattr, truncate, write};

/// A call by name.
type Call = (&'static str, fn(&Fixture) -> Result<(), FsError>);

const SIZE: u64 = 3_000;

const CALLS: [Call; 7] = [
    ("set size", |f| setattr::set_size(&f.fs, &f.inode, SIZE)),
    ("truncate up", |f| {
        setattr::truncate_up(&f.fs, &f.inode, SIZE)
    }),
    ("truncate down", |f| {
        truncate::truncate_down(&f.fs, &f.inode, SIZE)
    }),
    ("punch nothing", |f| {
        punch_hole::punch_hole(&f.fs, &f.inode, 100, 0)
    }),
    ("punch beyond the end", |f| {
        punch_hole::punch_hole(&f.fs, &f.inode, SIZE, 5_000)
    }),
    ("allocate nothing", |f| {
        fallocate(&f.fs, &f.inode, 5_000, 0, SizeMode::Extend)
    }),
    ("zero nothing", |f| {
        zero_range(&f.fs, &f.inode, 100, 0, SizeMode::Extend)
    }),
];

#[test]
fn what_is_so_already_changes_nothing() {
    for design in Design::ALL {
        for (name, call) in CALLS {
            let f = Fixture::in_design(design, 1);
            let bytes = pattern(1, SIZE as usize);
            write::buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
            let before = (f.inode.disksize.get(), f.fs.space().peek_counters());
            call(&f).unwrap();
            let after = (f.inode.disksize.get(), f.fs.space().peek_counters());
            assert_eq!(before, after, "{design}: {name}");
            f.expect(&bytes);
        }
    }
}

#[test]
fn a_file_can_be_as_long_as_a_file_can_be() {
    for design in Design::ALL {
        let f = Fixture::in_design(design, 1);
        let longest = f.inode.size_max();
        setattr::set_size(&f.fs, &f.inode, longest).unwrap();
        assert_eq!(f.inode.size.get(), longest);
        let longer = setattr::set_size(&f.fs, &f.inode, longest + 1);
        assert_eq!(longer, Err(FsError::TooLarge));
    }
}
