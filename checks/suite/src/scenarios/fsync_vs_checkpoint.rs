//! fsync of data written in place and of data that extends the file, beside another's commit and
//! checkpoint, in the IM design.
//!
//! A file has one block, and a second that has been written since and is in the running
//! transaction. A program writes the first again, in place, and calls fsync or fdatasync; when
//! that has returned, both must survive. Meanwhile another task commits, and writes the log to its
//! homes.
//!
//! What may go wrong: fsync relies on a commit that flushed before the data was complete; a commit
//! block is durable before the log, or the tail of the log moves before the homes are durable;
//! recovery empties the log before what it replayed is durable.

use super::super::extfs::device::memory::Image;
use super::super::extfs::rt::choose;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fsync, write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join, promise_durable};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..1024,
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Never,
        },
        Area {
            bytes: 1024..2048,
            data: &[Tag::Second],
            zeroes: Zeroes::Never,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of one block.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let block = content::block(Tag::First, 0);
        write::buffered_write(fs, file, 0, &block).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let blocks = (0..2).flat_map(|b| content::block(Tag::Second, b));
    let content: Vec<u8> = blocks.collect();
    let (first, second) = content.split_at(BLOCK_SIZE);
    let (fs, inode) = (&*setting.fs, &setting.inode);
    write::buffered_write(fs, inode, BLOCK_SIZE as u64, second).expect("there is room");
    writeback::writepages(fs, inode, ALL, true).expect("writeback does not fail");
    while fs.step_io() {}
    write::buffered_write(fs, inode, 0, first).expect("there is room");

    let promised = content.clone();
    let sync = match choose("fsync, fdatasync", 2) {
        0 => fsync::fsync,
        _ => fsync::fdatasync,
    };
    let program = setting.spawn("fsync", move |fs, inode| {
        sync(fs, inode).expect("it does not fail");
        promise_durable(&promised);
        fs.in_flight().close();
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    let journal = setting.spawn_part("journal", |fs, _| {
        fs.journal()
            .commit_once()
            .expect("the commit does not fail");
        fs.journal()
            .checkpoint_all()
            .expect("the checkpoint does not fail");
    });
    program.join();
    worker.join();
    join(journal);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
