//! Files mapped by pointers, as ext2 and ext3 have them.

use super::*;
use crate::delalloc::Delalloc;
use crate::direct::{Submitted, direct_write, direct_write_async};
use crate::disk::indirect::BLOCKS_MAX;
use crate::error::FsError;
use crate::fallocate::{SizeMode, fallocate};
use crate::fs::DataError;
use crate::user::UserBuffer;
use crate::zero_range::zero_range;
use crate::{fault, punch_hole, setattr, truncate, write};

fn fixture(delalloc: Delalloc, protocol: Protocol<RecordingDevice>) -> Fixture {
    let mount = MountOptions {
        design: Design::Bh,
        delalloc,
        data_error: DataError::Abort,
        ..MountOptions::default()
    };
    let device = Arc::new(RecordingDevice::with_base(formatted()));
    let mounted = Filesystem::mount_with_protocol(device.clone(), mount, protocol);
    let fs = mounted.unwrap().0;
    let inode = directory::create_block_mapped(&fs, NAME).unwrap();
    fs.sync().unwrap();
    Fixture { device, fs, inode }
}

/// Twenty blocks, of which the last eight are behind the pointer block, and a hole.
fn with_blocks(delalloc: Delalloc) -> (Fixture, Vec<u8>) {
    let f = fixture(delalloc, Protocol::correct());
    let mut expected = Vec::new();
    for (seed, offset, len) in [(1, 0, 5000), (2, 9 * BLOCK_SIZE, 11 * BLOCK_SIZE)] {
        let bytes = pattern(seed, len);
        write::buffered_write(&f.fs, &f.inode, offset as u64, &bytes).unwrap();
        put(&mut expected, offset, &bytes);
    }
    (f, expected)
}

#[test]
fn blocks_are_found_behind_the_pointer_block() {
    for delalloc in Delalloc::ALL {
        let (f, expected) = with_blocks(delalloc);
        f.expect(&expected);
        assert_eq!(f.inode.read_data().tree.leaves().len(), 1);
        // Five blocks, eleven, and the pointers.
        assert_eq!(f.inode.read_data().quota_used, 17);
    }
}

#[test]
fn a_pointer_block_is_taken_for_the_thirteenth_block_and_not_before() {
    for delalloc in Delalloc::ALL {
        let f = fixture(delalloc, Protocol::correct());
        let expected = pattern(1, 13 * BLOCK_SIZE);
        let (inode_leads_to, rest) = expected.split_at(12 * BLOCK_SIZE);
        for (bytes, blocks) in [(inode_leads_to, 12), (rest, 13 + 1)] {
            let offset = f.inode.size.get();
            write::buffered_write(&f.fs, &f.inode, offset, bytes).unwrap();
            fsync::fsync(&f.fs, &f.inode).unwrap();
            assert_eq!(f.inode.read_data().quota_used, blocks);
        }
        f.expect(&expected);
    }
}

#[test]
fn the_pointer_block_goes_with_what_it_leads_to() {
    for delalloc in Delalloc::ALL {
        let (f, mut expected) = with_blocks(delalloc);
        fsync::fsync(&f.fs, &f.inode).unwrap();
        punch_hole::punch_hole(&f.fs, &f.inode, 10 * BLOCK, 4 * BLOCK).unwrap();
        expected[10 * BLOCK_SIZE..14 * BLOCK_SIZE].fill(0);
        f.expect(&expected);
        truncate::truncate_down(&f.fs, &f.inode, 11 * BLOCK - 3).unwrap();
        expected.truncate(11 * BLOCK_SIZE - 3);
        f.expect(&expected);
        assert_eq!(f.inode.read_data().tree.leaves().len(), 0);
    }
}

#[test]
fn stores_and_direct_writes_reach_it() {
    for delalloc in Delalloc::ALL {
        let (f, mut expected) = with_blocks(delalloc);
        // Into the hole, over what is there, and beyond the end.
        for (seed, block) in [(3, 6), (4, 15), (5, 20)] {
            let bytes = pattern(seed, BLOCK_SIZE);
            let offset = block * BLOCK_SIZE;
            let written = direct_write(&f.fs, &f.inode, offset as u64, &bytes);
            assert_eq!(written, Ok(BLOCK_SIZE));
            put(&mut expected, offset, &bytes);
        }
        fault::store(&f.fs, &f.inode, 7 * BLOCK, b"stored").unwrap();
        put(&mut expected, 7 * BLOCK_SIZE, b"stored");
        f.expect(&expected);
    }
}

#[test]
fn what_takes_extents_is_refused() {
    let (f, expected) = with_blocks(Delalloc::Always);
    let refused = Err(FsError::NeedsExtents);
    let (fs, inode) = (&f.fs, &f.inode);
    assert_eq!(fallocate(fs, inode, 0, BLOCK, SizeMode::Keep), refused);
    assert_eq!(zero_range(fs, inode, 0, BLOCK, SizeMode::Keep), refused);
    let end = u64::from(BLOCKS_MAX) * BLOCK;
    assert_eq!(
        setattr::set_size(fs, inode, end + 1),
        Err(FsError::TooLarge)
    );
    let beyond = write::buffered_write(fs, inode, end - 1, b"ab");
    assert_eq!(beyond, Err(FsError::TooLarge));
    assert_eq!(direct_write(fs, inode, end, b"a"), Err(FsError::TooLarge));
    f.expect(&expected);
    // The other design reads it, and cuts it short, but does not write to it.
    let im = f.crash();
    assert_eq!(write::buffered_write(&im.fs, &im.inode, 0, b"x"), refused);
    assert_eq!(fault::store(&im.fs, &im.inode, 0, b"x"), refused);
    truncate::truncate_down(&im.fs, &im.inode, 3 * BLOCK + 1).unwrap();
    im.expect(&expected[..3 * BLOCK_SIZE + 1]);
}

#[test]
fn the_last_byte_that_pointers_lead_to_can_be_written() {
    for delalloc in Delalloc::ALL {
        let f = fixture(delalloc, Protocol::correct());
        let end = BLOCKS_MAX as usize * BLOCK_SIZE;
        write::buffered_write(&f.fs, &f.inode, end as u64 - 3, b"end").unwrap();
        let mut expected = Vec::new();
        put(&mut expected, end - 3, b"end");
        f.expect(&expected);
    }
}

/// Catalogue entry D44: the hole would be filled with a block that counts as written before it has
/// been.
#[test]
fn a_hole_inside_the_file_is_left_to_the_page_cache() {
    let fills = Protocol {
        dio_fills_hole: |_, _| true,
        ..Protocol::correct()
    };
    for (protocol, shown) in [(fills, 0xee), (Protocol::correct(), 0)] {
        let f = fixture(Delalloc::Always, protocol);
        setattr::set_size(&f.fs, &f.inode, 2 * BLOCK).unwrap();
        fsync::fsync(&f.fs, &f.inode).unwrap();
        // No data reaches the device, but the log does.
        let journal = f.fs.geometry().blocks - 1024;
        let data = Pblk(journal - 64)..Pblk(journal);
        f.device.set_faults(Faults {
            blocks: data,
            writes: Fault::Always,
            ..Faults::default()
        });
        let failed = direct_write(&f.fs, &f.inode, BLOCK, &pattern(2, BLOCK_SIZE));
        assert!(failed.is_err(), "{failed:?}");
        // Where the page cache wrote, its failure has aborted the journal.
        assert_eq!(f.fs.journal().commit_once().is_ok(), shown != 0);
        let block = f.crash().content()[BLOCK_SIZE..].to_vec();
        assert_eq!(block, [shown; BLOCK_SIZE]);
    }
}

#[test]
fn what_the_page_cache_has_to_write_is_waited_for() {
    let f = fixture(Delalloc::Always, Protocol::correct());
    setattr::set_size(&f.fs, &f.inode, 3 * BLOCK).unwrap();
    let bytes = pattern(2, BLOCK_SIZE);
    let user = UserBuffer::new(&bytes);
    let submitted = direct_write_async(&f.fs, &f.inode, BLOCK, &user).unwrap();
    assert!(
        matches!(submitted, Submitted::Done(BLOCK_SIZE)),
        "{submitted:?}"
    );
    let mut expected = vec![0; 3 * BLOCK_SIZE];
    put(&mut expected, BLOCK_SIZE, &bytes);
    f.expect(&expected);
}

#[test]
fn the_first_blocks_may_be_as_scattered_as_they_like() {
    for delalloc in Delalloc::ALL {
        let f = fixture(delalloc, Protocol::correct());
        let mut expected = Vec::new();
        for block in [0, 2, 4, 6, 8, 10] {
            let (offset, bytes) = (block * BLOCK_SIZE, pattern(block as u8, BLOCK_SIZE));
            write::buffered_write(&f.fs, &f.inode, offset as u64, &bytes).unwrap();
            put(&mut expected, offset, &bytes);
        }
        f.expect(&expected);
    }
}
