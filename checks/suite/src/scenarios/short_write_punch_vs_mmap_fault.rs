//! A write whose copy comes up short, against a store through a mapping, in the IM design.
//!
//! A file has two blocks, both holes, in one folio. A write covers one and a half of them, and its
//! copy from the caller may stop at once, after one block, or within the half: then it takes back
//! the delayed blocks that it has reserved and not used. A program stores to the other half of the
//! second block, or does not; its fault takes no `i_rwsem`. Then, or instead, writeback and memory
//! pressure take what is dirty and then what is clean.
//!
//! What may go wrong: the write punches a block into which the store has just gone (the thread
//! "xfs: write page faults in iomap are not buffered writes"), or drops its folio, or leaves a
//! reservation that nobody will ever use.

use super::super::extfs::device::memory::Image;
use super::super::extfs::error::FsError;
use super::super::extfs::inode::Inode;
use super::super::extfs::rt::{choose, part, sync};
use super::super::extfs::user::UserBuffer;
use super::super::extfs::write::buffered_write_from;
use super::super::extfs::{fault, setattr, writeback};
use super::setting::{self, ALL, Fs, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCKS: u32 = 2;
const SIZE: usize = 2048;
/// Where the write ends and the stored bytes begin.
const STORED: usize = 1536;
const BLOCKS_PER_FOLIO: u32 = 2;

/// What a power cut may leave. The size is durable from the beginning.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..1536,
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 1536..2048,
            data: &[Tag::Second],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of two blocks that is one hole.
pub fn base() -> Arc<Image> {
    setting::base(BLOCKS_PER_FOLIO, |fs, file| {
        setattr::set_size(fs, file, SIZE as u64).expect("a size takes no space");
    })
}

/// A write and what goes on beside it.
#[derive(Clone, Copy)]
struct Race {
    /// The byte at which the copy from the caller stops.
    stops_at: usize,
    stores: bool,
    writes_back: bool,
}

/// Chooses a race. Writeback is there only beside a write that is not short: beside the others it
/// would be most of the work.
fn choose_race() -> Race {
    let (stops_at, others) = match choose("the copy stops", 4) {
        0 => (1280, 2),
        1 => (0, 2),
        2 => (1024, 2),
        _ => (STORED, 4),
    };
    let beside = choose("beside it a store, nothing, both, writeback", others);
    Race {
        stops_at,
        stores: matches!(beside, 0 | 2),
        writes_back: matches!(beside, 2 | 3),
    }
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, BLOCKS_PER_FOLIO, mounting);
    let race = choose_race();
    let writer = setting.spawn_part("write", move |fs, inode| {
        write_in_part(fs, inode, race.stops_at)
    });
    let stores = race.stores && part("store");
    let writes_back = race.writes_back && part("writeback");
    let other = setting.spawn("store and writeback", move |fs, inode| {
        if stores {
            let bytes = &bytes(Tag::Second)[STORED..];
            fault::store(fs, inode, STORED as u64, bytes).expect("there is room");
        }
        // Who writes back is also the completion worker: nobody else waits for one.
        if writes_back {
            writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
            while fs.step_io() {}
            fault::reclaim(inode, ALL);
        }
    });
    let written = join(writer).unwrap_or(0);
    other.join();

    let mut expected = vec![0; SIZE];
    expected[..written].copy_from_slice(&bytes(Tag::First)[..written]);
    if stores {
        expected[STORED..].copy_from_slice(&bytes(Tag::Second)[STORED..]);
    }
    setting.settle(|bytes| bytes == expected, &content::describe(&expected));
}

fn bytes(tag: Tag) -> Vec<u8> {
    (0..BLOCKS).flat_map(|b| content::block(tag, b)).collect()
}

/// The writing task. Returns how many bytes it has written.
fn write_in_part(fs: &Fs, inode: &sync::Arc<Inode>, stops_at: usize) -> usize {
    let bytes = bytes(Tag::First);
    let user = UserBuffer::bad_from(&bytes[..STORED], stops_at);
    match buffered_write_from(fs, inode, 0, &user) {
        Ok(written) => written,
        Err(FsError::BadAddress) => 0,
        Err(error) => panic!("the write fails: {error}"),
    }
}
