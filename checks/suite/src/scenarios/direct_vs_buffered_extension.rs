//! Two writers that extend a file, one directly and one through the page cache, and writeback
//! beside them, in the IM design.
//!
//! The file is empty. The main task writes its third block through the page cache, another its
//! first two directly; either may come first. A third writes back what it finds, the worker ends
//! I/O, and the journal commits once, at any moment.
//!
//! What may go wrong: the size on disk rises under the direct write, by writeback of a block that
//! came after it; who then judges by the sizes whether that write extended the file leaves it on
//! the orphan list (the full timeline in the thread on moving ext4 direct I/O to iomap).

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::direct_write;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// How many blocks the direct write has.
const DIRECT: u32 = 2;
/// Where it ends and the buffered one begins, in bytes.
const BUFFERED_AT: u64 = DIRECT as u64 * BLOCK_SIZE as u64;

/// What a power cut may leave. The buffered block may be there before the direct ones.
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
            zeroes: Zeroes::Never,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: an empty file.
pub fn base() -> Arc<Image> {
    setting::base(1, |_, _| ())
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    // What the file then holds depends on the two writes, so they are always there.
    let direct = setting.spawn("direct write", |fs, inode| {
        let bytes = direct_bytes();
        direct_write(fs, inode, 0, &bytes).expect("there is room");
    });
    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    let journal = setting.spawn_commit();
    // The main task is an actor too: loom has five.
    let block = content::block(Tag::First, DIRECT);
    write::buffered_write(&setting.fs, &setting.inode, BUFFERED_AT, &block).expect("there is room");
    direct.join();
    join(writeback);
    setting.fs.in_flight().close();
    worker.join();
    join(journal);

    let mut expected = direct_bytes();
    expected.extend(content::block(Tag::First, DIRECT));
    setting.settle(|bytes| bytes == expected, &content::describe(&expected));
}

/// What the direct write writes.
fn direct_bytes() -> Vec<u8> {
    let blocks = (0..DIRECT).map(|b| content::block(Tag::Second, b));
    blocks.flatten().collect()
}
