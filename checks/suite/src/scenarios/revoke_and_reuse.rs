//! A block that was metadata becomes data, in the IM design.
//!
//! A file's extent tree has a leaf, which the log holds a copy of. The file is truncated to
//! nothing, so that the leaf's block is free, and written anew, until data lies where the leaf was.
//! Commits come between the steps, or another task's comes at any moment.
//!
//! What may go wrong: recovery replays the old copy of the leaf over the data, because no revoke
//! record says otherwise or nobody heeds it.

use super::super::extfs::device::memory::Image;
use super::super::extfs::fallocate::{SizeMode, fallocate};
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fsync, truncate, write};
use super::setting::{self, Mounting, Setting, join, promise_durable};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// Blocks that the file is written anew with: enough to reach where the leaf was.
const BLOCKS: u32 = 8;

/// What a power cut may leave. Of the eleven blocks that the file has at first none is written.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[Area {
        bytes: 0..11264,
        data: &[Tag::First],
        zeroes: Zeroes::Legal,
    }],
    others: &[],
};

/// The image that every execution starts from: a file of six extents, which take a leaf.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        for block in [0, 2, 4, 6, 8, 10] {
            fallocate(fs, file, block * BLOCK, BLOCK, SizeMode::Extend).expect("there is room");
        }
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let blocks = (0..BLOCKS).flat_map(|b| content::block(Tag::First, b));
    let content: Vec<u8> = blocks.collect();

    let written = content.clone();
    let program = setting.spawn("program", move |fs, inode| {
        // A seventh extent changes the leaf, so that the log holds a copy.
        fallocate(fs, inode, BLOCK, BLOCK, SizeMode::Keep).expect("there is room");
        fs.journal()
            .commit_once()
            .expect("the commit does not fail");
        truncate::truncate_down(fs, inode, 0).expect("truncate does not fail");
        fs.journal()
            .commit_once()
            .expect("the commit does not fail");
        write::buffered_write(fs, inode, 0, &written).expect("there is room");
        fsync::fsync(fs, inode).expect("fsync does not fail");
        promise_durable(&written);
        fs.in_flight().close();
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    let journal = setting.spawn_commit();
    program.join();
    worker.join();
    join(journal);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
