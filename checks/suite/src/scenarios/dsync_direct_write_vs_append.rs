//! A synchronous direct write beside the end of an append that raises the size on disk.
//!
//! A file ends within its second block, and the next block has been appended and waits for
//! writeback. A program writes the second block directly, with O_DSYNC; writeback and the
//! completion worker run once. When the write has returned its data must survive, and so must the
//! size without which they are beyond the end.
//!
//! What may go wrong: the write only overwrites, and the size on disk covers it, because the append
//! has just raised that; so it passes the journal by, although nobody has committed the size.

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::direct_write_sync;
use super::super::extfs::fsync::Sync;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::{write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join, promise_content};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// Where the file ends.
const SIZE: usize = BLOCK_SIZE + BLOCK_SIZE / 2;

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
            bytes: 1024..1536,
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Never,
        },
        Area {
            bytes: 1536..2048,
            data: &[Tag::Second],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 2048..3072,
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a block and a half.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let blocks = [0, 1].map(|lblk| content::block(Tag::First, lblk)).concat();
        write::buffered_write(fs, file, 0, &blocks[..SIZE]).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let appended = content::block(Tag::First, 2);
    write::buffered_write(&setting.fs, &setting.inode, 2 * BLOCK, &appended)
        .expect("there is room");

    let program = setting.spawn("direct write", |fs, inode| {
        let written = content::block(Tag::Second, 1);
        let user = UserBuffer::new(&written);
        direct_write_sync(fs, inode, BLOCK, &user, Sync::Data).expect("the block is there");
        promise_content(BLOCK, &written);
    });
    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    program.join();
    join(writeback);
    setting.fs.in_flight().close();
    worker.join();

    let mut content = content::block(Tag::First, 0).to_vec();
    content.extend(content::block(Tag::Second, 1));
    content.extend(appended);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
