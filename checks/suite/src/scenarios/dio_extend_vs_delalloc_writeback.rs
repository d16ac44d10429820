//! A direct write that extends a file, against delalloc writeback, in the IM design.
//!
//! A file has two unwritten blocks beyond its end, which was 0, and then a delayed third block: in
//! memory the file has three blocks, on disk none. A direct write goes to the first two blocks,
//! which lie inside the file but beyond the size on disk; or to the next two, which do not exist
//! yet; of those it may pin only one of the caller's pages, so that the other goes through the page
//! cache. Meanwhile another task writes back, the completion worker ends I/O, and the journal
//! commits once, at any moment; beside a write beyond the end there is one of the two.
//!
//! What may go wrong: writeback raises the size on disk under the direct write, which then does not
//! know any more that it had put the file on the orphan list (the long thread on moving ext4 direct
//! I/O to iomap); what was mapped and not written stays beyond the end (the same series, v4); a
//! size goes back, or is nowhere on disk.

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::{Submitted, direct_write_async};
use super::super::extfs::fallocate::{SizeMode, fallocate};
use super::super::extfs::inode::Inode;
use super::super::extfs::rt::{choose, finding, sync};
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::{write, writeback};
use super::setting::{self, ALL, Fs, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Blocks that a direct write covers.
const BLOCKS: u32 = 2;
/// The block that is delayed.
const DELAYED: u32 = 2;

/// What a power cut may leave. A direct write does not wait for the delayed block before it.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..2048,
            data: &[Tag::Second],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 2048..3072,
            data: &[Tag::First],
            zeroes: Zeroes::After("raise i_disksize and i_size"),
        },
        Area {
            bytes: 3072..5120,
            data: &[Tag::Second],
            zeroes: Zeroes::Never,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of no size, with two blocks.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let len = u64::from(BLOCKS) * BLOCK_SIZE as u64;
        fallocate(fs, file, 0, len, SizeMode::Keep).expect("a new image has room");
    })
}

/// A direct write and what goes on beside it.
#[derive(Clone, Copy)]
struct Race {
    /// The first block written.
    first: u32,
    /// How many of its blocks can be pinned.
    pinned: u32,
    writes_back: bool,
    commits: bool,
}

/// Chooses a race. Inside the file it has all actors. Beyond the end writeback, which can not reach
/// there, and the commit come one at a time: together they would be most of the work, and between
/// them nothing passes that a write inside the file does not show.
fn choose_race() -> Race {
    let inside = Race {
        first: 0,
        pinned: BLOCKS,
        writes_back: true,
        commits: true,
    };
    let pinned = match choose("direct write inside, beyond in part, beyond", 3) {
        0 => return inside,
        1 => 1,
        _ => BLOCKS,
    };
    let commits = choose("beside it a commit, writeback", 2) == 0;
    Race {
        first: DELAYED + 1,
        pinned,
        writes_back: !commits,
        commits,
    }
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let (at, delayed) = (offset(DELAYED), content::block(Tag::First, DELAYED));
    write::buffered_write(&setting.fs, &setting.inode, at, &delayed).expect("there is room");

    let race = choose_race();
    let first = race.first;
    // What the file then holds depends on it, so this is always done.
    let direct = setting.spawn("direct write", move |fs, inode| {
        write_directly(fs, inode, race);
    });
    let writeback = race.writes_back.then(|| {
        setting.spawn_part("writeback", |fs, inode| {
            writeback::writepages(fs, inode, ALL, true).expect("writeback does not fail");
        })
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    let journal = race.commits.then(|| setting.spawn_commit());
    direct.join();
    join(writeback.flatten());
    setting.fs.in_flight().close();
    worker.join();
    join(journal.flatten());

    let mut expected = vec![0; offset(first.max(DELAYED + 1)) as usize];
    expected[offset(DELAYED) as usize..][..BLOCK_SIZE].copy_from_slice(&delayed);
    let end = offset(first + BLOCKS) as usize;
    expected.resize(expected.len().max(end), 0);
    expected[offset(first) as usize..end].copy_from_slice(&written(first));
    setting.settle(|bytes| bytes == expected, &content::describe(&expected));
}

fn offset(lblk: u32) -> u64 {
    u64::from(lblk) * BLOCK_SIZE as u64
}

/// What a direct write from a block on writes.
fn written(first: u32) -> Vec<u8> {
    (first..first + BLOCKS)
        .flat_map(|b| content::block(Tag::Second, b))
        .collect()
}

/// The directly writing task.
fn write_directly(fs: &Fs, inode: &sync::Arc<Inode>, race: Race) {
    let bytes = written(race.first);
    let user = UserBuffer::pinned_to(&bytes, race.pinned as usize * BLOCK_SIZE);
    let submitted = direct_write_async(fs, inode, offset(race.first), &user);
    if let Submitted::Queued(write) = submitted.expect("the write does not fail") {
        // It extends the file, so it has been waited for. If not, nobody else does.
        while fs.step_direct_io() {}
        fs.wait_direct_io(&write).expect("the I/O does not fail");
    }
    check_written(inode, race.first);
}

/// Nobody but the direct write writes to its blocks: what it has left to the page cache is on its
/// way to the disk when it returns, and gone from the cache.
fn check_written(inode: &Inode, first: u32) {
    let blocks = first..first + BLOCKS;
    let folios = inode.cache.peek();
    let mut dirty = folios.iter().flat_map(|folio| folio.peek_dirty());
    if let Some(lblk) = dirty.find(|lblk| blocks.contains(&lblk.0)) {
        finding(
            "I37",
            || format!("block {lblk}, which a direct write has written, is on disk"),
            || "it is dirty in the page cache".into(),
        );
    }
}
