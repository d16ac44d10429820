//! Writeback of an append against a commit, in the BH design.
//!
//! A file ends within its first block. A program appends to the end of that block, or on into the
//! next one, which is then delayed. Writeback allocates and submits; the completion worker ends the
//! I/O; the journal commits once, at any moment. Or the next block is allocated at once, and the
//! append itself goes on beside the commit: all of it, or the copy stops within that block, which
//! is then cut off and made again.
//!
//! What may go wrong: a transaction commits blocks or a size before the data has completed, because
//! nobody ordered it or the commit does not wait; or the size on disk moves at the wrong time: with
//! the write although the block is delayed, or never because the block was there already.

use super::super::extfs::delalloc::Delalloc;
use super::super::extfs::device::memory::Image;
use super::super::extfs::rt::choose;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::{write, writeback};
use super::setting::{self, ALL, Fs, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Where the file ends at first.
const END: usize = 512;
/// Where the append is to end: in the block, in the next one, there at once, with that block.
const ASKED: [usize; 4] = [1024, 1536, 1536, 2048];
/// Where it does end.
const ENDS: [usize; 4] = [1024, 1536, 1536, 1280];

/// What a power cut may leave. Data in a block that was there already is written in place.
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
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 1024..1536,
            data: &[Tag::First],
            zeroes: Zeroes::Never,
        },
    ],
    others: &[],
};

fn content(end: usize) -> Vec<u8> {
    let blocks = (0..2).flat_map(|b| content::block(Tag::First, b));
    blocks.take(end).collect()
}

/// The image that every execution starts from: a file of half a block.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        write::buffered_write(fs, file, 0, &content(END)).expect("a new image has room");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let how = choose(
        "in the block, in the next one, at once, at once and short",
        4,
    ) as usize;
    let at_once = how >= 2;
    let mounting = Mounting {
        delalloc: if at_once {
            Delalloc::Never
        } else {
            mounting.delalloc
        },
        ..*mounting
    };
    let setting = Setting::new(base, 1, &mounting);
    let asked = content(ASKED[how]);
    let content = content(ENDS[how]);
    let append = move |fs: &Fs, inode: &_| {
        let copied = ENDS[how] - END;
        let user = UserBuffer::bad_from(&asked[END..], copied);
        let written = write::buffered_write_from(fs, inode, END as u64, &user);
        assert_eq!(written, Ok(copied));
    };
    let writeback = if at_once {
        Some(setting.spawn("append", append))
    } else {
        append(&setting.fs, &setting.inode);
        setting.spawn_part("writeback", |fs, inode| {
            writeback::writepages(fs, inode, ALL, true).expect("writeback does not fail");
        })
    };
    let journal = setting.spawn_commit();
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    join(writeback);
    join(journal);
    setting.fs.in_flight().close();
    worker.join();
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
