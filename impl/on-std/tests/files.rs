//! Files, from write to e2fsck, in one thread.

use extfs_std::device::memory::MemoryDevice;
use extfs_std::error::FsError;
use extfs_std::fs::Filesystem;
use extfs_std::invariants::quiescent;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::units::Lblk;
use extfs_std::{directory, evict, fsync, read, truncate, unlink, write};
use std::process::Command;
use std::sync::Arc;

fn fresh() -> Arc<MemoryDevice> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(256, 16, 1024),
        ..Default::default()
    };
    let device = Arc::new(MemoryDevice::new(options.blocks));
    mkfs(&*device, &options).unwrap();
    device
}

fn e2fsck_is_silent(device: &MemoryDevice) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    device.snapshot().save(&path).unwrap();
    let run = Command::new("e2fsck")
        .args(["-fn"])
        .arg(&path)
        .env("E2FSCK_CONFIG", "/dev/null")
        .env("LC_ALL", "C")
        .output();
    let Ok(output) = run else {
        println!("NotMeasured: e2fsck is not installed");
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn what_was_written_is_read_back_after_a_remount() {
    let device = fresh();
    let (fs, report) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    assert_eq!(report, Default::default());
    let inode = directory::create(&fs, b"file").unwrap();
    let bytes: Vec<u8> = (0..10_000_u32).map(|i| i as u8).collect();
    write::buffered_write(&fs, &inode, 0, &bytes).unwrap();
    write::buffered_write(&fs, &inode, 5_000, &[7; 100]).unwrap();
    assert_eq!(quiescent::violations(&fs).unwrap(), []);
    fsync::fsync(&fs, &inode).unwrap();
    assert_eq!(quiescent::violations(&fs).unwrap(), []);
    truncate::truncate_down(&fs, &inode, 6_000).unwrap();
    assert_eq!(quiescent::violations(&fs).unwrap(), []);
    fs.unmount().unwrap();
    e2fsck_is_silent(&device);

    let (fs, report) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    assert_eq!(report, Default::default());
    let inode = directory::lookup(&fs, b"file").unwrap();
    let mut expected = bytes[..6_000].to_vec();
    expected[5_000..5_100].fill(7);
    assert_eq!(read::read(&fs, &inode, 0, 1 << 20).unwrap(), expected);
    fs.unmount().unwrap();
    e2fsck_is_silent(&device);
}

#[test]
fn a_dirty_image_is_recovered() {
    let device = fresh();
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    let inode = directory::create(&fs, b"file").unwrap();
    write::buffered_write(&fs, &inode, 0, &[1; 3_000]).unwrap();
    fsync::fsync(&fs, &inode).unwrap();
    // No unmount: what is on the device now is what a power cut after the fsync leaves at best.
    let (fs, report) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    assert!(
        report
            .recovered
            .is_some_and(|recovered| recovered.transactions >= 1)
    );
    let inode = directory::lookup(&fs, b"file").unwrap();
    assert_eq!(read::read(&fs, &inode, 0, 4_000).unwrap(), vec![1; 3_000]);
    fs.unmount().unwrap();
    e2fsck_is_silent(&device);
}

/// I12. A write that extends a file reaches the disk before the size does, so a power cut between
/// the two leaves data beyond the end, in the last block of the file.
#[test]
fn what_a_crash_leaves_beyond_the_end_never_becomes_content() {
    type Grow = fn(&Filesystem<MemoryDevice>, &Arc<extfs_std::inode::Inode>);
    let ways: [(&str, Grow); 4] = [
        ("truncate", |fs, inode| {
            extfs_std::setattr::set_size(fs, inode, 3_000).unwrap();
        }),
        ("write", |fs, inode| {
            write::buffered_write(fs, inode, 2_999, &[0]).unwrap();
        }),
        ("fallocate", |fs, inode| {
            let mode = extfs_std::fallocate::SizeMode::Extend;
            extfs_std::fallocate::fallocate(fs, inode, 0, 3_000, mode).unwrap();
        }),
        ("zero range", |fs, inode| {
            let mode = extfs_std::fallocate::SizeMode::Extend;
            extfs_std::zero_range::zero_range(fs, inode, 2_500, 500, mode).unwrap();
        }),
    ];
    for (way, grow) in ways {
        let device = fresh();
        let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
        let inode = directory::create(&fs, b"file").unwrap();
        write::buffered_write(&fs, &inode, 0, &[1; 500]).unwrap();
        fsync::fsync(&fs, &inode).unwrap();
        write::buffered_write(&fs, &inode, 500, &[2; 500]).unwrap();
        // The data is on disk; the transaction with the size is not committed.
        fsync::write_and_wait(&fs, &inode, Lblk(0)..Lblk(1)).unwrap();

        let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
        let inode = directory::lookup(&fs, b"file").unwrap();
        assert_eq!(inode.size.get(), 500, "{way}");
        grow(&fs, &inode);
        let mut expected = vec![1; 500];
        expected.resize(3_000, 0);
        assert_eq!(
            read::read(&fs, &inode, 0, 4_000).unwrap(),
            expected,
            "{way}"
        );
        // On disk, too, whatever the crash after the next commit keeps of the cache.
        fs.journal().commit_once().unwrap();
        let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
        let inode = directory::lookup(&fs, b"file").unwrap();
        let bytes = read::read(&fs, &inode, 0, 4_000).unwrap();
        assert_eq!(bytes, expected[..bytes.len()], "{way}, after another crash");
        fs.unmount().unwrap();
        e2fsck_is_silent(&device);
    }
}

#[test]
fn an_unlinked_file_lives_until_it_is_closed_and_no_crash_brings_it_back() {
    let device = fresh();
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    let free = fs.space().peek_counters();
    let inode = directory::create(&fs, b"file").unwrap();
    let other_user = directory::lookup(&fs, b"file").unwrap();
    write::buffered_write(&fs, &inode, 0, &[1; 3_000]).unwrap();
    unlink::unlink(&fs, b"file").unwrap();
    assert_eq!(
        directory::lookup(&fs, b"file").unwrap_err(),
        FsError::NotFound
    );
    assert_eq!(
        unlink::unlink(&fs, b"lost+found").unwrap_err(),
        FsError::IsDirectory
    );
    evict::iput(&fs, &inode).unwrap();
    fsync::fsync(&fs, &other_user).unwrap();
    assert_eq!(
        read::read(&fs, &other_user, 0, 4_000).unwrap(),
        vec![1; 3_000]
    );
    assert_eq!(fs.orphans().members(), [other_user.ino]);
    let crashed = device.snapshot();

    evict::iput(&fs, &other_user).unwrap();
    assert_eq!(fs.orphans().members(), []);
    assert_eq!(quiescent::violations(&fs).unwrap(), []);
    fs.unmount().unwrap();
    assert_eq!(fs.space().peek_counters(), free);
    e2fsck_is_silent(&device);

    let device = Arc::new(MemoryDevice::with_base(Arc::new(crashed)));
    let (fs, report) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    assert_eq!((report.orphans_deleted, report.orphans_truncated), (1, 0));
    assert_eq!(fs.space().peek_counters(), free);
    fs.unmount().unwrap();
    e2fsck_is_silent(&device);
}
