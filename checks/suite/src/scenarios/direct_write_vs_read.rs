//! A direct write against a buffered read of the same blocks, in the IM design.
//!
//! A file has two unwritten blocks. A program writes both past the page cache, while another reads
//! them through it. Whatever the reader has seen, once both are done the file has the new content.
//!
//! What may go wrong: the read brings old blocks into the cache after the write has emptied it and
//! before the write has reached the disk, and they stay (the reports on buffered reads that race
//! with direct writes).

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::direct_write;
use super::super::extfs::fallocate::{SizeMode, fallocate};
use super::super::extfs::read;
use super::super::extfs::rt::finding;
use super::super::extfs::units::BLOCK_SIZE;
use super::setting::{self, Mounting, Setting, join};
use crate::content::{self, Found, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Blocks that the file has.
const BLOCKS: u32 = 2;
const SIZE: usize = BLOCKS as usize * BLOCK_SIZE;

/// What a power cut may leave. The size is durable from the beginning.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[Area {
        bytes: 0..2048,
        data: &[Tag::First],
        zeroes: Zeroes::Legal,
    }],
    others: &[],
};

/// The image that every execution starts from: a file of two unwritten blocks.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let len = SIZE as u64;
        fallocate(fs, file, 0, len, SizeMode::Extend).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let blocks = (0..BLOCKS).flat_map(|b| content::block(Tag::First, b));
    let content: Vec<u8> = blocks.collect();
    let written = content.clone();
    // What the file then holds depends on it, so this is always done.
    let writer = setting.spawn("direct write", move |fs, inode| {
        direct_write(fs, inode, 0, &written).expect("the write does not fail");
    });
    let reader = setting.spawn_part("read", |fs, inode| {
        check_read(&read::read(fs, inode, 0, SIZE).expect("memory does not fail"));
    });
    let journal = setting.spawn_commit();
    writer.join();
    join(reader);
    join(journal);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}

/// Each part of what was read is old or new.
fn check_read(bytes: &[u8]) {
    let is_sound = |(range, found): &(std::ops::Range<u64>, Found)| {
        let lblk = (range.start / BLOCK_SIZE as u64) as u32;
        *found == Found::Zeroes || *found == Found::Data(Tag::First, lblk)
    };
    if !content::parts(bytes).iter().all(is_sound) {
        finding(
            "I22",
            || "each block reads as zeroes, or as what was written to it".into(),
            || content::describe(bytes),
        );
    }
}
