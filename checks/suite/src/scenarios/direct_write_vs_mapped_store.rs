//! A direct write to one block of a cached page, a store to the other, and reclaim.
//!
//! A file's two blocks are in one page of the cache, which is clean. One program writes the first
//! block directly. Another causes so much memory pressure that the page is reclaimed, unless it is
//! dirty by then, and stores to the second block through a mapping. A page that a store has made
//! dirty is written as a whole: the first block may hold what it held before. The second holds what
//! was stored.
//!
//! What may go wrong: the direct write takes a page out of the cache that has been stored to, or
//! that is not the one it has looked at, and with it what was stored.

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::direct_write;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fault, read, write};
use super::setting::{self, ALL, Mounting, Setting};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// How many blocks a page has, and the file.
const BLOCKS: u32 = 2;

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[Area {
        bytes: 0..2048,
        data: &[Tag::First, Tag::Second],
        zeroes: Zeroes::Never,
    }],
    others: &[],
};

/// The image that every execution starts from: a file of one page.
pub fn base() -> Arc<Image> {
    setting::base(BLOCKS, |fs, file| {
        let page = [0, 1].map(|lblk| content::block(Tag::First, lblk)).concat();
        write::buffered_write(fs, file, 0, &page).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, BLOCKS, mounting);
    let page = read::read(&setting.fs, &setting.inode, 0, 2 * BLOCK_SIZE);
    page.expect("memory does not fail");

    let direct = setting.spawn("direct write", |fs, inode| {
        let block = content::block(Tag::Second, 0);
        direct_write(fs, inode, 0, &block).expect("the block is there");
    });
    let program = setting.spawn("program", |fs, inode| {
        fault::reclaim(inode, ALL);
        let block = content::block(Tag::Second, 1);
        fault::store(fs, inode, BLOCK, &block).expect("the block is there");
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    direct.join();
    program.join();
    setting.fs.in_flight().close();
    worker.join();

    let contents = [Tag::First, Tag::Second].map(|tag| {
        let mut bytes = content::block(tag, 0).to_vec();
        bytes.extend(content::block(Tag::Second, 1));
        bytes
    });
    let words = contents.each_ref().map(|bytes| content::describe(bytes));
    setting.settle(
        |bytes| contents.iter().any(|c| c == bytes),
        &words.join(", or "),
    );
}
