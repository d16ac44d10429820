//! What is given out: blocks near their goal, the lowest inode number, and what the descriptor
//! and the counters say of the rest.

use super::*;
use crate::disk::extent::ExtentNode;
use crate::disk::geometry::{FIRST_INO, GROUP_DESCRIPTORS, SUPERBLOCK};
use crate::disk::group::GroupDescriptor;
use crate::disk::superblock::Superblock;
use crate::error::FsError;
use crate::extent::Status;
use crate::units::Ino;
use crate::{evict, truncate, unlink, write};

/// Inodes of the file system.
const INODES: u32 = 16;
/// Blocks that are free in it.
const FREE: u64 = 64;

fn range(start: u64, len: u64) -> Range<Pblk> {
    Pblk(start)..Pblk(start + len)
}

/// Allocates in a handle of its own.
fn allocate(f: &Fixture, goal: u64, len_max: u32) -> Range<Pblk> {
    let mut handle = f.fs.start_handle(4).unwrap();
    let space = f.fs.space();
    space.allocate(&mut handle, Pblk(goal), len_max).unwrap()
}

/// Undoes an allocation in a handle of its own.
fn give_back(f: &Fixture, blocks: Range<Pblk>) {
    let mut handle = f.fs.start_handle(4).unwrap();
    f.fs.space().give_back(&mut handle, blocks).unwrap();
}

/// Where the block of a file lies.
fn pblk(inode: &Inode, lblk: u32) -> u64 {
    let status = inode.query(Lblk(lblk)).0.status_at(Lblk(lblk));
    let pblk = status.and_then(Status::pblk);
    pblk.expect("the block has been allocated").0
}

#[test]
fn blocks_lie_at_their_goal_or_behind_it_and_else_at_the_beginning() {
    let f = Fixture::new(4);
    let first = allocate(&f, 0, 1).start.0;
    assert_eq!(allocate(&f, first + 10, 2), range(first + 10, 2));
    assert_eq!(allocate(&f, first + 10, 1), range(first + 12, 1));
    // Behind the last free block lies the journal.
    let last = first + FREE - 1;
    assert_eq!(allocate(&f, last, 4), range(last, 1));
    assert_eq!(allocate(&f, last, 1), range(first + 1, 1));
    // A goal may be what follows the last block of the file system.
    let end = f.fs.geometry().blocks;
    for (goal, found) in (end - 1..end + 2).zip(first + 2..) {
        assert_eq!(allocate(&f, goal, 1), range(found, 1), "{goal}");
    }
    let left = allocate(&f, 0, u32::MAX);
    assert_eq!(left, Pblk(first + 5)..Pblk(first + 10));
    assert_eq!(allocate(&f, last, u32::MAX), Pblk(first + 13)..Pblk(last));
    let mut handle = f.fs.start_handle(4).unwrap();
    let none = f.fs.space().allocate(&mut handle, Pblk(first), 1);
    assert_eq!(none, Err(FsError::NoSpace));
}

#[test]
fn freed_blocks_are_passed_over_until_the_commit() {
    let f = Fixture::new(4);
    let first = allocate(&f, 0, 1).start.0;
    give_back(&f, allocate(&f, first + 11, 2));
    assert_eq!(allocate(&f, first + 12, 4), range(first + 13, 3));
    assert_eq!(allocate(&f, first + 10, 4), range(first + 10, 1));
    assert_eq!(allocate(&f, first + 10, 1), range(first + 16, 1));
    f.fs.journal().commit_once().unwrap();
    assert_eq!(allocate(&f, first + 10, 4), range(first + 11, 2));
}

#[test]
fn a_file_grows_behind_its_own_end_though_there_is_room_before_it() {
    let f = Fixture::new(4);
    let other = directory::create(&f.fs, b"other").unwrap();
    write::buffered_write(&f.fs, &other, 0, &pattern(1, 4 * BLOCK_SIZE)).unwrap();
    fsync::fsync(&f.fs, &other).unwrap();
    write::buffered_write(&f.fs, &f.inode, 0, &pattern(2, 2 * BLOCK_SIZE)).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    let start = pblk(&f.inode, 0);
    assert_eq!(start, pblk(&other, 3) + 1);
    unlink::unlink(&f.fs, b"other").unwrap();
    evict::iput(&f.fs, &other).unwrap();
    f.fs.sync().unwrap();
    write::buffered_write(&f.fs, &f.inode, 2 * BLOCK, &pattern(3, BLOCK_SIZE)).unwrap();
    fsync::fsync(&f.fs, &f.inode).unwrap();
    assert_eq!(pblk(&f.inode, 2), start + 2);
    // What another file needs goes where there is room.
    let another = directory::create(&f.fs, b"another").unwrap();
    write::buffered_write(&f.fs, &another, 0, &pattern(4, BLOCK_SIZE)).unwrap();
    fsync::fsync(&f.fs, &another).unwrap();
    assert_eq!(pblk(&another, 0), start - 4);
}

#[test]
fn a_second_leaf_lies_behind_the_first_though_there_is_room_before_it() {
    let device = Arc::new(RecordingDevice::with_base(formatted_with(256)));
    let fs = Filesystem::mount(device.clone(), MountOptions::default());
    let fs = fs.unwrap().0;
    let other = directory::create(&fs, b"other").unwrap();
    write::buffered_write(&fs, &other, 0, &pattern(1, 4 * BLOCK_SIZE)).unwrap();
    fsync::fsync(&fs, &other).unwrap();
    let inode = directory::create(&fs, NAME).unwrap();
    let f = Fixture { device, fs, inode };
    let leaves = || f.inode.read_data().tree.leaves().to_vec();
    let mut expected = Vec::new();
    let mut write_fragment = |number: usize| {
        let (offset, bytes) = (2 * number * BLOCK_SIZE, pattern(2, BLOCK_SIZE));
        write::buffered_write(&f.fs, &f.inode, offset as u64, &bytes).unwrap();
        put(&mut expected, offset, &bytes);
    };
    for number in 0..ExtentNode::BLOCK_CAPACITY {
        write_fragment(number);
    }
    fsync::fsync(&f.fs, &f.inode).unwrap();
    assert_eq!(leaves().len(), 1);
    unlink::unlink(&f.fs, b"other").unwrap();
    evict::iput(&f.fs, &other).unwrap();
    f.fs.sync().unwrap();
    write_fragment(ExtentNode::BLOCK_CAPACITY);
    f.expect(&expected);
    assert!(leaves().len() == 2 && leaves()[0] < leaves()[1]);
    truncate::truncate_down(&f.fs, &f.inode, BLOCK).unwrap();
    assert_eq!(leaves(), []);
    f.expect(&pattern(2, BLOCK_SIZE));
}

#[test]
fn the_lowest_free_inode_number_is_given_out() {
    let f = Fixture::new(4);
    let files: Vec<_> = (b'a'..=b'd')
        .map(|name| directory::create(&f.fs, &[name]).unwrap())
        .collect();
    let numbers: Vec<Ino> = files.iter().map(|file| file.ino).collect();
    assert_eq!(numbers, [13, 14, 15, 16].map(Ino));
    let before = f.fs.space().peek_counters();
    let none = directory::create(&f.fs, b"e");
    assert_eq!(none.unwrap_err(), FsError::NoInodes);
    assert_eq!(f.fs.space().peek_counters(), before);
    unlink::unlink(&f.fs, b"b").unwrap();
    evict::iput(&f.fs, &files[1]).unwrap();
    assert_eq!(directory::create(&f.fs, b"e").unwrap().ino, Ino(14));
    assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
}

/// A checker skips the inodes that the descriptor counts as never used, at the end of the table.
#[test]
fn no_inode_in_use_is_counted_as_never_used() {
    let free = INODES - FIRST_INO.0;
    for unused in 0..=free {
        let mut image = Image::clone(&formatted());
        let superblock = Superblock::decode(image.block(SUPERBLOCK), image.size()).unwrap();
        let mut block = *image.block(GROUP_DESCRIPTORS);
        let mut descriptor = GroupDescriptor::decode(&block, &superblock).unwrap();
        descriptor.unused_inodes = unused;
        descriptor.encode_into(&mut block, superblock.seed());
        image.set(GROUP_DESCRIPTORS, &block).unwrap();
        let device = MemoryDevice::with_base(Arc::new(image));
        let mounted = Filesystem::mount(Arc::new(device), MountOptions::default());
        let fs = mounted.unwrap().0;
        for made in 1..=free {
            let inode = directory::create(&fs, &[b'a' + made as u8]).unwrap();
            assert_eq!(inode.ino, Ino(FIRST_INO.0 + made));
            let buffer = fs.buffers().get(GROUP_DESCRIPTORS).unwrap();
            let descriptor = buffer.read(|block| GroupDescriptor::decode(block, &superblock));
            let found = descriptor.unwrap().unused_inodes;
            assert_eq!(found, unused.min(free - made), "{unused}, {made}");
        }
    }
}

/// I15.
#[test]
fn what_is_freed_twice_is_reported() {
    if rt::RUNTIME != "std" {
        return;
    }
    let f = Fixture::new(4);
    let free = allocate(&f, 0, 1);
    give_back(&f, free.clone());
    let found = findings(|| {
        give_back(&f, free);
        let mut handle = f.fs.start_handle(4).unwrap();
        let unused = Ino(f.inode.ino.0 + 1);
        f.fs.space().free_inode(&mut handle, unused).unwrap();
        handle.stop();
    });
    assert_eq!(found, ["I15", "I15"]);
}
