//! Operations on a small file system in memory, in one thread: contents, sizes, and the invariants
//! that hold while nothing is under way.

mod allocation;
mod block_map;
mod direct;
mod io_errors;
mod judges;
mod limits;
mod mapped;
mod mounting;
mod nothing;
mod ordered;
mod orphans;
mod punch;
mod reservations;
mod restart;
mod retry;
mod short_copy;
mod sync_direct;
mod sync_write;
mod writeback;

use crate::design::Design;
use crate::device::faults::{Fault, Faults};
use crate::device::memory::{Image, MemoryDevice};
use crate::device::recording::RecordingDevice;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::invariants::quiescent;
use crate::mkfs::{MkfsOptions, mkfs};
use crate::mount::MountOptions;
use crate::protocol::Protocol;
use crate::units::{BLOCK_SIZE, Lblk, Pblk};
use crate::{directory, fsync, read};
use cutpoint_event::log;
use rt::sync::Arc;
use std::ops::Range;

/// Bytes in a block.
const BLOCK: u64 = BLOCK_SIZE as u64;
/// Every block of a file.
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);
/// The name of the file.
const NAME: &[u8] = b"file";

/// A mounted file system with one empty file. Free blocks hold what an earlier owner left.
struct Fixture {
    device: Arc<RecordingDevice>,
    fs: Filesystem<RecordingDevice>,
    inode: Arc<Inode>,
}

/// An empty file system of a few blocks, which hold what an earlier owner left.
fn formatted() -> Arc<Image> {
    formatted_with(64)
}

/// An empty file system whose `free` free blocks hold what an earlier owner left.
fn formatted_with(free: u64) -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(free, 16, 1024),
        ..MkfsOptions::default()
    };
    let mut image = Image::zeroed(options.blocks);
    for block in 0..options.blocks {
        image.set(Pblk(block), &[0xee; BLOCK_SIZE]).expect("inside");
    }
    let device = MemoryDevice::with_base(Arc::new(image));
    mkfs(&device, &options).expect("mkfs works in memory");
    Arc::new(device.snapshot())
}

impl Fixture {
    fn new(blocks_per_folio: u32) -> Fixture {
        Fixture::in_design(Design::Im, blocks_per_folio)
    }

    fn in_design(design: Design, blocks_per_folio: u32) -> Fixture {
        Fixture::mounted(MountOptions {
            design,
            blocks_per_folio,
            ..MountOptions::default()
        })
    }

    fn mounted(mount: MountOptions) -> Fixture {
        Fixture::with_protocol(mount, Protocol::correct())
    }

    /// With steps that need not be the correct ones.
    fn with_protocol(mount: MountOptions, protocol: Protocol<RecordingDevice>) -> Fixture {
        let device = Arc::new(RecordingDevice::with_base(formatted()));
        let mounted = Filesystem::mount_with_protocol(device.clone(), mount, protocol);
        let (fs, _) = mounted.expect("a new image mounts");
        let inode = directory::create(&fs, NAME).expect("there is room");
        Fixture { device, fs, inode }
    }

    /// Lets writes of every block fail, or no more.
    fn set_failing(&self, to: bool) {
        self.device.set_faults(Faults {
            writes: if to { Fault::Always } else { Fault::Never },
            ..Faults::default()
        });
    }

    /// Drops everything in memory, without unmounting or writing anything, and mounts again.
    fn crash(self) -> Fixture {
        let device = Arc::new(RecordingDevice::with_base(Arc::new(self.device.snapshot())));
        let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).expect("mounts");
        let inode = directory::lookup(&fs, NAME).expect("the file has been committed");
        Fixture { device, fs, inode }
    }

    fn content(&self) -> Vec<u8> {
        read::read(&self.fs, &self.inode, 0, 1 << 20).expect("memory does not fail")
    }

    /// The invariants hold, and the file holds `expected`, now and after a remount.
    fn expect(&self, expected: &[u8]) {
        assert_eq!(quiescent::violations(&self.fs).expect("readable"), []);
        assert_eq!(self.inode.size.get(), expected.len() as u64);
        assert_same(&self.content(), expected);
        fsync::fsync(&self.fs, &self.inode).expect("memory does not fail");
        assert_eq!(quiescent::violations(&self.fs).expect("readable"), []);
        let (again, report) = Filesystem::mount(
            Arc::new(MemoryDevice::with_base(Arc::new(self.device.snapshot()))),
            MountOptions::default(),
        )
        .expect("mounts");
        assert_eq!(report.orphans_truncated, 0);
        let inode = directory::lookup(&again, NAME).expect("the file has been committed");
        let found = read::read(&again, &inode, 0, 1 << 20).expect("memory does not fail");
        assert_same(&found, expected);
    }

    /// Blocks reserved for the file.
    fn reserved(&self) -> u32 {
        self.inode.read_data().reserved
    }
}

/// The invariants that `call` itself finds violated. Only in the std runtime: elsewhere only an
/// explorer can record.
fn findings(call: impl FnOnce()) -> Vec<&'static str> {
    log::start();
    call();
    let findings = log::finish().findings;
    findings.iter().map(|finding| finding.invariant).collect()
}

/// Compares, and says where the first difference is.
fn assert_same(found: &[u8], expected: &[u8]) {
    let differ = found.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(differ, None, "the first byte that differs");
    assert_eq!(found.len(), expected.len());
}

/// Bytes that differ from place to place, none of them zero.
fn pattern(seed: u8, len: usize) -> Vec<u8> {
    let byte = |at: usize| 1 + (usize::from(seed) * 31 + at + at / BLOCK_SIZE * 7) % 255;
    (0..len).map(|at| byte(at) as u8).collect()
}

/// Puts `bytes` at `offset` of a byte array, which grows if it must.
fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    file.resize(file.len().max(offset + bytes.len()), 0);
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}
