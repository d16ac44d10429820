//! A synchronous direct write beyond the end, beside a commit, in the IM design.
//!
//! A file has a block, and a second one that was allocated beyond its end. A program writes that
//! one directly, with O_DSYNC; when the write has returned it must survive, and so must the size
//! that it needs. The journal commits once, at any moment.
//!
//! What may go wrong: because every block is there already, the write passes the journal by, and
//! a crash takes the size away.

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::direct_write_sync;
use super::super::extfs::fallocate::{SizeMode, fallocate};
use super::super::extfs::fsync::Sync;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::write;
use super::setting::{self, Mounting, Setting, join, promise_durable};
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
            data: &[Tag::Second],
            zeroes: Zeroes::Never,
        },
    ],
};

/// The image that every execution starts from: a file of one block that owns two.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let block = content::block(Tag::First, 0);
        write::buffered_write(fs, file, 0, &block).expect("a new image has room");
        fallocate(fs, file, BLOCK, BLOCK, SizeMode::Keep).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let mut content = content::block(Tag::First, 0).to_vec();
    content.extend(content::block(Tag::Second, 1));
    let promised = content.clone();
    let program = setting.spawn("direct write", move |fs, inode| {
        let user = UserBuffer::new(&promised[BLOCK_SIZE..]);
        direct_write_sync(fs, inode, BLOCK, &user, Sync::Data).expect("the block is there");
        promise_durable(&promised);
    });
    let journal = setting.spawn_commit();
    program.join();
    join(journal);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
