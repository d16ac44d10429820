//! Files that are on the orphan list when power fails: deleted while they are open, or cut off in
//! the middle of a truncate. The next mount finishes each of them, and says how many there were.

use super::*;
use crate::direct::direct_write;
use crate::disk;
use crate::disk::geometry::{FIRST_INO, JOURNAL_INO, SUPERBLOCK};
use crate::disk::superblock::Superblock;
use crate::error::FsError;
use crate::fs::read_tree;
use crate::journal::JournalOptions;
use crate::mount::{MountError, MountReport};
use crate::units::Ino;
use crate::{evict, truncate, unlink, write};

/// The files that become orphans.
const NAMES: [&[u8]; 3] = [b"a", b"b", b"c"];
/// Every order in which three of them can leave the list.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];
/// As few log blocks as leave a truncate its credits, and not one more.
const LOG_BLOCKS_MAX: u32 = 64;

/// Makes the files, of three durable blocks each, and leaves them open.
fn make_files(fs: &Filesystem<RecordingDevice>) -> [Arc<Inode>; 3] {
    let files = NAMES.map(|name| directory::create(fs, name).unwrap());
    for (seed, inode) in (1..).zip(&files) {
        write::buffered_write(fs, inode, 0, &pattern(seed, 3 * BLOCK_SIZE)).unwrap();
    }
    fs.sync().unwrap();
    files
}

/// Mounts what is on the device now, as after a power cut.
fn remount(
    fs: &Filesystem<RecordingDevice>,
    options: MountOptions,
) -> (Filesystem<RecordingDevice>, MountReport) {
    let device = RecordingDevice::with_base(Arc::new(fs.device().snapshot()));
    Filesystem::mount(Arc::new(device), options).expect("mounts")
}

/// How many orphans have been deleted, and how many truncated.
fn finished(report: &MountReport) -> (u32, u32) {
    (report.orphans_deleted, report.orphans_truncated)
}

/// Nothing is left to do: the list is empty, the invariants hold, and the next mount finds so too.
fn expect_finished(fs: &Filesystem<RecordingDevice>) {
    assert_eq!(fs.orphans().members(), []);
    assert_eq!(quiescent::violations(fs).unwrap(), []);
    let (_, again) = remount(fs, MountOptions::default());
    assert_eq!(finished(&again), (0, 0));
}

/// The inode as the next commit puts it on disk.
fn on_disk(fs: &Filesystem<RecordingDevice>, ino: Ino) -> disk::inode::Inode {
    let position = fs.geometry().locate(ino).unwrap();
    let buffer = fs.buffers().get(position.block()).unwrap();
    buffer
        .read(|block| disk::inode::Inode::decode(block, position, fs.geometry()))
        .unwrap()
}

#[test]
fn open_files_without_a_name_leave_the_list_in_any_order() {
    for design in Design::ALL {
        for order in ORDERS {
            for count in 0..=order.len() {
                let f = Fixture::in_design(design, 4);
                let before = f.fs.space().peek_counters();
                let files = make_files(&f.fs);
                for name in NAMES {
                    unlink::unlink(&f.fs, name).unwrap();
                }
                let (closed, open) = order.split_at(count);
                for file in closed {
                    evict::iput(&f.fs, &files[*file]).unwrap();
                }
                let newest_first = (0..files.len()).rev().filter(|file| open.contains(file));
                let expected: Vec<Ino> = newest_first.map(|file| files[file].ino).collect();
                assert_eq!(f.fs.orphans().members(), expected);
                assert_eq!(quiescent::violations(&f.fs).unwrap(), []);
                f.fs.sync().unwrap();
                let (fs, report) = remount(&f.fs, MountOptions::default());
                assert_eq!(finished(&report), (open.len() as u32, 0), "{closed:?}");
                assert_eq!(fs.space().peek_counters(), before);
                expect_finished(&fs);
            }
        }
    }
}

/// Truncates that stop after their first transaction, and deletions, in every mixture. The log may
/// be as short as it may for the calls themselves.
#[test]
fn mounting_finishes_truncates_and_deletions() {
    let protocol = Protocol {
        remove_space: |_, _, _, _, _| Err(FsError::BadAddress),
        ..Protocol::correct()
    };
    let journal = JournalOptions {
        log_blocks_max: Some(LOG_BLOCKS_MAX),
        ..JournalOptions::default()
    };
    for options in [
        MountOptions::default(),
        MountOptions {
            journal,
            ..MountOptions::default()
        },
    ] {
        for kinds in 0..8u32 {
            let is_truncated = |file: usize| kinds >> file & 1 == 1;
            let device = Arc::new(RecordingDevice::with_base(formatted()));
            let mounted =
                Filesystem::mount_with_protocol(device, MountOptions::default(), protocol);
            let fs = mounted.unwrap().0;
            for (file, inode) in make_files(&fs).iter().enumerate() {
                match is_truncated(file) {
                    true => {
                        let cut = truncate::truncate_down(&fs, inode, 100);
                        assert_eq!(cut, Err(FsError::BadAddress));
                    }
                    false => unlink::unlink(&fs, NAMES[file]).unwrap(),
                }
            }
            fs.sync().unwrap();
            let (fs, report) = remount(&fs, options);
            let truncated = kinds.count_ones();
            assert_eq!(finished(&report), (3 - truncated, truncated));
            for (file, name) in NAMES.iter().enumerate() {
                let found = directory::lookup(&fs, name);
                if !is_truncated(file) {
                    assert_eq!(found.unwrap_err(), FsError::NotFound);
                    continue;
                }
                let inode = found.unwrap();
                let content = read::read(&fs, &inode, 0, 1 << 20).unwrap();
                assert_same(&content, &pattern(1 + file as u8, 100));
                assert_eq!(inode.read_data().quota_used, 1);
                assert_eq!(on_disk(&fs, inode.ino).dtime, 0);
            }
            expect_finished(&fs);
        }
    }
}

/// Whoever looks at it finds no blocks that have another owner by then.
#[test]
fn a_deleted_inode_has_no_size_and_no_blocks_on_disk() {
    for design in Design::ALL {
        let f = Fixture::in_design(design, 4);
        let [file, ..] = make_files(&f.fs);
        unlink::unlink(&f.fs, NAMES[0]).unwrap();
        evict::iput(&f.fs, &file).unwrap();
        let left = on_disk(&f.fs, file.ino);
        assert_eq!((left.links, left.size, left.blocks_512), (0, 0, 0));
        let tree = read_tree(f.fs.buffers(), f.fs.geometry(), file.position, &left);
        assert_eq!(tree.unwrap().extents(), []);
    }
}

/// The field has two meanings: who reads it must not take the one for the other.
#[test]
fn a_time_of_deletion_is_no_inodes_number() {
    let f = Fixture::new(4);
    let [file, ..] = make_files(&f.fs);
    unlink::unlink(&f.fs, NAMES[0]).unwrap();
    evict::iput(&f.fs, &file).unwrap();
    let dtime = on_disk(&f.fs, file.ino).dtime;
    assert_eq!(f.fs.geometry().locate(Ino(dtime)), None, "{dtime}");
}

/// A direct write to it that extends it puts it on the list too, and may not take it off.
#[test]
fn an_open_file_without_a_name_stays_on_the_list_when_it_has_been_extended() {
    let f = Fixture::new(1);
    let before = f.fs.space().peek_counters();
    let [file, ..] = make_files(&f.fs);
    unlink::unlink(&f.fs, NAMES[0]).unwrap();
    let bytes = pattern(4, 2 * BLOCK_SIZE);
    let written = direct_write(&f.fs, &file, file.size.get(), &bytes);
    assert_eq!(written, Ok(bytes.len()));
    assert_eq!(f.fs.orphans().members(), [file.ino]);
    for name in [NAMES[1], NAMES[2]] {
        unlink::unlink(&f.fs, name).unwrap();
    }
    f.fs.sync().unwrap();
    let (fs, report) = remount(&f.fs, MountOptions::default());
    assert_eq!(finished(&report), (3, 0));
    assert_eq!(fs.space().peek_counters(), before);
    expect_finished(&fs);
}

#[test]
fn unmounting_deletes_what_is_open_without_a_name() {
    let f = Fixture::new(4);
    let before = f.fs.space().peek_counters();
    let files = make_files(&f.fs);
    for name in NAMES {
        unlink::unlink(&f.fs, name).unwrap();
    }
    evict::iput(&f.fs, &files[1]).unwrap();
    f.fs.unmount().unwrap();
    assert_eq!(f.fs.orphans().members(), []);
    let (fs, report) = remount(&f.fs, MountOptions::default());
    assert_eq!(report, MountReport::default());
    assert_eq!(fs.space().peek_counters(), before);
    assert_eq!(quiescent::violations(&fs).unwrap(), []);
}

/// Mounts an image of files in use whose orphan list has been made to run through these inodes.
fn mount_with_list(list: &[u32]) -> Result<MountReport, MountError> {
    let f = Fixture::new(4);
    make_files(&f.fs);
    f.fs.unmount().unwrap();
    let geometry = f.fs.geometry();
    let mut image = f.device.snapshot();
    let mut block = *image.block(SUPERBLOCK);
    let mut superblock = Superblock::decode(&block, geometry.blocks).unwrap();
    superblock.last_orphan = Ino(list[0]);
    superblock.encode_into(&mut block);
    image.set(SUPERBLOCK, &block).unwrap();
    for link in list.windows(2) {
        let position = geometry.locate(Ino(link[0])).unwrap();
        let mut block = *image.block(position.block());
        let mut inode = disk::inode::Inode::decode(&block, position, geometry).unwrap();
        inode.dtime = link[1];
        inode.encode_into(&mut block, position, geometry.seed);
        image.set(position.block(), &block).unwrap();
    }
    let device = Arc::new(MemoryDevice::with_base(Arc::new(image)));
    Filesystem::mount(device, MountOptions::default()).map(|(_, report)| report)
}

#[test]
fn a_list_that_is_none_of_ordinary_inodes_is_refused() {
    let [first, second, third] = [13, 14, 15];
    let (reserved, beyond) = (JOURNAL_INO.0, 17);
    for (list, ino) in [
        (vec![first, reserved], reserved),
        (vec![first, second, FIRST_INO.0 - 1], FIRST_INO.0 - 1),
        (vec![first, beyond], beyond),
        (vec![first, first], first),
        (vec![first, second, third, second], second),
    ] {
        let refused = MountError::OrphanList { ino: Ino(ino) };
        assert_eq!(mount_with_list(&list), Err(refused), "{list:?}");
    }
}

/// The first ordinary inode is lost+found's, but need not be.
#[test]
fn every_ordinary_inode_may_be_on_the_list() {
    for list in [vec![FIRST_INO.0], vec![13, FIRST_INO.0, 15, 12, 14]] {
        let report = mount_with_list(&list).unwrap();
        assert_eq!(finished(&report), (0, list.len() as u32), "{list:?}");
    }
}
