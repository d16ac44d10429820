//! A read or a load through a mapping, against a truncate or a hole punch of what is read.
//!
//! A file has two durable blocks, which are not in the cache. One task reads the second, or loads
//! it, so that its page is brought in; another truncates it away and grows the file again, or
//! punches it.
//!
//! What may go wrong: the reader looks the block up while it is the file's, and brings the page in
//! after the cache has been emptied, so that what has been removed stays in it.

use super::super::extfs::device::memory::Image;
use super::super::extfs::error::FsError;
use super::super::extfs::rt::{choose, finding};
use super::super::extfs::trace::{self, args};
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fault, punch_hole, read, setattr, truncate, write};
use super::setting::{self, Mounting, Setting};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;

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
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of two blocks.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let blocks = [0, 1].map(|lblk| content::block(Tag::First, lblk)).concat();
        write::buffered_write(fs, file, 0, &blocks).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let truncates = choose("a truncate, a punch", 2) == 0;
    let reads = choose("a read, a load", 2) == 0;
    let reader = setting.spawn("reader", move |fs, inode| match reads {
        true => read::read(fs, inode, BLOCK, BLOCK_SIZE),
        false => fault::load(fs, inode, BLOCK, BLOCK_SIZE),
    });
    let change = setting.spawn("truncate or punch", move |fs, inode| match truncates {
        true => {
            truncate::truncate_down(fs, inode, BLOCK).expect("truncate does not fail");
            setattr::set_size(fs, inode, 2 * BLOCK).expect("a size takes no space");
        }
        false => punch_hole::punch_hole(fs, inode, BLOCK, BLOCK).expect("it does not fail"),
    });
    let found = reader.join();
    change.join();
    let found = match found {
        // A program that loads beyond the end is ended.
        Err(FsError::BeyondEnd) if truncates => Vec::new(),
        found => found.expect("memory does not fail"),
    };
    if found == content::block(Tag::First, 1) {
        trace::step("reader was first", || args([]));
    } else if found == [0; BLOCK_SIZE] {
        trace::step("reader was last", || args([]));
    } else if !truncates || !found.is_empty() {
        finding(
            "I21",
            || "what the block held, or zeroes, or while the file was short nothing".into(),
            || content::describe(&found),
        );
    }

    let mut content = content::block(Tag::First, 0).to_vec();
    content.resize(2 * BLOCK_SIZE, 0);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
