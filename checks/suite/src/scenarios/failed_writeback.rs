//! A write of data that the device may fail, and fsync.
//!
//! A file has one block. A program writes it again, in place, or appends a second one, and calls
//! fsync. The device fails that write or not; the journal commits once, at any moment. The file
//! system is mounted so that failed data aborts the journal.
//!
//! What may go wrong: nobody tells the program, which takes its data for safe; blocks are made part
//! of the file that have not been written; or the journal goes on because the failed I/O was never
//! seen to; or, in the BH design, a commit goes on that vouches for the data.

use super::super::extfs::device::faults::{Fault, Faults};
use super::super::extfs::device::memory::Image;
use super::super::extfs::fs::DataError;
use super::super::extfs::rt::{choose, finding};
use super::super::extfs::units::{BLOCK_SIZE, Lblk, Pblk};
use super::super::extfs::{fsync, write};
use super::setting::{self, Mounting, Setting, join, promise_durable};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// What a power cut may leave. A write in place that has failed may be there or not.
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
    let mounting = Mounting {
        data_error: DataError::Abort,
        ..*mounting
    };
    let setting = Setting::new(base, 1, &mounting);
    let (fs, inode) = (&*setting.fs, &setting.inode);
    let lblk = choose("an overwrite, an append", 2) as u32;
    let block = content::block(Tag::Second, lblk);
    let mut content = content::block(Tag::First, 0).to_vec();
    content.resize(lblk as usize * BLOCK_SIZE, 0);
    content.extend(block);
    // The file's data only: its block, and what is allocated next.
    let first = inode.query(Lblk(0)).0.status.pblk().expect("it is written");
    fs.device().set_faults(Faults {
        blocks: first..Pblk(first.0 + 2),
        writes: Fault::Chosen,
        times_max: 1,
        ..Faults::default()
    });
    write::buffered_write(fs, inode, Lblk(lblk).offset(), &block).expect("there is room");

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
    // An aborted journal refuses to commit, which is as it should be.
    let journal = setting.spawn_part("journal", |fs, _| {
        let _ = fs.journal().commit_once();
    });
    let is_durable = program.join();
    worker.join();
    join(journal);
    let goes_on = fs.start_handle(1).is_ok();
    match is_durable {
        true if goes_on => {
            setting.settle(|bytes| bytes == content, &content::describe(&content));
        }
        false if goes_on => finding(
            "I24",
            || "data that could not be written aborts the journal, as mounted".into(),
            || "fsync has failed, and handles still start".into(),
        ),
        // Nothing can be settled any more. What was promised must survive all the same.
        _ => {}
    }
}
