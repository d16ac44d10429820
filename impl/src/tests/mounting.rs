//! What mounting refuses, what it leaves on disk, and what is then known without the device.

use super::*;
use crate::buffer::BufferCache;
use crate::disk;
use crate::disk::dir::DirectoryBlock;
use crate::disk::extent::{Extent, ExtentNode};
use crate::disk::geometry::{GROUP_DESCRIPTORS, Geometry, JOURNAL_INO, ROOT_INO, SUPERBLOCK};
use crate::disk::group::GroupDescriptor;
use crate::disk::inode::FileType;
use crate::disk::superblock::{STATE_CLEAN, STATE_ERROR, Superblock};
use crate::error::FsError;
use crate::mount::MountError;
use crate::{evict, write};

/// Mounts an image whose journal's inode maps these extents. Each has its first block, the block of
/// the journal as it was that this is, its length, and whether it is unwritten.
fn mount_with_journal(extents: [(u32, u32, u32, bool); 2]) -> Result<(), MountError> {
    let mut image = Image::clone(&formatted());
    let superblock = Superblock::decode(image.block(SUPERBLOCK), image.size()).unwrap();
    let descriptor = GroupDescriptor::decode(image.block(GROUP_DESCRIPTORS), &superblock);
    let geometry = Geometry::new(&superblock, &descriptor.unwrap());
    let position = geometry.locate(JOURNAL_INO).unwrap();
    let mut block = *image.block(position.block());
    let mut inode = disk::inode::Inode::decode(&block, position, &geometry).unwrap();
    let journal = match ExtentNode::decode_root(&inode, position, &geometry).unwrap() {
        ExtentNode::Leaf(extents) => extents[0].pblk,
        ExtentNode::Index { .. } => panic!("a journal that has just been made is one extent"),
    };
    let extents = extents.map(|(lblk, from, len, unwritten)| Extent {
        lblk: Lblk(lblk),
        len,
        pblk: Pblk(journal.0 + u64::from(from)),
        unwritten,
    });
    ExtentNode::Leaf(extents.to_vec()).encode_root(&mut inode);
    inode.encode_into(&mut block, position, geometry.seed);
    image.set(position.block(), &block).unwrap();
    let device = Arc::new(MemoryDevice::with_base(Arc::new(image)));
    Filesystem::mount(device, MountOptions::default()).map(|_| ())
}

#[test]
fn the_journal_may_lie_in_pieces_but_has_no_holes_and_no_unwritten_blocks() {
    let pieces = |from, unwritten| [(0, 0, 500, false), (from, 500, 524, unwritten)];
    assert_eq!(mount_with_journal(pieces(500, false)), Ok(()));
    let refused = Err(MountError::JournalFile);
    assert_eq!(mount_with_journal(pieces(501, false)), refused);
    assert_eq!(mount_with_journal(pieces(500, true)), refused);
}

#[test]
fn the_superblock_says_for_good_that_there_has_been_an_error() {
    let state = |image: &Image| {
        let superblock = Superblock::decode(image.block(SUPERBLOCK), image.size());
        superblock.unwrap().state
    };
    let f = Fixture::new(4);
    f.fs.sync().unwrap();
    f.fs.journal().abort("the test wants it to");
    let mut image = f.device.snapshot();
    assert_eq!(state(&image), STATE_CLEAN);
    for journal_error in [Some(-5), None] {
        let device = Arc::new(MemoryDevice::with_base(Arc::new(image)));
        let (fs, report) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
        assert_eq!(report.journal_error, journal_error);
        assert_eq!(state(&device.snapshot()), STATE_CLEAN | STATE_ERROR);
        fs.unmount().unwrap();
        image = device.snapshot();
        assert_eq!(state(&image), STATE_CLEAN | STATE_ERROR);
    }
}

#[test]
fn a_block_of_metadata_is_read_once() {
    let device = Arc::new(RecordingDevice::with_base(formatted()));
    let buffers = BufferCache::new(device.clone());
    let content = buffers.get(SUPERBLOCK).unwrap().snapshot();
    device.set_faults(Faults {
        reads: Fault::Always,
        ..Faults::default()
    });
    assert!(buffers.get(GROUP_DESCRIPTORS).is_err());
    assert_eq!(buffers.get(SUPERBLOCK).unwrap().snapshot(), content);
    buffers.forget(SUPERBLOCK);
    assert!(buffers.get(SUPERBLOCK).is_err());
}

#[test]
fn names_are_listed_in_the_order_they_lie_in() {
    let f = Fixture::new(4);
    directory::create(&f.fs, b"another").unwrap();
    let entries = directory::entries(&f.fs).unwrap();
    let names: Vec<&[u8]> = entries.iter().map(|entry| &entry.name[..]).collect();
    assert_eq!(names, [&b"."[..], b"..", b"lost+found", NAME, b"another"]);
    assert_eq!(entries[3].ino, f.inode.ino);
}

/// The first block has room for the name, which is in the second.
#[test]
fn a_name_is_looked_for_in_every_block_before_it_is_made() {
    let f = Fixture::new(4);
    let root = f.fs.inode(ROOT_INO).unwrap();
    let seed = root.attributes().seed(root.position, f.fs.geometry().seed);
    let mut second = DirectoryBlock::empty();
    second
        .insert(b"another", f.inode.ino, FileType::Regular)
        .unwrap();
    write::buffered_write(&f.fs, &root, BLOCK, &second.encode(seed)).unwrap();
    fsync::fsync(&f.fs, &root).unwrap();
    let made = directory::create(&f.fs, b"another");
    assert_eq!(made.unwrap_err(), FsError::Exists);
    let found = directory::lookup(&f.fs, b"another").unwrap();
    assert_eq!(found.ino, f.inode.ino);
}

#[test]
fn what_has_left_memory_is_read_from_disk() {
    let f = Fixture::new(4);
    let bytes = pattern(1, 3_000);
    write::buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
    f.fs.sync().unwrap();
    evict::evict(&f.fs, &f.inode);
    assert!(f.inode.cache.peek().is_empty());
    let inode = directory::lookup(&f.fs, NAME).unwrap();
    assert!(!Arc::ptr_eq(&inode, &f.inode));
    assert_same(&read::read(&f.fs, &inode, 0, 1 << 20).unwrap(), &bytes);
}
