//! A file loses its name and is closed while its I/O is in flight, or is yet to come.
//!
//! A file's two blocks, in one folio, are under writeback; or, in the BH design, they have been
//! allocated at once, and the commit is to write them. One task removes the file's name and then
//! closes it, which deletes it; the completion worker ends the I/O; the journal commits once, at
//! any moment.
//!
//! What may go wrong: the file is deleted under its I/O, or with data that a commit vouches for; or
//! a power cut between the two steps leaves a file without a name that nothing will ever delete; or
//! the orphan list goes on naming an inode that is gone.

use super::super::extfs::delalloc::Delalloc;
use super::super::extfs::design::Design;
use super::super::extfs::device::memory::Image;
use super::super::extfs::rt::choose;
use super::super::extfs::{evict, unlink, write, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, FILE_NAME, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// How many blocks a folio has, and the file.
const BLOCKS: u32 = 2;

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: Some("unlink"),
    areas: &[Area {
        bytes: 0..2048,
        data: &[Tag::First],
        zeroes: Zeroes::Never,
    }],
    others: &[],
};

/// The image that every execution starts from: an empty file.
pub fn base() -> Arc<Image> {
    setting::base(BLOCKS, |_, _| ())
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let is_in_flight = mounting.design == Design::Im || choose("in flight, for the commit", 2) == 0;
    let delalloc = match is_in_flight {
        true => mounting.delalloc,
        false => Delalloc::Never,
    };
    let mounting = Mounting {
        delalloc,
        ..*mounting
    };
    let setting = Setting::new(base, BLOCKS, &mounting);
    let blocks = (0..BLOCKS).flat_map(|b| content::block(Tag::First, b));
    let content: Vec<u8> = blocks.collect();
    write::buffered_write(&setting.fs, &setting.inode, 0, &content).expect("there is room");
    if is_in_flight {
        writeback::writepages(&setting.fs, &setting.inode, ALL, false)
            .expect("writeback does not fail");
    }

    // The file is gone afterwards, so this is always done.
    let close = setting.spawn("unlink and close", |fs, inode| {
        unlink::unlink(fs, FILE_NAME).expect("the file has a name");
        evict::iput(fs, inode).expect("deleting does not fail");
    });
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    let journal = setting.spawn_commit();
    close.join();
    join(journal);
    setting.fs.in_flight().close();
    worker.join();
    setting.settle_gone();
}
