//! What the scenarios have in common: an image with one file, a mounted file system with the file's
//! inode, tasks on it, and what is checked when they have ended.

use super::super::extfs::delalloc::Delalloc;
use super::super::extfs::design::Design;
use super::super::extfs::device::memory::{Image, MemoryDevice};
use super::super::extfs::device::recording::RecordingDevice;
use super::super::extfs::error::FsError;
use super::super::extfs::fs::{Background, DataError, Filesystem};
use super::super::extfs::inode::Inode;
use super::super::extfs::invariants::quiescent;
use super::super::extfs::mkfs::{MkfsOptions, mkfs};
use super::super::extfs::mount::MountOptions;
use super::super::extfs::protocol::Protocol;
use super::super::extfs::rt::{Value, acknowledged, finding, part, sync, thread};
use super::super::extfs::trace::args;
use super::super::extfs::units::Lblk;
use super::super::extfs::{directory, fsync, read, writeback};
use crate::content::{self, FILE_NAME};
use crate::oracle::DURABLE;
use std::ops::Range;
use std::sync::Arc;

/// Every block of a file.
pub const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

/// A file system on a device that records.
pub type Fs = Filesystem<RecordingDevice>;

/// A task of a scenario, or nothing if it is a part that has been left out.
pub type Task<R = ()> = Option<thread::JoinHandle<R>>;

/// How the file system of an execution is mounted.
#[derive(Clone, Copy)]
pub struct Mounting {
    /// In which design.
    pub design: Design,
    /// Whether allocation waits for writeback.
    pub delalloc: Delalloc,
    /// What follows when data of a file can not be written.
    pub data_error: DataError,
    /// By which protocol it works: the correct one, or a variant of it.
    pub protocol: Protocol<RecordingDevice>,
}

/// A mounted file system and its file.
pub struct Setting {
    /// The file system.
    pub fs: Arc<Fs>,
    /// The file.
    pub inode: sync::Arc<Inode>,
}

/// The image that executions start from: an empty file, and free blocks that hold what some earlier
/// owner left. Then `prepare` does to the file what an execution finds done and durable.
pub fn base(
    blocks_per_folio: u32,
    prepare: impl FnOnce(&Filesystem<MemoryDevice>, &sync::Arc<Inode>),
) -> Arc<Image> {
    base_of(directory::create, blocks_per_folio, prepare)
}

/// As [`base`], of a file that is mapped by pointers.
pub fn base_block_mapped(
    blocks_per_folio: u32,
    prepare: impl FnOnce(&Filesystem<MemoryDevice>, &sync::Arc<Inode>),
) -> Arc<Image> {
    base_of(directory::create_block_mapped, blocks_per_folio, prepare)
}

/// How a file is made.
type Create = fn(&Filesystem<MemoryDevice>, &[u8]) -> Result<sync::Arc<Inode>, FsError>;

fn base_of(
    create: Create,
    blocks_per_folio: u32,
    prepare: impl FnOnce(&Filesystem<MemoryDevice>, &sync::Arc<Inode>),
) -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(32, 16, 1024),
        ..MkfsOptions::default()
    };
    let device = Arc::new(MemoryDevice::new(options.blocks));
    mkfs(&*device, &options).expect("mkfs on memory works");
    let mount = |device| {
        let mounted = Filesystem::mount(device, mount_options(blocks_per_folio));
        mounted.expect("a new image mounts").0
    };
    let fs = mount(device.clone());
    create(&fs, FILE_NAME).expect("a new image has room");
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
    let device = Arc::new(MemoryDevice::with_base(Arc::new(image)));
    let fs = mount(device.clone());
    let file = directory::lookup(&fs, FILE_NAME).expect("the file has been made");
    prepare(&fs, &file);
    fs.unmount().expect("memory does not fail");
    Arc::new(device.snapshot())
}

fn mount_options(blocks_per_folio: u32) -> MountOptions {
    MountOptions {
        blocks_per_folio,
        ..MountOptions::default()
    }
}

/// Mounts an image on a device that records.
fn mount_recording(base: &Arc<Image>, blocks_per_folio: u32, mounting: &Mounting) -> Arc<Fs> {
    let device = Arc::new(RecordingDevice::with_base(base.clone()));
    let options = MountOptions {
        design: mounting.design,
        delalloc: mounting.delalloc,
        data_error: mounting.data_error,
        background: Background::Threads,
        ..mount_options(blocks_per_folio)
    };
    let mounted = Filesystem::mount_with_protocol(device, options, mounting.protocol);
    Arc::new(mounted.expect("the base image mounts").0)
}

/// Waits for a task that was not left out.
pub fn join<R>(task: Task<R>) -> Option<R> {
    task.map(thread::JoinHandle::join)
}

impl Setting {
    /// Mounts an image for one execution.
    pub fn new(base: &Arc<Image>, blocks_per_folio: u32, mounting: &Mounting) -> Setting {
        let fs = mount_recording(base, blocks_per_folio, mounting);
        let inode = directory::lookup(&fs, FILE_NAME).expect("the base image holds the file");
        Setting { fs, inode }
    }

    /// Starts a task on the file.
    pub fn spawn<R: Send + 'static>(
        &self,
        name: &'static str,
        body: impl FnOnce(&Fs, &sync::Arc<Inode>) -> R + Send + 'static,
    ) -> thread::JoinHandle<R> {
        let (fs, inode) = (self.fs.clone(), self.inode.clone());
        thread::spawn(name, move || body(&fs, &inode))
    }

    /// Starts a task that a counterexample may not need.
    pub fn spawn_part<R: Send + 'static>(
        &self,
        name: &'static str,
        body: impl FnOnce(&Fs, &sync::Arc<Inode>) -> R + Send + 'static,
    ) -> Task<R> {
        part(name).then(|| self.spawn(name, body))
    }

    /// Starts a commit at any moment, as a part that can be left out.
    pub fn spawn_commit(&self) -> Task {
        self.spawn_part("journal", |fs, _| {
            let committed = fs.journal().commit_once();
            committed.expect("the commit does not fail");
        })
    }

    /// What follows when all tasks have ended, in the main task alone: invariants, contents, fsync,
    /// and both again. What the file then holds is promised to survive.
    pub fn settle(&self, is_expected: impl Fn(&[u8]) -> bool, expected: &str) {
        let (fs, inode) = (&*self.fs, &self.inode);
        self.check_quiescent();
        match fs.design() {
            Design::Im => self.write_back(ALL),
            // One block after the other: with I/O of its own in flight, this task would seem to
            // hold what it waits for when it starts the next handle.
            Design::Bh => {
                let blocks = 0..Lblk::round_up(inode.size.get()).0;
                blocks.for_each(|b| self.write_back(Lblk(b)..Lblk(b + 1)));
            }
        }
        fsync::fsync(fs, inode).expect("the final fsync does not fail");
        let bytes = read::read(fs, inode, 0, 1 << 20).expect("memory does not fail");
        if !is_expected(&bytes) {
            finding("I21", || expected.into(), || content::describe(&bytes));
        }
        self.check_quiescent();
        promise_durable(&bytes);
    }

    /// What another file holds when everything has settled.
    pub fn check_other(&self, other: &sync::Arc<Inode>, expected: &[u8]) {
        let bytes = read::read(&self.fs, other, 0, 1 << 20).expect("memory does not fail");
        if bytes != expected {
            finding(
                "I21",
                || format!("the other file: {}", content::describe(expected)),
                || content::describe(&bytes),
            );
        }
    }

    /// As [`Setting::settle`], of a file that has been deleted.
    pub fn settle_gone(&self) {
        self.check_quiescent();
        let committed = self.fs.journal().commit_once();
        committed.expect("the last commit does not fail");
        self.check_quiescent();
        acknowledged(DURABLE, || args([("gone", Value::Number(1))]));
    }

    /// Writes back, and completes the I/O here: the worker is gone.
    fn write_back(&self, blocks: Range<Lblk>) {
        let (fs, inode) = (&*self.fs, &self.inode);
        writeback::writepages(fs, inode, blocks, true).expect("writeback does not fail");
        while fs.step_io() {}
    }

    fn check_quiescent(&self) {
        for found in quiescent::violations(&self.fs).expect("the inodes can be read") {
            finding(found.invariant, || found.expected, || found.observed);
        }
    }
}

/// Acknowledges that a file has this content, durably, and nothing behind it.
pub fn promise_durable(bytes: &[u8]) {
    acknowledged(DURABLE, || args([("size", (bytes.len() as u64).into())]));
    promise_content(0, bytes);
}

/// Acknowledges that a file has these bytes from one of its blocks on, durably.
pub fn promise_content(from: u64, bytes: &[u8]) {
    for (range, found) in content::parts(bytes) {
        acknowledged(DURABLE, || {
            let bytes = Value::Range(from + range.start, from + range.end);
            args([("bytes", bytes), ("hold", found.word().into())])
        });
    }
}
