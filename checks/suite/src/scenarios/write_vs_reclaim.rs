//! A write to a page that is in the cache and clean, which reclaim may take away, and writeback.
//!
//! A file's block is cached. A program overwrites a part of it, through write or through a mapping;
//! reclaim drops what is clean, at any moment; writeback and the completion worker run once.
//!
//! What may go wrong: the program has looked the page up, and when it has locked it the page is no
//! page of the file any more, so that what is written there is lost.

use super::super::extfs::device::memory::Image;
use super::super::extfs::rt::choose;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fault, read, write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Where the program writes, to the end of the block.
const FROM: usize = BLOCK_SIZE / 2;

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..512,
            data: &[Tag::First],
            zeroes: Zeroes::Never,
        },
        Area {
            bytes: 512..1024,
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Never,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of one block.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let block = content::block(Tag::First, 0);
        write::buffered_write(fs, file, 0, &block).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let mut content = content::block(Tag::First, 0).to_vec();
    let written = content::block(Tag::Second, 0)[FROM..].to_vec();
    content[FROM..].copy_from_slice(&written);
    read::read(&setting.fs, &setting.inode, 0, BLOCK_SIZE).expect("memory does not fail");

    let writes = choose("a write, a store", 2) == 0;
    let program = setting.spawn("program", move |fs, inode| {
        let at = FROM as u64;
        match writes {
            true => write::buffered_write(fs, inode, at, &written).expect("the block is there"),
            false => fault::store(fs, inode, at, &written).expect("the block is there"),
        }
    });
    let reclaim = setting.spawn_part("reclaim", |_, inode| fault::reclaim(inode, ALL));
    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    program.join();
    join(reclaim);
    join(writeback);
    setting.fs.in_flight().close();
    worker.join();
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
