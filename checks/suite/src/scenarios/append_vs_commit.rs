//! Writeback of an append against a commit, in the BH design.
//!
//! A file ends within its first block. A program appends to the end of that block, or on into the
//! next one, which is then delayed. Writeback allocates and submits; the completion worker ends the
//! I/O; the journal commits once, at any moment.
//!
//! What may go wrong: a transaction commits blocks or a size before the data has completed, because
//! nobody ordered it or the commit does not wait; or the size on disk moves at the wrong time: with
//! the write although the block is delayed, or never because the block was there already.

use super::super::extfs::device::memory::Image;
use super::super::extfs::rt::choose;
use super::super::extfs::{write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Where the file ends at first.
const END: usize = 512;
/// Where it ends after the shorter append, and after the longer one.
const ENDS: [usize; 2] = [1024, 1536];

/// What a power cut may leave. Data in a block that was there already is written in place.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..512,
            data: &[Tag::First],
            zeroes: Zeroes::Never,
        },
        Area {
            bytes: 512..1024,
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 1024..1536,
            data: &[Tag::First],
            zeroes: Zeroes::Never,
        },
    ],
    others: &[],
};

fn content(end: usize) -> Vec<u8> {
    let blocks = (0..2).flat_map(|b| content::block(Tag::First, b));
    blocks.take(end).collect()
}

/// The image that every execution starts from: a file of half a block.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        write::buffered_write(fs, file, 0, &content(END)).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let ends = choose("the append ends in the block, in the next one", 2);
    let end = ENDS[ends as usize];
    let content = content(end);
    write::buffered_write(&setting.fs, &setting.inode, END as u64, &content[END..])
        .expect("there is room");

    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, true).expect("writeback does not fail");
    });
    let journal = setting.spawn_commit();
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    join(writeback);
    join(journal);
    setting.fs.in_flight().close();
    worker.join();
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
