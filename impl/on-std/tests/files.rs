//! Files, from write to e2fsck, in one thread.

use extfs_std::device::memory::MemoryDevice;
use extfs_std::fs::Filesystem;
use extfs_std::invariants::quiescent;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::{directory, fsync, read, truncate, write};
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
