//! What the core costs on std: writing through the page cache and past it, fsync, in both designs,
//! and recovery by the length of the log.
//!
//! ```text
//! cargo bench -p extfs-std --bench filesystem -- [--quick] [NAME]
//! ```
//!
//! On a device in memory the numbers are the core's own; on a file, which lies in the folder for
//! temporary files, fsync is that of the system's disk.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use extfs_std::design::Design;
use extfs_std::device::Device;
use extfs_std::device::file::FileDevice;
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::fs::Filesystem;
use extfs_std::fsync::Sync;
use extfs_std::inode::Inode;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::units::Lblk;
use extfs_std::user::UserBuffer;
use extfs_std::{direct, directory, fsync, setattr, write, writeback};
use std::hint::black_box;
use std::sync::Arc;

/// Bytes of a call: not a multiple of the block size.
const CALL: usize = 1_500;

fn options() -> MkfsOptions {
    MkfsOptions {
        blocks: MkfsOptions::blocks_for(2_048, 16, 1_024),
        ..MkfsOptions::default()
    }
}

/// A fresh file system on a device, with an open file.
fn fresh<D: Device>(device: Arc<D>, design: Design) -> (Filesystem<D>, Arc<Inode>) {
    mkfs(&*device, &options()).expect("the device is large enough");
    let options = MountOptions {
        design,
        ..MountOptions::default()
    };
    let (fs, _) = Filesystem::mount(device, options).expect("just made");
    let inode = directory::create(&fs, b"file").expect("there is space");
    (fs, inode)
}

fn in_memory(design: Design) -> (Filesystem<MemoryDevice>, Arc<Inode>) {
    fresh(Arc::new(MemoryDevice::new(options().blocks)), design)
}

/// Writes a file through the page cache, and its blocks to the device: into fresh blocks, which
/// writeback allocates, and over blocks that are there.
fn write_and_writeback(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write and writeback");
    for (kib, design) in by_design([64_u64, 512]) {
        let bytes = vec![7; kib as usize * 1_024];
        group.throughput(Throughput::Bytes(kib * 1_024));
        let write_all = |fs: &Filesystem<MemoryDevice>, inode: &Arc<Inode>| {
            for (i, part) in bytes.chunks(CALL).enumerate() {
                write::buffered_write(fs, inode, (i * CALL) as u64, part).expect("space");
            }
            fsync::write_and_wait(fs, inode, Lblk(0)..Lblk(u32::MAX)).expect("no error");
        };
        let (fs, inode) = in_memory(design);
        group.bench_function(
            BenchmarkId::new(format!("new blocks, {design}"), kib),
            |bencher| {
                bencher.iter_batched(
                    || {
                        // Freed blocks are used again once their transaction has committed.
                        setattr::set_size(&fs, &inode, 0).expect("no error");
                        fs.journal().commit_once().expect("no error");
                    },
                    |()| write_all(&fs, &inode),
                    BatchSize::PerIteration,
                );
            },
        );
        let (fs, inode) = in_memory(design);
        write_all(&fs, &inode);
        group.bench_function(
            BenchmarkId::new(format!("overwrite, {design}"), kib),
            |bencher| {
                bencher.iter(|| write_all(&fs, &inode));
            },
        );
    }
    group.finish();
}

/// Everything in both designs.
fn by_design<T: Copy, const N: usize>(of: [T; N]) -> impl Iterator<Item = (T, Design)> {
    let designs = |of| Design::ALL.into_iter().map(move |design| (of, design));
    of.into_iter().flat_map(designs)
}

/// Writes past the page cache: over blocks that are there, beyond the end, which takes the orphan
/// list and two handles, and the same durably.
fn direct_write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("direct write");
    for (kib, design) in by_design([4_usize, 64]) {
        let bytes = vec![5; kib * 1_024];
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let end = 64 * bytes.len() as u64;
        let (fs, inode) = in_memory(design);
        direct::direct_write(&fs, &inode, 0, &bytes).expect("space");
        group.bench_function(
            BenchmarkId::new(format!("overwrite, {design}"), kib),
            |bencher| {
                bencher.iter(|| direct::direct_write(&fs, &inode, 0, &bytes).expect("no error"));
            },
        );
        let mut extend = |name: &str, sync: Option<Sync>| {
            let (fs, inode) = in_memory(design);
            let id = BenchmarkId::new(format!("{name}, {design}"), kib);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let size = inode.size.get();
                    if size >= end.min(1 << 20) {
                        setattr::set_size(&fs, &inode, 0).expect("no error");
                        fs.journal().commit_once().expect("no error");
                        return 0;
                    }
                    let user = UserBuffer::new(&bytes);
                    match sync {
                        None => direct::direct_write(&fs, &inode, size, &bytes),
                        Some(sync) => direct::direct_write_sync(&fs, &inode, size, &user, sync),
                    }
                    .expect("space")
                });
            });
        };
        extend("extend", None);
        extend("extend, O_DSYNC", Some(Sync::Data));
    }
    group.finish();
}

/// A small write and fsync: over a block that is there, and growing the file, which commits.
fn fsync_rate(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = FileDevice::create(&folder.path().join("image"), options().blocks);
    let mut group = criterion.benchmark_group("fsync");
    group.throughput(Throughput::Elements(1));
    for design in Design::ALL {
        let (fs, inode) = in_memory(design);
        bench_fsync(&mut group, &format!("memory, {design}"), &fs, &inode);
    }
    let file = Arc::new(file.expect("the folder is writable"));
    let (fs, inode) = fresh(file, Design::Im);
    group.sample_size(10);
    bench_fsync(&mut group, "file", &fs, &inode);
    group.finish();
}

fn bench_fsync<D: Device>(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    device: &str,
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
) {
    group.bench_function(BenchmarkId::new("overwrite", device), |bencher| {
        bencher.iter(|| {
            write::buffered_write(fs, inode, 0, &[1; 100]).expect("space");
            fsync::fsync(fs, inode).expect("no error");
        });
    });
    let mut size = 0;
    group.bench_function(BenchmarkId::new("append", device), |bencher| {
        bencher.iter(|| {
            if size > 1 << 20 {
                setattr::set_size(fs, inode, 0).expect("no error");
                size = 0;
            }
            write::buffered_write(fs, inode, size, &[1; 100]).expect("space");
            size += 100;
            fsync::fsync(fs, inode).expect("no error");
        });
    });
}

/// An image whose log holds so many transactions that are to be replayed, and how many blocks
/// these log.
fn dirty(transactions: u32) -> (Arc<Image>, u32) {
    let device = Arc::new(MemoryDevice::new(options().blocks));
    let (fs, inode) = fresh(device.clone(), Design::Im);
    // Mounted again, so that the log begins with what follows.
    fs.unmount().expect("no error");
    drop((fs, inode));
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).expect("clean");
    let inode = directory::lookup(&fs, b"file").expect("made before");
    for number in 1..=transactions {
        setattr::set_size(&fs, &inode, u64::from(number)).expect("no error");
        fs.journal().commit_once().expect("no error");
    }
    let image = Arc::new(device.snapshot());
    let again = Arc::new(MemoryDevice::with_base(image.clone()));
    let (_, report) = Filesystem::mount(again, MountOptions::default()).expect("recoverable");
    let recovered = report.recovered.expect("the image is dirty");
    assert_eq!(recovered.transactions, transactions);
    (image, recovered.blocks_replayed)
}

/// Mounting, by the length of the log.
fn recovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery");
    for transactions in [0, 10, 100, 250] {
        let (image, blocks) = dirty(transactions);
        println!("{transactions} transactions: {blocks} blocks replayed");
        group.bench_with_input(
            BenchmarkId::new("transactions", transactions),
            &image,
            |bencher, image| {
                bencher.iter(|| {
                    let device = Arc::new(MemoryDevice::with_base(image.clone()));
                    black_box(Filesystem::mount(device, MountOptions::default())).is_ok()
                });
            },
        );
    }
    group.finish();
}

/// Submitting writeback without waiting for it, of a file that is dirty in every block.
fn submit(criterion: &mut Criterion) {
    let (fs, inode) = in_memory(Design::Im);
    let bytes = vec![3; 256 * 1_024];
    let mut group = criterion.benchmark_group("writeback");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("overwrite, submit only", |bencher| {
        bencher.iter_batched(
            || {
                while fs.step_io() {}
                write::buffered_write(&fs, &inode, 0, &bytes).expect("space");
            },
            |()| writeback::writepages(&fs, &inode, Lblk(0)..Lblk(u32::MAX), false).is_ok(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(
    benches,
    write_and_writeback,
    direct_write,
    submit,
    fsync_rate,
    recovery
);
criterion_main!(benches);
