//! A file grows within a page that a program maps, beside writeback, in the IM design.
//!
//! A page has two blocks, of which the file has one. A program has stored to it, so that the page
//! is writable, and beyond the end of the file as well, which is no part of it. Then the file grows
//! over the second block, and the program stores there; writeback takes the page at any moment, and
//! the journal commits.
//!
//! What may go wrong: what was stored beyond the end becomes content; or the page stays writable,
//! so that a store to the block that has come to the file makes nothing dirty and is lost.

use super::super::extfs::device::memory::Image;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fault, setattr, write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
const HALF: usize = BLOCK_SIZE / 2;
const BLOCKS_PER_FOLIO: u32 = 2;

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..512,
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Never,
        },
        Area {
            bytes: 512..1024,
            data: &[Tag::First],
            zeroes: Zeroes::Never,
        },
        Area {
            bytes: 1024..1536,
            data: &[],
            zeroes: Zeroes::Only,
        },
        Area {
            bytes: 1536..2048,
            data: &[Tag::Second],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of one block.
pub fn base() -> Arc<Image> {
    setting::base(BLOCKS_PER_FOLIO, |fs, file| {
        let block = content::block(Tag::First, 0);
        write::buffered_write(fs, file, 0, &block).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, BLOCKS_PER_FOLIO, mounting);
    let [inside, beyond] = [0, 1].map(|b| content::block(Tag::Second, b));
    let (fs, inode) = (&*setting.fs, &setting.inode);
    fault::store(fs, inode, 0, &inside[..HALF]).expect("the page is there");
    fault::store(fs, inode, BLOCK, &beyond[..HALF]).expect("the page is there");

    // What the file then holds depends on it, so this is always done.
    let grow = setting.spawn("grow and store", move |fs, inode| {
        setattr::truncate_up(fs, inode, 2 * BLOCK).expect("truncate does not fail");
        let at = BLOCK + HALF as u64;
        fault::store(fs, inode, at, &beyond[HALF..]).expect("there is room");
    });
    // Who writes back is also the completion worker: nobody else waits for one.
    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
        while fs.step_io() {}
    });
    let journal = setting.spawn_commit();
    grow.join();
    join(writeback);
    join(journal);

    let mut content = content::block(Tag::First, 0).to_vec();
    content[..HALF].copy_from_slice(&inside[..HALF]);
    content.resize(BLOCK_SIZE + HALF, 0);
    content.extend(&beyond[HALF..]);
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
