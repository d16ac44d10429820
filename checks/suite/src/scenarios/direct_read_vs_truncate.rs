//! A direct read against a truncate or a hole punch of what it reads.
//!
//! A file has two durable blocks. One task reads both directly; another truncates the file to
//! nothing, or punches both; the journal commits once, at any moment.
//!
//! What may go wrong: the reader has taken the size, and then reads what the file has no more, so
//! that it returns what the file never held: zeroes where there was an end, or a block of each.

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::read::direct_read;
use super::super::extfs::rt::{choose, finding};
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{punch_hole, truncate, write};
use super::setting::{self, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const SIZE: usize = 2 * BLOCK_SIZE;

/// What a power cut may leave. A hole is punched with the size kept.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[Area {
        bytes: 0..2048,
        data: &[Tag::First],
        zeroes: Zeroes::Legal,
    }],
    others: &[],
};

fn content() -> Vec<u8> {
    let blocks = (0..2).flat_map(|b| content::block(Tag::First, b));
    blocks.collect()
}

/// The image that every execution starts from: a file of two blocks.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        write::buffered_write(fs, file, 0, &content()).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let truncates = choose("a truncate, a punch", 2) == 0;
    let left = match truncates {
        true => Vec::new(),
        false => vec![0; SIZE],
    };
    let reader = setting.spawn("direct read", |fs, inode| {
        direct_read(fs, inode, 0, SIZE).expect("memory does not fail")
    });
    let change = setting.spawn("truncate or punch", move |fs, inode| match truncates {
        true => truncate::truncate_down(fs, inode, 0).expect("truncate does not fail"),
        false => punch_hole::punch_hole(fs, inode, 0, SIZE as u64).expect("it does not fail"),
    });
    let journal = setting.spawn_commit();
    let found = reader.join();
    change.join();
    join(journal);
    if found != content() && found != left {
        finding(
            "I21",
            || format!("{}, or what is left", content::describe(&content())),
            || content::describe(&found),
        );
    }
    setting.settle(|bytes| bytes == left, &content::describe(&left));
}
