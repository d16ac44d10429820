//! The BH design: what a commit waits for and writes, when the size on disk moves, what a failed
//! copy leaves, and that the designs do not mix.

use super::{ALL, BLOCK, Fixture, NAME, assert_same, pattern, put};
use crate::delalloc::Delalloc;
use crate::design::Design;
use crate::device::recording::RecordingDevice;
use crate::device::{Device, DeviceError};
use crate::error::FsError;
use crate::extent::Status;
use crate::fs::{Filesystem, Mounted};
use crate::inode::Inode;
use crate::invariants::quiescent;
use crate::journal::commit::{self, Commit};
use crate::journal::{JournalInode, Ordered};
use crate::mount::MountOptions;
use crate::protocol::Protocol;
use crate::units::{BLOCK_SIZE, Lblk};
use crate::user::UserBuffer;
use crate::writeback::{buffer_head, iomap, writepages};
use crate::{completion, directory, evict, fsync, setattr, truncate, unlink, write};
use rt::sync::{Arc, Weak};
use std::cell::RefCell;

fn fixture() -> Fixture {
    Fixture::in_design(Design::Bh, 2)
}

/// What the disk holds of a block of the file.
fn on_disk(fixture: &Fixture, lblk: u32) -> [u8; BLOCK_SIZE] {
    let (mapping, _) = fixture.inode.query(Lblk(lblk));
    let status = mapping.status_at(Lblk(lblk)).unwrap_or(Status::Hole);
    let mut block = [0; BLOCK_SIZE];
    let pblk = status.pblk().expect("the block has been allocated");
    fixture
        .device
        .read(pblk, &mut block)
        .expect("memory does not fail");
    block
}

fn is_ordered(inode: &Inode) -> bool {
    inode.jinode.peek().transaction.is_some()
}

#[test]
fn a_commit_ends_the_io_of_what_it_has_allocated() {
    let fixture = fixture();
    let bytes = pattern(1, 3_000);
    write::buffered_write(&fixture.fs, &fixture.inode, 0, &bytes).unwrap();
    assert_eq!(fixture.inode.disksize.get(), 0);
    writepages(&fixture.fs, &fixture.inode, ALL, true).unwrap();
    // The size moves with the allocation, before the I/O.
    assert_eq!(fixture.inode.disksize.get(), 3_000);
    assert!(fixture.inode.cache.peek()[0].peek_writeback());
    assert!(is_ordered(&fixture.inode));
    fixture.fs.journal().commit_once().unwrap();
    assert!(!fixture.inode.cache.peek()[0].peek_writeback());
    assert!(!fixture.fs.step_io(), "no I/O is left");
    assert!(!is_ordered(&fixture.inode));
    assert_eq!(on_disk(&fixture, 1)[..], bytes[1_024..2_048]);
    fixture.expect(&bytes);
}

#[test]
fn a_commit_writes_the_zeroed_end_of_a_block() {
    let fixture = fixture();
    let bytes = pattern(2, 1_000);
    write::buffered_write(&fixture.fs, &fixture.inode, 0, &bytes).unwrap();
    fsync::fsync(&fixture.fs, &fixture.inode).unwrap();
    truncate::truncate_down(&fixture.fs, &fixture.inode, 500).unwrap();
    assert_eq!(on_disk(&fixture, 0)[500..1_000], bytes[500..]);
    fixture.fs.journal().commit_once().unwrap();
    assert_eq!(on_disk(&fixture, 0)[500..], [0; 524]);
    setattr::truncate_up(&fixture.fs, &fixture.inode, 900).unwrap();
    let mut expected = bytes[..500].to_vec();
    expected.resize(900, 0);
    fixture.expect(&expected);
}

#[test]
fn a_write_that_ends_inside_a_block_on_disk_raises_the_size_itself() {
    let fixture = fixture();
    let mut expected = Vec::new();
    for (offset, len) in [(0, 300), (300, 200)] {
        let bytes = pattern(offset as u8, len);
        write::buffered_write(&fixture.fs, &fixture.inode, offset as u64, &bytes).unwrap();
        put(&mut expected, offset, &bytes);
        let size = fixture.inode.size.get();
        let has_block = offset > 0;
        assert_eq!(fixture.inode.disksize.get() == size, has_block);
        fsync::fsync(&fixture.fs, &fixture.inode).unwrap();
        assert_eq!(fixture.inode.disksize.get(), size);
    }
    fixture.expect(&expected);
}

#[test]
fn unwritten_blocks_are_converted_before_their_io() {
    let fixture = fixture();
    let bytes = pattern(3, 2_048);
    let keep = crate::fallocate::SizeMode::Extend;
    crate::fallocate::fallocate(&fixture.fs, &fixture.inode, 0, 2_048, keep).unwrap();
    write::buffered_write(&fixture.fs, &fixture.inode, 0, &bytes).unwrap();
    let status = |lblk| fixture.inode.query(Lblk(lblk)).0.status;
    assert!(matches!(status(0), Status::Unwritten(_)));
    writepages(&fixture.fs, &fixture.inode, ALL, true).unwrap();
    assert!(matches!(status(0), Status::Written(_)));
    fixture.expect(&bytes);
}

#[test]
fn a_copy_that_fails_inside_the_file_leaves_zeroes_with_space() {
    let fixture = fixture();
    setattr::truncate_up(&fixture.fs, &fixture.inode, 2 * BLOCK).unwrap();
    let bytes = pattern(4, 1_024);
    let user = UserBuffer::bad_from(&bytes, 0);
    let outcome = write::buffered_write_from(&fixture.fs, &fixture.inode, 0, &user);
    assert_eq!(outcome, Err(FsError::BadAddress));
    // The page could not be brought in, so nothing had been reserved yet.
    assert_eq!(fixture.reserved(), 0);
    let user = UserBuffer::paged_out(&bytes, 0);
    write::buffered_write_from(&fixture.fs, &fixture.inode, 0, &user).unwrap();
    assert_eq!(fixture.reserved(), 1);
    let mut expected = vec![0; 2 * BLOCK_SIZE];
    put(&mut expected, 0, &bytes);
    fixture.expect(&expected);
}

#[test]
fn a_copy_that_stops_beyond_the_end_is_cut_off_and_made_again() {
    let fixture = fixture();
    let bytes = pattern(5, 2_048);
    let user = UserBuffer::bad_from(&bytes, 1_100);
    // The copy of the second block stops short, so the block is given back; then what can be read
    // of it is written.
    let written = write::buffered_write_from(&fixture.fs, &fixture.inode, 0, &user);
    assert_eq!((written, fixture.reserved()), (Ok(1_100), 2));
    fixture.expect(&bytes[..1_100]);
}

/// They are given on command lines, and recorded with traces.
#[test]
fn each_design_has_its_name() {
    assert_eq!(Design::ALL.map(Design::name), ["im", "bh"]);
    assert_eq!(format!("{:>4},{}", Design::Im, Design::Bh), "  im,bh");
}

#[test]
fn writeback_of_the_other_design_is_refused() {
    for design in Design::ALL {
        let Fixture { fs, inode, .. } = Fixture::in_design(design, 2);
        let bytes = pattern(6, 1_024);
        write::buffered_write(&fs, &inode, 0, &bytes).unwrap();
        let outcome = [
            iomap::writepages(&fs, &inode, ALL, true),
            buffer_head::writepages(&fs, &inode, ALL, true),
        ];
        let refused = Err(FsError::MixedDesigns);
        match design {
            Design::Im => assert_eq!(outcome, [Ok(()), refused]),
            Design::Bh => assert_eq!(outcome, [refused, Ok(())]),
        }
    }
}

/// Nothing can be mapped from block 2 on.
fn without_space_from_block_2() -> Protocol<RecordingDevice> {
    Protocol {
        mpage_map_one_extent: |fs, handle, inode, range| match range.start < Lblk(2) {
            true => buffer_head::mpage_map_one_extent(fs, handle, inode, range),
            false => Err(FsError::NoSpace),
        },
        ..Protocol::correct()
    }
}

/// The same, and what has been mapped of the folio is not submitted: catalogue entry D11.
fn bails_out_midway() -> Protocol<RecordingDevice> {
    Protocol {
        submits_partial_folio: |_, _| false,
        ..without_space_from_block_2()
    }
}

/// Writes blocks 0 and 2 of a folio, of which only the first can be mapped. Returns the size on
/// disk, and whether the disk holds the first block's data when the transaction has committed.
fn after_mapping_failed_midway(protocol: Protocol<RecordingDevice>) -> (u64, bool) {
    let mount = MountOptions {
        design: Design::Bh,
        ..MountOptions::default()
    };
    let fixture = Fixture::with_protocol(mount, protocol);
    let (fs, inode) = (&fixture.fs, &fixture.inode);
    let bytes = pattern(7, BLOCK_SIZE);
    for offset in [0, 2 * BLOCK] {
        write::buffered_write(fs, inode, offset, &bytes).unwrap();
    }
    assert_eq!(writepages(fs, inode, ALL, true), Err(FsError::NoSpace));
    fs.journal().commit_once().unwrap();
    (inode.disksize.get(), on_disk(&fixture, 0)[..] == bytes)
}

#[test]
fn what_was_mapped_before_space_ran_out_is_written() {
    let correct = after_mapping_failed_midway(without_space_from_block_2());
    assert_eq!(correct, (BLOCK, true));
    let wrong = after_mapping_failed_midway(bails_out_midway());
    assert_eq!(wrong, (0, false));
}

/// The journal knows an inode by its number: of two, it keeps one.
#[test]
fn an_inode_left_with_a_finished_transaction_is_found() {
    let Fixture { fs, inode, .. } = fixture();
    setattr::truncate_up(&fs, &inode, 100).unwrap();
    let mut handle = fs.start_handle(1).unwrap();
    handle.order_data(&inode.jinode, Ordered::Wait, 0..1);
    let other = Arc::new(JournalInode::new(inode.ino));
    handle.order_data(&other, Ordered::Wait, 0..1);
    handle.stop();
    assert_eq!(quiescent::violations(&fs).unwrap(), []);
    fs.journal().commit_once().unwrap();
    let found = quiescent::violations(&fs).unwrap();
    assert_eq!(found[0].invariant, "I33");
}

thread_local! {
    /// The file system whose file is deleted as soon as a commit has begun.
    static DELETES_IN: RefCell<Weak<Mounted<RecordingDevice>>> =
        const { RefCell::new(Weak::new()) };
}

fn submit_after_deleting(commit: &mut Commit<'_, RecordingDevice>) -> Result<(), DeviceError> {
    if let Some(mounted) = DELETES_IN.take().upgrade() {
        unlink::unlink(&Filesystem::new(mounted), NAME).expect("it has a name, and no user");
    }
    commit::submit_ordered_data(commit)
}

/// The transaction that commits has allocated the file's block and is to write it. The deletion is
/// the next one's, so a power cut takes it.
#[test]
fn a_deletion_writes_out_what_the_committing_transaction_has_ordered() {
    let mut protocol = Protocol::correct();
    protocol.journal.submit_ordered_data = submit_after_deleting;
    let mount = MountOptions {
        design: Design::Bh,
        delalloc: Delalloc::Never,
        ..MountOptions::default()
    };
    let f = Fixture::with_protocol(mount, protocol);
    evict::iput(&f.fs, &f.inode).unwrap();
    f.fs.sync().unwrap();
    let bytes = pattern(1, BLOCK_SIZE);
    write::buffered_write(&f.fs, &f.inode, 0, &bytes).unwrap();
    DELETES_IN.set(f.fs.downgrade());
    f.fs.journal().commit_once().unwrap();
    let found = directory::lookup(&f.fs, NAME);
    assert_eq!(found.unwrap_err(), FsError::NotFound);
    assert_same(&f.crash().content(), &bytes);
}

/// There a commit finds what it has to wait for.
#[test]
fn a_folio_stays_in_the_cache_until_its_io_has_ended() {
    let protocol = Protocol {
        ends_in_interrupt: |design, ioend| {
            let found = ioend.inode.cache.lookup(ioend.blocks.clone());
            assert_eq!(found.len(), ioend.folios.len());
            completion::ends_in_interrupt(design, ioend)
        },
        ..Protocol::correct()
    };
    let ways: [fn(&Fixture); 2] = [
        |f| truncate::truncate_down(&f.fs, &f.inode, 0).unwrap(),
        |f| {
            unlink::unlink(&f.fs, NAME).unwrap();
            evict::iput(&f.fs, &f.inode).unwrap();
        },
    ];
    for design in Design::ALL {
        for drop_folios in ways {
            let mount = MountOptions {
                design,
                ..MountOptions::default()
            };
            let f = Fixture::with_protocol(mount, protocol);
            write::buffered_write(&f.fs, &f.inode, 0, &pattern(1, 2 * BLOCK_SIZE)).unwrap();
            writepages(&f.fs, &f.inode, ALL, true).unwrap();
            drop_folios(&f);
            assert!(f.inode.cache.peek().is_empty());
            assert!(!f.fs.step_io(), "no I/O is left");
        }
    }
}
