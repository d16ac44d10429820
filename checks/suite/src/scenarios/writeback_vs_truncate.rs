//! Writeback against truncate. Written for the IM design; the BH design has the same tasks and,
//! because it locks every folio that it allocates for, not the race.
//!
//! A file has three delayed blocks. One task writes them back; another truncates the file to one
//! block, and then may or may not write its second block anew; the completion worker ends I/O; the
//! journal commits once, at any moment. Blocks that the truncate frees may be handed out again only
//! once their transaction has committed.
//!
//! What may go wrong: writeback allocates on the strength of a lookup that the truncate has made
//! untrue (the race of the ext4-on-iomap thread, v4 09/23), or writes the new second block where
//! the old one was; a crash shows a size without data, or blocks past the end.

use super::super::extfs::device::memory::Image;
use super::super::extfs::inode::Inode;
use super::super::extfs::rt::{choose, part, sync};
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{truncate, write, writeback};
use super::setting::{self, ALL, Fs, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Blocks that the file has before the truncate.
pub const BLOCKS: u32 = 3;
/// Blocks that it has right after.
pub const BLOCKS_KEPT: u32 = 1;

/// The step by which a truncate sets the sizes, whatever has been written.
const TRUNCATED: Zeroes = Zeroes::After("set i_disksize and i_size");

/// What a power cut may leave.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..1024,
            data: &[Tag::First],
            zeroes: TRUNCATED,
        },
        Area {
            bytes: 1024..2048,
            data: &[Tag::First, Tag::Second],
            zeroes: TRUNCATED,
        },
        Area {
            bytes: 2048..3072,
            data: &[Tag::First],
            zeroes: TRUNCATED,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: an empty file.
pub fn base() -> Arc<Image> {
    setting::base(1, |_, _| ())
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let first: Vec<u8> = (0..BLOCKS)
        .flat_map(|b| content::block(Tag::First, b))
        .collect();
    write::buffered_write(&setting.fs, &setting.inode, 0, &first).expect("there is room");

    // Writeback waits for its I/O, so the worker comes and goes with it.
    let writes_back = part("writeback");
    let writeback = writes_back.then(|| {
        setting.spawn("writeback", |fs, inode| {
            writeback::writepages(fs, inode, ALL, true).expect("writeback does not fail");
            fs.in_flight().close();
        })
    });
    // What the file then holds depends on it, so this is always done.
    let truncate = setting.spawn("truncate", truncate_and_maybe_write);
    let worker = writes_back.then(|| setting.spawn("worker", |fs, _| fs.io_worker()));
    let journal = setting.spawn_commit();
    join(writeback);
    let expected = truncate.join();
    join(worker);
    join(journal);
    setting.settle(|bytes| bytes == expected, &content::describe(&expected));
}

/// The truncating task. Returns the content that the file then has.
fn truncate_and_maybe_write(fs: &Fs, inode: &sync::Arc<Inode>) -> Vec<u8> {
    let size = u64::from(BLOCKS_KEPT) * BLOCK_SIZE as u64;
    truncate::truncate_down(fs, inode, size).expect("truncate does not fail");
    let mut content = content::block(Tag::First, 0).to_vec();
    let writes_again = choose("write again", 2) == 1;
    if writes_again {
        let again = content::block(Tag::Second, BLOCKS_KEPT);
        write::buffered_write(fs, inode, size, &again).expect("there is room");
        content.extend(again);
    }
    content
}
