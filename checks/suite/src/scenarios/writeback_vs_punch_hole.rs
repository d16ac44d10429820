//! Writeback against a hole punch that reaches to the end of the file, in the IM design.
//!
//! A file has three delayed blocks and, on disk, no size yet. One task writes them back, another
//! punches from the middle of the second block to the end; the completion worker ends I/O; the
//! journal commits once, at any moment.
//!
//! What may go wrong: the punch drops the folio whose I/O would have raised the size on disk, and
//! nobody raises it; the punch locks a folio to zero a part of it while it has a handle open, which
//! writeback does the other way round; an I/O that converts is ended where nothing can convert.

use super::super::extfs::device::memory::Image;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{punch_hole, write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Blocks that the file has.
const BLOCKS: u32 = 3;
const SIZE: usize = BLOCKS as usize * BLOCK_SIZE;
/// Where the hole begins.
const HOLE: usize = BLOCK_SIZE + BLOCK_SIZE / 2;

/// The step by which a punch raises the size on disk, whatever has been written.
const RAISED: Zeroes = Zeroes::After("raise i_disksize before punch");

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..1536,
            data: &[Tag::First],
            zeroes: RAISED,
        },
        Area {
            bytes: 1536..3072,
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
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
    let blocks = (0..BLOCKS).flat_map(|b| content::block(Tag::First, b));
    let mut content: Vec<u8> = blocks.collect();
    write::buffered_write(&setting.fs, &setting.inode, 0, &content).expect("there is room");

    // Writeback waits for its I/O, so the worker comes and goes with it.
    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, true).expect("writeback does not fail");
        fs.in_flight().close();
    });
    let has_writeback = writeback.is_some();
    // What the file then holds depends on it, so this is always done.
    let punch = setting.spawn("punch", |fs, inode| {
        let len = (SIZE - HOLE) as u64;
        punch_hole::punch_hole(fs, inode, HOLE as u64, len).expect("the punch does not fail");
    });
    let worker = has_writeback.then(|| setting.spawn("worker", |fs, _| fs.io_worker()));
    let journal = setting.spawn_commit();
    join(writeback);
    punch.join();
    join(worker);
    join(journal);

    content[HOLE..].fill(0);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
