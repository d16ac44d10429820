//! A truncate or a hole punch beside a direct write in flight.
//!
//! A file has two unwritten blocks, and a direct write to the second is on its way. One task
//! truncates the file to one block, or punches the second, writes that anew, and starts writeback
//! of it; the worker ends the direct write; the journal commits once, at any moment.
//!
//! What may go wrong: the truncate or the punch does not wait for the direct write, whose end then
//! marks blocks written that others have allocated and not written yet.

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::direct_write_async;
use super::super::extfs::fallocate::{SizeMode, fallocate};
use super::super::extfs::rt::choose;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::{punch_hole, truncate, write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
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
            data: &[],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 1024..2048,
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: two unwritten blocks.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        fallocate(fs, file, 0, 2 * BLOCK, SizeMode::Extend).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let in_flight = content::block(Tag::First, 1);
    let user = UserBuffer::new(&in_flight);
    direct_write_async(&setting.fs, &setting.inode, BLOCK, &user).expect("the blocks are there");

    // What the file then holds depends on it, so this is always done.
    let truncates = choose("a truncate, a punch", 2) == 0;
    let change = setting.spawn("truncate or punch", move |fs, inode| {
        match truncates {
            true => truncate::truncate_down(fs, inode, BLOCK).expect("truncate does not fail"),
            false => punch_hole::punch_hole(fs, inode, BLOCK, BLOCK).expect("it does not fail"),
        }
        let block = content::block(Tag::Second, 1);
        write::buffered_write(fs, inode, BLOCK, &block).expect("there is room");
        writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
    });
    let worker = setting.spawn("worker", |fs, _| fs.direct_io_worker());
    let journal = setting.spawn_commit();
    setting.fs.direct_in_flight().close();
    change.join();
    worker.join();
    join(journal);

    let mut content = vec![0; BLOCK_SIZE];
    content.extend(content::block(Tag::Second, 1));
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
