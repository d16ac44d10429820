//! What the kernel and e2fsck make of images that a failing device has left, and of files mapped by
//! pointers.

mod judges;

use extfs_std::delalloc::Delalloc;
use extfs_std::design::Design;
use extfs_std::device::faults::{Fault, Faults};
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::device::recording::RecordingDevice;
use extfs_std::fs::{DataError, Filesystem};
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::{directory, fsync, setattr, truncate, write};
use judges::kernel::Access;
use judges::{E2fsprogs, Kernel, difference};
use std::path::Path;
use std::sync::Arc;

fn formatted() -> Arc<Image> {
    let options = MkfsOptions::default();
    let device = MemoryDevice::new(options.blocks);
    mkfs(&device, &options).unwrap();
    Arc::new(device.snapshot())
}

/// What this core, e2fsck and the kernel recover from an image must be the same. Says how many
/// files that were.
fn recovered_alike(image: &Image, folder: &Path) -> usize {
    let device = Arc::new(MemoryDevice::with_base(Arc::new(image.clone())));
    let ours = judges::recover(device.clone()).unwrap();
    let path = folder.join("image");
    match E2fsprogs::find() {
        Err(why) => println!("e2fsck: NotMeasured, {why}"),
        Ok(e2fsprogs) => {
            image.save(&path).unwrap();
            e2fsprogs.recover(&path).unwrap();
            let theirs = e2fsprogs.read(&path).unwrap();
            assert_eq!(difference(["e2fsck", "this core"], [&theirs, &ours]), None);
            // What this core has made of it is clean.
            device.snapshot().save(&path).unwrap();
            e2fsprogs.check(&path).unwrap();
        }
    }
    match Kernel::find() {
        Err(why) => println!("the kernel: NotMeasured, {why}"),
        Ok(kernel) => {
            image.save(&path).unwrap();
            let theirs = kernel.read(&path, Access::Recover).unwrap();
            assert_eq!(difference(["the kernel", "us"], [&theirs, &ours]), None);
        }
    }
    ours.len()
}

/// The journal's superblock says that it was aborted; one transaction before that is in the log.
#[test]
fn an_aborted_journal_is_recovered_alike_by_all_who_can() {
    let folder = tempfile::tempdir().unwrap();
    for design in Design::ALL {
        let device = Arc::new(RecordingDevice::with_base(formatted()));
        let options = MountOptions {
            design,
            data_error: DataError::Abort,
            ..MountOptions::default()
        };
        let (fs, _) = Filesystem::mount(device.clone(), options).unwrap();
        let inode = directory::create(&fs, b"file").unwrap();
        write::buffered_write(&fs, &inode, 0, &[1; 3_000]).unwrap();
        fsync::fsync(&fs, &inode).unwrap();
        device.set_faults(Faults {
            writes: Fault::Always,
            ..Faults::default()
        });
        write::buffered_write(&fs, &inode, 0, &[2; 5_000]).unwrap();
        assert!(fsync::fsync(&fs, &inode).is_err());
        device.set_faults(Faults::default());
        // The first to ask for a commit records the abort.
        assert!(fs.journal().commit_once().is_err());
        assert_eq!(recovered_alike(&device.snapshot(), folder.path()), 1);
    }
}

/// Files of pointers, clean and dirty, one of them on the orphan list.
#[test]
fn files_of_pointers_are_read_and_recovered_alike() {
    let folder = tempfile::tempdir().unwrap();
    for delalloc in Delalloc::ALL {
        let device = Arc::new(MemoryDevice::with_base(formatted()));
        let options = MountOptions {
            design: Design::Bh,
            delalloc,
            ..MountOptions::default()
        };
        let (fs, _) = Filesystem::mount(device.clone(), options).unwrap();
        for (name, at, len) in [(&b"short"[..], 100, 2_000), (b"long", 9_000, 20_000)] {
            let inode = directory::create_block_mapped(&fs, name).unwrap();
            write::buffered_write(&fs, &inode, at, &vec![7; len]).unwrap();
            fsync::fsync(&fs, &inode).unwrap();
        }
        let long = directory::lookup(&fs, b"long").unwrap();
        setattr::set_size(&fs, &long, 40_000).unwrap();
        fs.journal().commit_once().unwrap();
        assert_eq!(recovered_alike(&device.snapshot(), folder.path()), 2);
        truncate::truncate_down(&fs, &long, 10_000).unwrap();
        fs.journal().commit_once().unwrap();
        assert_eq!(recovered_alike(&device.snapshot(), folder.path()), 2);
        fs.unmount().unwrap();
        assert_eq!(recovered_alike(&device.snapshot(), folder.path()), 2);
    }
}
