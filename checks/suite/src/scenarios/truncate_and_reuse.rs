//! A truncate frees a block, and another file takes one.
//!
//! A file has two blocks, durable. One task truncates it to the first; another writes a block to a
//! second file and writes it back; the journal commits once, at any moment.
//!
//! What may go wrong: the second file gets the freed block before the truncate has committed, so
//! that a crash leaves the block with its old owner and the new one's data in it; or the second
//! file shows what the first one had there.

use super::super::extfs::device::memory::Image;
use super::super::extfs::units::{BLOCK_SIZE, Lblk};
use super::super::extfs::{directory, truncate, write, writeback};
use super::setting::{self, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, OtherFile, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// The name of the second file.
const OTHER: &[u8] = b"other";
/// The block that the second file's data claims to be, which the first file has not.
const CLAIMED: u32 = 5;

/// What a power cut may leave in the two files.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[Area {
        bytes: 0..2048,
        data: &[Tag::First],
        zeroes: Zeroes::Never,
    }],
    others: &[OtherFile {
        name: OTHER,
        claims: CLAIMED,
        areas: &[Area {
            bytes: 0..1024,
            data: &[Tag::Second],
            zeroes: Zeroes::Never,
        }],
    }],
};

/// The image that every execution starts from: a file of two blocks, and an empty one.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let blocks = (0..2).flat_map(|b| content::block(Tag::First, b));
        let content: Vec<u8> = blocks.collect();
        write::buffered_write(fs, file, 0, &content).expect("a new image has room");
        directory::create(fs, OTHER).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let other = directory::lookup(&setting.fs, OTHER).expect("the base image holds it");
    // What the file then holds depends on it, so this is always done.
    let truncate = setting.spawn("truncate", |fs, inode| {
        truncate::truncate_down(fs, inode, BLOCK).expect("truncate does not fail");
    });
    let to_write = other.clone();
    // Who writes back is also the completion worker: nobody else waits for one.
    let writer = setting.spawn_part("other file", move |fs, _| {
        let other = &to_write;
        let block = content::block(Tag::Second, CLAIMED);
        write::buffered_write(fs, other, 0, &block).expect("there is room");
        // The one block and nothing beyond: in the BH design, with I/O of its own in flight, this
        // task would seem to hold what it waits for when it starts another handle.
        writeback::writepages(fs, other, Lblk(0)..Lblk(1), true).expect("writeback does not fail");
        while fs.step_io() {}
    });
    let journal = setting.spawn_commit();
    truncate.join();
    let is_written = join(writer).is_some();
    join(journal);
    let content = content::block(Tag::First, 0);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
    let written = content::block(Tag::Second, CLAIMED);
    let expected = if is_written { &written[..] } else { &[] };
    setting.check_other(&other, expected);
}
