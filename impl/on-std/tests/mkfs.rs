//! Fresh images before other judges: e2fsck, debugfs, and the running kernel.
//!
//! A judge that is not there, or not allowed, is reported as `NotMeasured` and not as a pass.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use extfs_std::device::file::FileDevice;
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::device::{Device, Durability};
use extfs_std::disk::bitmap::Bitmap;
use extfs_std::disk::dir::DirectoryBlock;
use extfs_std::disk::extent::ExtentNode;
use extfs_std::disk::geometry::{
    BLOCKS_MAX, GROUP_DESCRIPTORS, Geometry, INODES_MAX, JOURNAL_INO, ROOT_INO, SUPERBLOCK,
};
use extfs_std::disk::group::GroupDescriptor;
use extfs_std::disk::inode::Inode;
use extfs_std::disk::superblock::Superblock;
use extfs_std::journal::superblock::JournalSuperblock;
use extfs_std::mkfs::{MkfsError, MkfsOptions, mkfs};
use extfs_std::units::{BLOCK_SIZE, Lblk};

/// A file in a directory that goes away with it.
struct Scratch {
    directory: tempfile::TempDir,
    path: PathBuf,
}

fn scratch() -> Scratch {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("image");
    Scratch { directory, path }
}

fn make(options: &MkfsOptions) -> Image {
    let device = MemoryDevice::new(options.blocks);
    mkfs(&device, options).expect("the options are valid");
    device.snapshot()
}

/// Runs a tool with its configuration and language fixed; `None` if it is not installed.
fn run(tool: &str, arguments: &[&str], path: &Path) -> Option<Output> {
    let output = Command::new(tool)
        .args(arguments)
        .arg(path)
        .env("E2FSCK_CONFIG", "/dev/null")
        .env("LC_ALL", "C")
        .output();
    match output {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("NotMeasured: {tool} is not installed");
            None
        }
        Err(error) => panic!("{tool} can not be run: {error}"),
    }
}

fn text(output: &Output) -> String {
    let streams = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&streams).into_owned()
}

/// Requires a forced read-only check to find nothing: exit code 0, no question, five passes and
/// the summary. Returns whether e2fsck was there.
fn assert_clean(path: &Path) -> bool {
    let Some(output) = run("e2fsck", &["-fn"], path) else {
        return false;
    };
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let unexpected: Vec<&str> = said
        .lines()
        .filter(|line| {
            let summary = line.contains(" files (") && line.contains(" blocks");
            !line.starts_with("Pass ") && !line.starts_with("e2fsck ") && !summary
        })
        .collect();
    assert!(
        unexpected.is_empty(),
        "e2fsck complains: {unexpected:?}\n{said}"
    );
    assert_eq!(
        said.lines()
            .filter(|line| line.starts_with("Pass "))
            .count(),
        5,
        "{said}"
    );
    true
}

/// Sizes from the least to the greatest, odd ones among them.
fn sizes() -> Vec<MkfsOptions> {
    let mut all = vec![MkfsOptions::default()];
    for (free, inodes, journal_blocks) in [
        (0, 16, 1024),
        (1, 24, 1024),
        (1000, 72, 1025),
        (333, 1000, 4096),
    ] {
        let blocks = MkfsOptions::blocks_for(free, inodes, journal_blocks);
        let label = "a label of 16 b.".to_owned();
        all.push(MkfsOptions {
            blocks,
            inodes,
            journal_blocks,
            label,
            ..Default::default()
        });
    }
    all.push(MkfsOptions {
        blocks: BLOCKS_MAX,
        inodes: INODES_MAX,
        ..Default::default()
    });
    all.push(MkfsOptions {
        blocks: BLOCKS_MAX - 1,
        uuid: [0xff; 16],
        ..Default::default()
    });
    all
}

#[test]
fn e2fsck_finds_nothing_on_any_size() {
    for options in sizes() {
        let scratch = scratch();
        make(&options).save(&scratch.path).expect("saving works");
        if !assert_clean(&scratch.path) {
            return;
        }
    }
}

#[test]
fn the_default_image_is_sparse() {
    let image = make(&MkfsOptions::default());
    assert_eq!(image.size(), 1099);
    // Superblock, descriptor, two bitmaps, three blocks of inodes, two directories, and the
    // journal's superblock. The inode table's last block holds no inode in use.
    assert_eq!(image.blocks().count(), 10);
}

#[test]
fn old_data_do_not_show_through() {
    let options = MkfsOptions {
        inodes: 64,
        ..Default::default()
    };
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(64, 64, 1024),
        ..options
    };
    let fresh = make(&options);
    let mut old = Image::zeroed(options.blocks);
    for at in 0..options.blocks {
        old.set(extfs_std::units::Pblk(at), &[0xa5; BLOCK_SIZE])
            .expect("in range");
    }
    let device = MemoryDevice::with_base(Arc::new(old));
    mkfs(&device, &options).expect("the options are valid");
    let made = device.snapshot();
    let differing: Vec<u64> = (0..options.blocks)
        .filter(|&at| {
            let at = extfs_std::units::Pblk(at);
            made.block(at) != fresh.block(at)
        })
        .collect();
    // Only the free blocks, which lie between the directories and the journal, keep old data.
    let first_free = 5 + 16 + 2;
    assert_eq!(
        differing,
        (first_free..first_free + 64).collect::<Vec<u64>>()
    );
    let scratch = scratch();
    made.save(&scratch.path).expect("saving works");
    if !assert_clean(&scratch.path) {
        println!("NotMeasured: e2fsck on an image over old data");
    }
}

#[test]
fn a_file_and_memory_get_the_same_image() {
    let options = MkfsOptions::default();
    let scratch = scratch();
    // The device is longer than the file system: the rest is not touched.
    let device = FileDevice::create_new(&scratch.path, options.blocks + 3).expect("creating works");
    mkfs(&device, &options).expect("the options are valid");
    let image = Image::load(&scratch.path).expect("loading works");
    assert_eq!(image.size(), options.blocks + 3);
    let made = make(&options);
    assert!(image.blocks().eq(made.blocks()));
}

#[test]
fn debugfs_shows_the_directories() {
    let scratch = scratch();
    make(&MkfsOptions::default())
        .save(&scratch.path)
        .expect("saving works");
    let Some(root) = run("debugfs", &["-R", "ls -l /"], &scratch.path) else {
        return;
    };
    let root = text(&root);
    for part in [" 40755 ", " 40700 ", " lost+found"] {
        assert!(root.contains(part), "no {part:?} in {root}");
    }
    let Some(found) = run("debugfs", &["-R", "stat /lost+found"], &scratch.path) else {
        return;
    };
    let found = text(&found);
    for part in ["Inode: 11 ", "Type: directory", "Links: 2", "(0):10"] {
        assert!(found.contains(part), "no {part:?} in {found}");
    }
}

/// Decodes everything that a mount reads and requires the counts to agree with the bitmaps.
fn assert_decodes(image: &Image) -> Superblock {
    let superblock =
        Superblock::decode(image.block(SUPERBLOCK), image.size()).expect("the superblock decodes");
    let descriptor = GroupDescriptor::decode(image.block(GROUP_DESCRIPTORS), &superblock)
        .expect("the descriptor decodes");
    let geometry = Geometry::new(&superblock, &descriptor);
    let blocks = Bitmap::decode_blocks(
        image.block(geometry.block_bitmap),
        descriptor.block_bitmap_checksum,
        &geometry,
    )
    .expect("the block bitmap decodes");
    assert_eq!(blocks.count_clear(), descriptor.free_blocks);
    let inodes = Bitmap::decode_inodes(
        image.block(geometry.inode_bitmap),
        descriptor.inode_bitmap_checksum,
        &geometry,
    )
    .expect("the inode bitmap decodes");
    assert_eq!(inodes.count_clear(), descriptor.free_inodes);

    let at = geometry.locate(ROOT_INO).expect("the root is an inode");
    let root = Inode::decode(image.block(at.block()), at, &geometry).expect("the root decodes");
    let tree = ExtentNode::decode_root(&root, at, &geometry).expect("its extents decode");
    let ExtentNode::Leaf(extents) = &tree else {
        panic!("the root has one level: {tree:?}")
    };
    let first = extents[0]
        .locate(Lblk(0))
        .expect("the root has a first block");
    let seed = root.seed(at, geometry.seed);
    let directory = DirectoryBlock::decode(image.block(first), first, ROOT_INO, seed, &geometry)
        .expect("the root's block decodes");
    assert!(directory.lookup(b"lost+found").is_some(), "{directory:?}");

    let at = geometry
        .locate(JOURNAL_INO)
        .expect("the journal is an inode");
    let inode = Inode::decode(image.block(at.block()), at, &geometry).expect("it decodes");
    let tree = ExtentNode::decode_root(&inode, at, &geometry).expect("its extents decode");
    let ExtentNode::Leaf(extents) = &tree else {
        panic!("the journal is one run: {tree:?}")
    };
    let [run] = extents[..] else {
        panic!("the journal is one run: {extents:?}")
    };
    let journal = JournalSuperblock::decode(image.block(run.pblk), run.pblk, run.len)
        .expect("the journal's superblock decodes");
    assert_eq!(journal.start, 0, "the log is empty");
    superblock
}

#[test]
fn every_size_decodes() {
    for options in sizes() {
        let superblock = assert_decodes(&make(&options));
        assert_eq!(
            (superblock.blocks, superblock.inodes),
            (options.blocks, options.inodes)
        );
        assert!(!superblock.needs_recovery);
    }
}

/// Mounts on a directory by loop device. `None` if this machine does not let us.
fn mount(image: &Path, directory: &Path) -> Option<()> {
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.contains("ext4") {
        println!("NotMeasured: this kernel has no ext4");
        return None;
    }
    let arguments = [
        "-t",
        "ext4",
        "-o",
        "loop",
        image.to_str().expect("the path is UTF-8"),
    ];
    let output = run("mount", &arguments, directory)?;
    if output.status.success() {
        return Some(());
    }
    let said = text(&output);
    let not_allowed = [
        "ermission denied",
        "not permitted",
        "uperuser",
        "loop device",
        "/dev/loop",
    ];
    assert!(
        not_allowed.iter().any(|reason| said.contains(reason)),
        "the kernel refuses: {said}"
    );
    println!("NotMeasured: mounting is not allowed here: {}", said.trim());
    None
}

#[test]
fn the_kernel_mounts_and_writes_and_its_image_decodes() {
    let scratch = scratch();
    make(&MkfsOptions::default())
        .save(&scratch.path)
        .expect("saving works");
    let directory = scratch.directory.path().join("mounted");
    std::fs::create_dir(&directory).expect("making a directory works");
    if mount(&scratch.path, &directory).is_none() {
        return;
    }
    // Whatever fails below must not leave the mount behind.
    let outcome = std::fs::write(directory.join("file"), [7; 5000])
        .and_then(|()| std::fs::create_dir(directory.join("lost+found/sub")))
        .and_then(|()| std::fs::read(directory.join("file")));
    let unmounted = run("umount", &[], &directory).expect("what mounts can unmount");
    assert!(unmounted.status.success(), "{}", text(&unmounted));
    assert_eq!(outcome.expect("the kernel can use the image"), [7; 5000]);
    if !assert_clean(&scratch.path) {
        println!("NotMeasured: e2fsck on an image that the kernel wrote");
    }
    let image = Image::load(&scratch.path).expect("loading works");
    let superblock = assert_decodes(&image);
    assert_eq!(superblock.mount_count, 1);
}

#[test]
fn impossible_options_are_refused_before_anything_is_written() {
    let default = MkfsOptions::default();
    let device = MemoryDevice::new(BLOCKS_MAX);
    let old = [1; BLOCK_SIZE];
    device
        .write(SUPERBLOCK, &old, Durability::Volatile)
        .expect("in range");
    let before = device.snapshot();
    let with = |change: fn(&mut MkfsOptions)| {
        let mut options = MkfsOptions::default();
        change(&mut options);
        options
    };
    let refusals = [
        (with(|o| o.blocks = 1034), "it takes 1035..=8193"),
        (with(|o| o.blocks = 8194), "it takes 1035..=8193"),
        (with(|o| o.inodes = 20), "20 inodes"),
        (with(|o| o.inodes = 8), "8 inodes"),
        (with(|o| o.inodes = 8200), "8200 inodes"),
        (with(|o| o.journal_blocks = 1023), "at least 1024"),
        (with(|o| o.journal_blocks = u32::MAX), "it takes 429"),
        (with(|o| o.label = "x".repeat(17)), "longer than 16 bytes"),
        (with(|o| o.label = "a\0b".to_owned()), "contains NUL"),
    ];
    for (options, part) in refusals {
        let refused = mkfs(&device, &options).expect_err(part).to_string();
        assert!(refused.contains(part), "{refused}");
    }
    let small = MemoryDevice::new(default.blocks - 1);
    let refused = mkfs(&small, &default).expect_err("the device is too small");
    assert!(
        matches!(refused, MkfsError::DeviceTooSmall { .. }),
        "{refused}"
    );
    assert_eq!(device.snapshot(), before);
}
