//! Direct I/O, page faults and short copies against each other, in every interleaving of their
//! lock operations: the correct protocol keeps every byte and every invariant, and protocols with
//! one wrong step are caught.

use cutpoint::explore::{Execution, Explored, Options, dpor};
use extfs_shuttle::delalloc;
use extfs_shuttle::device::memory::{Image, MemoryDevice};
use extfs_shuttle::device::recording::RecordingDevice;
use extfs_shuttle::direct::{Submitted, direct_write, direct_write_async};
use extfs_shuttle::error::FsError;
use extfs_shuttle::fault::store;
use extfs_shuttle::fs::{Background, Filesystem};
use extfs_shuttle::inode::Inode;
use extfs_shuttle::invariants::quiescent;
use extfs_shuttle::mkfs::{MkfsOptions, mkfs};
use extfs_shuttle::mount::MountOptions;
use extfs_shuttle::protocol::Protocol;
use extfs_shuttle::rt::{finding, thread};
use extfs_shuttle::units::{Lblk, Pblk};
use extfs_shuttle::user::UserBuffer;
use extfs_shuttle::write::{buffered_write, buffered_write_from};
use extfs_shuttle::{directory, fallocate, fsync, read, setattr, truncate, writeback};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

const BLOCK: u64 = 1024;
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

type Fs = Filesystem<RecordingDevice>;

/// What the file system does.
type Steps = Protocol<RecordingDevice>;

/// Two or more tasks on one file.
type Body = fn(&Arc<Image>, Steps);

/// A change of the protocol.
type Seed = fn(&mut Steps);

/// A file system with one empty file, and free blocks that hold what an earlier owner left.
fn base() -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(32, 16, 1024),
        ..MkfsOptions::default()
    };
    let mut filled = Image::zeroed(options.blocks);
    for block in 0..options.blocks {
        filled.set(Pblk(block), &[0xee; 1024]).unwrap();
    }
    let device = Arc::new(MemoryDevice::with_base(Arc::new(filled)));
    mkfs(&*device, &options).unwrap();
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    directory::create(&fs, b"file").unwrap();
    fs.unmount().unwrap();
    Arc::new(device.snapshot())
}

/// A mounted file system and its file.
struct Race {
    fs: Arc<Fs>,
    inode: Arc<Inode>,
}

impl Clone for Race {
    fn clone(&self) -> Race {
        Race {
            fs: self.fs.clone(),
            inode: self.inode.clone(),
        }
    }
}

impl Race {
    fn new(base: &Arc<Image>, protocol: Steps, background: Background) -> Race {
        let device = Arc::new(RecordingDevice::with_base(base.clone()));
        let options = MountOptions {
            blocks_per_folio: 1,
            background,
            ..MountOptions::default()
        };
        let (fs, _) = Filesystem::mount_with_protocol(device, options, protocol).unwrap();
        let inode = directory::lookup(&fs, b"file").unwrap();
        Race {
            fs: Arc::new(fs),
            inode,
        }
    }

    /// Starts a task on the file.
    fn spawn<R: Send + 'static>(
        &self,
        name: &'static str,
        body: impl FnOnce(&Fs, &Arc<Inode>) -> R + Send + 'static,
    ) -> thread::JoinHandle<R> {
        let race = self.clone();
        thread::spawn(name, move || body(&race.fs, &race.inode))
    }

    /// When all tasks have ended: invariants, and contents before and after everything is durable.
    fn settle(&self, expected: &[Vec<u8>]) {
        self.check(expected);
        writeback::writepages(&self.fs, &self.inode, ALL, true).unwrap();
        while self.fs.step_io() {}
        fsync::fsync(&self.fs, &self.inode).unwrap();
        self.check(expected);
        extfs_shuttle::fault::reclaim(&self.inode, ALL);
        self.check(expected);
    }

    fn check(&self, expected: &[Vec<u8>]) {
        for found in quiescent::violations(&self.fs).unwrap() {
            finding(found.invariant, || found.expected, || found.observed);
        }
        let content = read::read(&self.fs, &self.inode, 0, 1 << 20).unwrap();
        if !expected.contains(&content) {
            finding(
                "I21",
                || {
                    format!(
                        "{:?}",
                        expected.iter().map(|e| brief(e)).collect::<Vec<_>>()
                    )
                },
                || format!("{:?}", brief(&content)),
            );
        }
    }
}

/// The first byte of each half of a block.
fn brief(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().step_by(512).copied().collect()
}

fn blocks(of: &[u8]) -> Vec<u8> {
    of.iter().flat_map(|byte| [*byte; 1024]).collect()
}

/// A write whose copy comes to nothing, against a store into one of its blocks.
fn short_copy_and_store(base: &Arc<Image>, protocol: Steps) {
    let race = Race::new(base, protocol, Background::Stepped);
    setattr::set_size(&race.fs, &race.inode, 2 * BLOCK).unwrap();
    let writer = race.spawn("write", |fs, inode| {
        let bytes = [1; 2048];
        let outcome = buffered_write_from(fs, inode, 0, &UserBuffer::bad_from(&bytes, 0));
        assert_eq!(outcome, Err(FsError::BadAddress));
    });
    let faulter = race.spawn("store", |fs, inode| {
        store(fs, inode, BLOCK, &[2; 1024]).unwrap();
    });
    writer.join();
    faulter.join();
    race.settle(&[blocks(&[0, 2])]);
}

/// A direct write of a whole unwritten block, for which nobody waits, against one of its second
/// half.
fn block_and_half(base: &Arc<Image>, protocol: Steps) {
    let race = Race::new(base, protocol, Background::Threads);
    fallocate::fallocate(&race.fs, &race.inode, 0, BLOCK, fallocate::SizeMode::Extend).unwrap();
    let write = |offset: u64, bytes: Vec<u8>| {
        move |fs: &Fs, inode: &Arc<Inode>| {
            direct_write_async(fs, inode, offset, &UserBuffer::new(&bytes)).unwrap();
        }
    };
    let block = race.spawn("block", write(0, vec![1; 1024]));
    let half = race.spawn("half", write(512, vec![2; 512]));
    let worker = race.spawn("worker", |fs, _| fs.direct_io_worker());
    block.join();
    half.join();
    race.fs.direct_in_flight().close();
    worker.join();
    race.settle(&[blocks(&[1]), [[1; 512], [2; 512]].concat()]);
}

/// An asynchronous overwrite of two unwritten blocks, against a truncate to one.
fn async_and_truncate(base: &Arc<Image>, protocol: Steps) {
    let race = Race::new(base, protocol, Background::Threads);
    let (fs, inode) = (&race.fs, &race.inode);
    fallocate::fallocate(fs, inode, 0, 2 * BLOCK, fallocate::SizeMode::Extend).unwrap();
    let writer = race.spawn("direct write", |fs, inode| {
        let bytes = [1; 2048];
        let submitted = direct_write_async(fs, inode, 0, &UserBuffer::new(&bytes)).unwrap();
        // If the truncate came first, this write extends the file, and is waited for.
        if let Submitted::Queued(write) = submitted {
            fs.wait_direct_io(&write).unwrap();
        }
        fs.direct_in_flight().close();
    });
    let truncate = race.spawn("truncate", |fs, inode| {
        truncate::truncate_down(fs, inode, BLOCK).unwrap();
    });
    let worker = race.spawn("worker", |fs, _| fs.direct_io_worker());
    writer.join();
    truncate.join();
    worker.join();
    race.settle(&[blocks(&[1]), blocks(&[1, 1])]);
}

/// An extending direct write, against the writeback of a block that lies further on.
fn extend_and_writeback(base: &Arc<Image>, protocol: Steps) {
    let race = Race::new(base, protocol, Background::Threads);
    buffered_write(&race.fs, &race.inode, 2 * BLOCK, &[3; 1024]).unwrap();
    let writer = race.spawn("direct write", |fs, inode| {
        assert_eq!(direct_write(fs, inode, 0, &[1; 1024]), Ok(1024));
    });
    let writeback = race.spawn("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, true).unwrap();
        fs.in_flight().close();
    });
    let worker = race.spawn("worker", |fs, _| fs.io_worker());
    writer.join();
    writeback.join();
    worker.join();
    race.settle(&[blocks(&[1, 0, 3])]);
}

/// A direct write over unwritten blocks, against a reader who brings them into the cache.
fn direct_write_and_read(base: &Arc<Image>, protocol: Steps) {
    let race = Race::new(base, protocol, Background::Stepped);
    let (fs, inode) = (&race.fs, &race.inode);
    fallocate::fallocate(fs, inode, 0, BLOCK, fallocate::SizeMode::Extend).unwrap();
    let writer = race.spawn("direct write", |fs, inode| {
        assert_eq!(direct_write(fs, inode, 0, &[1; 1024]), Ok(1024));
    });
    let reader = race.spawn("read", |fs, inode| {
        read::read(fs, inode, 0, 1024).unwrap();
    });
    writer.join();
    reader.join();
    race.settle(&[blocks(&[1])]);
}

fn explore(race: Body, protocol: Steps) -> Explored {
    let base = base();
    let options = Options {
        executions: Some(200_000),
        ..Options::default()
    };
    let go_on = &mut |_: &Execution<'_>| ControlFlow::Continue(());
    dpor::explore(&options, move || race(&base, protocol), go_on)
}

/// The race holds in every interleaving.
fn holds(name: &str, race: Body) {
    let explored = explore(race, Protocol::correct());
    println!("{name}: {} executions", explored.executions);
    let found = explored.finding.as_ref().map(|finding| &finding.findings);
    assert!(found.is_none(), "{name}: {found:?}");
    assert!(explored.complete, "{name}: {:?}", explored.stopped_by);
}

/// The race violates an invariant in some interleaving. Returns which.
fn violates(name: &str, race: Body, protocol: Steps) -> &'static str {
    let explored = explore(race, protocol);
    let finding = explored
        .finding
        .unwrap_or_else(|| panic!("{name} was missed"));
    println!(
        "{name}: {} executions, {:?}",
        explored.executions, finding.findings
    );
    finding
        .findings
        .first()
        .map_or("deadlock", |first| first.invariant)
}

#[test]
fn the_correct_protocol_holds() {
    holds("short copy and store", short_copy_and_store);
    holds("block and half", block_and_half);
    holds("async and truncate", async_and_truncate);
    holds("extend and writeback", extend_and_writeback);
    holds("direct write and read", direct_write_and_read);
}

#[test]
fn a_wrong_step_is_caught() {
    let seeded: [(&str, Body, Seed); 6] = [
        // D15: what a short copy left is punched without `invalidate_lock`.
        ("punch without lock", short_copy_and_store, |protocol| {
            protocol.write_delalloc_release = |fs, inode, blocks| {
                delalloc::scan_and_punch(fs, inode, blocks);
            };
        }),
        // D17 with D16: dirty data does not keep its delayed blocks.
        ("punch under dirty data", short_copy_and_store, |protocol| {
            protocol.delalloc_clean_ranges = |_, blocks| vec![blocks];
        }),
        // D41, the side that this device can tell: an unaligned write does not wait for what is in
        // flight.
        ("no drain before", block_and_half, |protocol| {
            protocol.dio_drain_before = |_, _, _| {};
        }),
        // Truncate does not wait for direct I/O.
        ("no wait in truncate", async_and_truncate, |protocol| {
            protocol.inode_dio_wait = |_, _| {};
        }),
        // D34: what is left of the orphan record is nobody's business.
        ("orphan left behind", extend_and_writeback, |protocol| {
            protocol.inode_extension_cleanup = |_, _, _| Ok(());
        }),
        // D49: what was read in meanwhile stays in the cache.
        ("no invalidation after", direct_write_and_read, |protocol| {
            protocol.dio_invalidate_after = |_, _, _| {};
        }),
    ];
    let caught = seeded.map(|(name, body, seed)| {
        let mut protocol = Protocol::correct();
        seed(&mut protocol);
        violates(name, body, protocol)
    });
    assert_eq!(caught, ["I35", "I6", "I21", "I35", "I17", "I21"]);
}
