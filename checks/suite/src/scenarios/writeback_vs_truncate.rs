//! Writeback against truncate. Written for the IM design; the BH design has the same tasks and,
//! because it locks every folio that it allocates for, not the race.
//!
//! A file has three delayed blocks. One task writes them back; another truncates the file to one
//! block, and then may or may not write its second block anew; the completion worker ends I/O; the
//! journal commits once, at any moment. Blocks that the truncate frees may be handed out again only
//! once their transaction has committed.
//!
//! What may go wrong: writeback allocates on the strength of a lookup that the truncate has made
//! untrue (the race of the ext4-on-iomap thread, v4 09/23), or writes the new second block where
//! the old one was; a crash shows a size without data, or blocks past the end.

use super::super::extfs::design::Design;
use super::super::extfs::device::memory::{Image, MemoryDevice};
use super::super::extfs::device::recording::RecordingDevice;
use super::super::extfs::fs::{Background, Filesystem};
use super::super::extfs::inode::Inode;
use super::super::extfs::invariants::quiescent;
use super::super::extfs::mkfs::{MkfsOptions, mkfs};
use super::super::extfs::mount::MountOptions;
use super::super::extfs::protocol::Protocol;
use super::super::extfs::rt::{choose, finding, part, thread};
use super::super::extfs::units::{BLOCK_SIZE, Lblk};
use super::super::extfs::{directory, fsync, read, truncate, write, writeback};
use crate::content::{self, FILE_NAME, Tag};
use std::ops::Range;
use std::sync::Arc;

type Fs<P> = Filesystem<RecordingDevice, P>;

/// Every block of a file.
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);
/// Blocks that the file has before the truncate.
pub const BLOCKS: u32 = 3;
/// Blocks that it has right after.
pub const BLOCKS_KEPT: u32 = 1;

/// The image that every execution starts from: an empty file, and free blocks that hold what some
/// earlier owner left.
pub fn base() -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(32, 16, 1024),
        ..MkfsOptions::default()
    };
    let device = Arc::new(MemoryDevice::new(options.blocks));
    mkfs(&*device, &options).expect("mkfs on memory works");
    let (fs, _) = Filesystem::mount(device.clone(), mount_options()).expect("a new image mounts");
    directory::create(&fs, FILE_NAME).expect("a new image has room");
    fs.unmount().expect("memory does not fail");
    let bitmap = fs.space().peek_bitmap();
    let mut image = device.snapshot();
    for bit in 0..fs.geometry().block_bits() {
        let block = fs.geometry().bit_block(bit);
        if !bitmap.test(bit) {
            image
                .set(block, &content::garbage(block.0))
                .expect("the block is on the device");
        }
    }
    Arc::new(image)
}

fn mount_options() -> MountOptions {
    MountOptions {
        blocks_per_folio: 1,
        ..MountOptions::default()
    }
}

/// One execution.
pub fn run<P: Protocol>(base: &Arc<Image>, design: Design) {
    let device = Arc::new(RecordingDevice::with_base(base.clone()));
    let options = MountOptions {
        design,
        background: Background::Threads,
        ..mount_options()
    };
    let (fs, _) =
        Filesystem::<_, P>::mount_with_protocol(device, options).expect("the base image mounts");
    let fs = Arc::new(fs);
    let inode = directory::lookup(&fs, FILE_NAME).expect("the base image holds the file");
    let first: Vec<u8> = (0..BLOCKS)
        .flat_map(|b| content::block(Tag::First, b))
        .collect();
    write::buffered_write(&fs, &inode, 0, &first).expect("there is room");

    // Writeback waits for its I/O, so the worker comes and goes with it.
    let writes_back = part("writeback");
    let writeback = writes_back.then(|| {
        let (fs, inode) = (fs.clone(), inode.clone());
        thread::spawn("writeback", move || {
            writeback::writepages(&fs, &inode, ALL, true).expect("writeback does not fail");
            fs.in_flight().close();
        })
    });
    // The oracles after a power cut know the file with its new size, so this is always done.
    let truncate = thread::spawn("truncate", {
        let (fs, inode) = (fs.clone(), inode.clone());
        move || truncate_and_maybe_write(&fs, &inode)
    });
    let worker = writes_back.then(|| {
        let fs = fs.clone();
        thread::spawn("worker", move || fs.io_worker())
    });
    let journal = part("journal").then(|| {
        let fs = fs.clone();
        thread::spawn("journal", move || {
            let committed = fs.journal().commit_once();
            committed.expect("the commit does not fail");
        })
    });
    let join = |task: Option<thread::JoinHandle<()>>| task.into_iter().for_each(|t| t.join());
    join(writeback);
    let expected = truncate.join();
    join(worker);
    join(journal);
    settle(&fs, &inode, &expected);
}

/// The truncating task. Returns the content that the file then has.
fn truncate_and_maybe_write<P: Protocol>(fs: &Fs<P>, inode: &Arc<Inode>) -> Vec<u8> {
    let size = u64::from(BLOCKS_KEPT) * BLOCK_SIZE as u64;
    truncate::truncate_down(fs, inode, size).expect("truncate does not fail");
    let mut content = content::block(Tag::First, 0).to_vec();
    let writes_again = choose("write again", 2) == 1;
    if writes_again {
        let again = content::block(Tag::Second, BLOCKS_KEPT);
        write::buffered_write(fs, inode, size, &again).expect("there is room");
        content.extend(again);
    }
    content
}

/// What follows when all tasks have ended, in the main task alone: invariants, fsync, contents.
fn settle<P: Protocol>(fs: &Fs<P>, inode: &Arc<Inode>, expected: &[u8]) {
    check_quiescent(fs);
    // The worker is gone: I/O is completed here.
    match fs.design() {
        Design::Im => write_back(fs, inode, ALL),
        // One folio after the other: with I/O of its own in flight, this task would seem to hold
        // what it waits for when it starts the next handle.
        Design::Bh => (0..BLOCKS).for_each(|b| write_back(fs, inode, Lblk(b)..Lblk(b + 1))),
    }
    fsync::fsync(fs, inode).expect("the final fsync does not fail");
    let bytes = read::read(fs, inode, 0, 1 << 20).expect("memory does not fail");
    if bytes != expected {
        let describe = content::describe;
        finding("I21", || describe(expected), || describe(&bytes));
    }
    check_quiescent(fs);
}

fn write_back<P: Protocol>(fs: &Fs<P>, inode: &Arc<Inode>, range: Range<Lblk>) {
    writeback::writepages(fs, inode, range, true).expect("writeback does not fail");
    while fs.step_io() {}
}

fn check_quiescent<P: Protocol>(fs: &Fs<P>) {
    for found in quiescent::violations(fs).expect("the inodes can be read") {
        finding(found.invariant, || found.expected, || found.observed);
    }
}
