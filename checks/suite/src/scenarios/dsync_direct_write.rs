//! A synchronous direct write over another that nobody has committed, in the IM design.
//!
//! A file has two blocks, of which the second is unwritten. A program writes it directly, which
//! converts it, and then writes it again, with O_DSYNC. When that has returned the data must
//! survive, and so must the conversion, without which the block reads as zeroes.
//!
//! What may go wrong: the second write only overwrites, so it passes the journal by, although what
//! the first has changed has not been committed.

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::{direct_write, direct_write_sync};
use super::super::extfs::fallocate::{SizeMode, fallocate};
use super::super::extfs::fsync::Sync;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::write;
use super::setting::{self, Mounting, Setting, promise_durable};
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
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a written block, and an unwritten one.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let block = content::block(Tag::First, 0);
        write::buffered_write(fs, file, 0, &block).expect("a new image has room");
        fallocate(fs, file, BLOCK, BLOCK, SizeMode::Extend).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let mut content = content::block(Tag::First, 0).to_vec();
    content.extend(content::block(Tag::Second, 1));
    let promised = content.clone();
    let program = setting.spawn("direct writes", move |fs, inode| {
        let first = content::block(Tag::First, 1);
        direct_write(fs, inode, BLOCK, &first).expect("the block is there");
        let user = UserBuffer::new(&promised[BLOCK_SIZE..]);
        direct_write_sync(fs, inode, BLOCK, &user, Sync::Data).expect("the block is there");
        promise_durable(&promised);
    });
    program.join();
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
