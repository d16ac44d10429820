//! A commit or a checkpoint of which the device may fail one request, and fsync.
//!
//! A file has one block. A program appends a second one and calls fsync; the journal commits once
//! and then checkpoints, at any moment. The device fails the first write of one block of the log,
//! of the log's superblock or of the block that holds the file's inode, or a flush, or nothing.
//!
//! What may go wrong: nobody tells the program, which takes its data for safe; the journal goes on
//! although the log has a gap, or its tail has moved past what has not reached its place; or
//! recovery takes for whole what is not.

use super::super::extfs::device::faults::{Fault, Faults};
use super::super::extfs::device::memory::Image;
use super::super::extfs::disk::geometry::JOURNAL_INO;
use super::super::extfs::rt::{choose, finding};
use super::super::extfs::units::{BLOCK_SIZE, Ino, Lblk, Pblk};
use super::super::extfs::{fsync, write};
use super::setting::{self, Fs, Mounting, Setting, join, promise_durable};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..1024,
            data: &[Tag::First],
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

/// How many blocks of the log may fail: its superblock, and what two transactions take.
const LOG_BLOCKS: u64 = 12;

/// The image that every execution starts from: a file of one block.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let block = content::block(Tag::First, 0);
        write::buffered_write(fs, file, 0, &block).expect("a new image has room");
    })
}

/// What may fail, as the explorer chooses.
fn faults(fs: &Fs, ino: Ino) -> Faults {
    let one = |block: Pblk| Faults {
        blocks: block..Pblk(block.0 + 1),
        writes: Fault::Chosen,
        times_max: 1,
        ..Faults::default()
    };
    match choose(
        "a block of the log, the inode's block, a flush",
        LOG_BLOCKS + 2,
    ) {
        LOG_BLOCKS => one(fs.geometry().locate(ino).expect("it is in use").block()),
        at if at < LOG_BLOCKS => {
            let journal = fs.inode(JOURNAL_INO).expect("memory does not fail");
            let first = journal.query(Lblk(0)).0.status.pblk();
            one(Pblk(first.expect("the log has blocks").0 + at))
        }
        _ => Faults {
            flushes: Fault::Chosen,
            times_max: 1,
            ..Faults::default()
        },
    }
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let (fs, inode) = (&*setting.fs, &setting.inode);
    let faults = faults(fs, inode.ino);
    let fails_flushes = faults.flushes == Fault::Chosen;
    fs.device().set_faults(faults);
    let mut content = content::block(Tag::First, 0).to_vec();
    let block = content::block(Tag::Second, 1);
    content.extend(block);
    write::buffered_write(fs, inode, BLOCK_SIZE as u64, &block).expect("there is room");

    let promised = content.clone();
    let program = setting.spawn("fsync", move |fs, inode| {
        let is_durable = fsync::fsync(fs, inode).is_ok();
        if is_durable {
            promise_durable(&promised);
        }
        fs.in_flight().close();
        is_durable
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    // An aborted journal refuses both, which is as it should be.
    let journal = setting.spawn_part("journal", |fs, _| {
        fs.journal().commit_once().is_ok() && fs.journal().checkpoint_all().is_ok()
    });
    let is_durable = program.join();
    worker.join();
    let all_is_written = join(journal).unwrap_or(true);
    fs.device().set_faults(Faults::default());
    let goes_on = fs.start_handle(1).is_ok();
    match goes_on {
        true if is_durable && all_is_written => {
            setting.settle(|bytes| bytes == content, &content::describe(&content));
        }
        // The flush that has failed was fsync's own, which waited for somebody else's commit.
        true if fails_flushes && all_is_written => {}
        true => finding(
            "I24",
            || "a write of the journal that fails stops it".into(),
            || format!("fsync: {is_durable}, commit and checkpoint: {all_is_written}, and goes on"),
        ),
        // Nothing can be settled any more. What was promised must survive all the same.
        false => {}
    }
}
