//! Writeback where what is free has been promised, or waits for a commit.
//!
//! A second file has every block that extent trees are not promised. Its last blocks are truncated
//! away, so that they count as free and can not be handed out before that commits; a hole of the
//! file is written over, on their strength. Writeback allocates what can be had, and then has to
//! commit to get at the rest, with the lock of a folio in IM and between two handles in BH; the
//! journal commits once besides, at any moment; the completion worker ends the I/O.
//!
//! What may go wrong: writeback gives up and loses what a reservation has promised; what it has
//! mapped before is committed without its data; the forced commit waits for what its caller holds;
//! freed blocks are handed out at once, and a power cut shows them in both files.

use super::super::extfs::device::memory::Image;
use super::super::extfs::error::FsError;
use super::super::extfs::fs::Filesystem;
use super::super::extfs::rt::finding;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{directory, setattr, truncate, write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, OtherFile, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// The name of the file that fills the image.
const BIG: &[u8] = b"big";
/// Blocks that it loses: one more than extent trees are promised, because data goes there first.
const FREED: u32 = 9;
/// Blocks of a folio: what can be had ends where a folio does, and the rest is another's.
const FOLIO: u32 = 4;

/// What a power cut may leave. The file's size is durable from the beginning.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[Area {
        bytes: 0..9216,
        data: &[Tag::Second],
        zeroes: Zeroes::Legal,
    }],
    others: &[OtherFile {
        name: BIG,
        claims: 0,
        areas: &[Area {
            bytes: 0..65536,
            data: &[Tag::First],
            zeroes: Zeroes::Never,
        }],
    }],
};

fn blocks(tag: Tag, count: u32) -> Vec<u8> {
    (0..count).flat_map(|b| content::block(tag, b)).collect()
}

/// The image that every execution starts from: a file that is a hole, and one that has the rest.
pub fn base() -> Arc<Image> {
    setting::base(FOLIO, |fs, file| {
        let size = u64::from(FREED) * BLOCK;
        setattr::set_size(fs, file, size).expect("a size takes no space");
        let big = directory::create(fs, BIG).expect("a new image has room");
        let free = unpromised(fs);
        write::buffered_write(fs, &big, 0, &blocks(Tag::First, free)).expect("so much is free");
    })
}

/// Free blocks that no extent tree is promised.
fn unpromised<D: super::super::extfs::device::Device>(fs: &Filesystem<D>) -> u32 {
    let counters = fs.space().peek_counters();
    (counters.free - counters.metadata) as u32
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, FOLIO, mounting);
    let fs = &*setting.fs;
    let big = directory::lookup(fs, BIG).expect("the base image holds it");
    let kept = big.size.get() - u64::from(FREED) * BLOCK;
    truncate::truncate_down(fs, &big, kept).expect("truncate does not fail");
    let content = blocks(Tag::Second, FREED);
    write::buffered_write(fs, &setting.inode, 0, &content).expect("so much has been freed");

    // What the file then holds depends on it, so this is always done.
    let writeback = setting.spawn("writeback", |fs, inode| {
        let written = writeback::writepages(fs, inode, ALL, true);
        if written == Err(FsError::NoSpace) {
            finding(
                "I36",
                || "nothing that a reservation has promised fails in writeback".into(),
                || "writeback found no space".into(),
            );
        }
        written.is_ok()
    });
    let journal = setting.spawn_commit();
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    let is_written = writeback.join();
    join(journal);
    setting.fs.in_flight().close();
    worker.join();
    if is_written {
        setting.settle(|bytes| bytes == content, &content::describe(&content));
        let left = blocks(Tag::First, (kept / BLOCK) as u32);
        setting.check_other(&big, &left);
    }
}
