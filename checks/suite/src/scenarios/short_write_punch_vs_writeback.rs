//! A write whose copy comes up short, against writeback of its beginning, in the IM design.
//!
//! A file of two blocks is one hole. A write covers both and one more, reserves them all, and
//! copies only the first: then it punches the other two. Meanwhile writeback, which holds only the
//! lock of the first block's folio, maps as much of the delayed extent as lies inside the file.
//!
//! What may go wrong: blocks are punched on the strength of a look that writeback has made untrue,
//! so that one reservation is released and claimed (the thread on ext4's buffered write path on
//! iomap, where the punch took no `i_data_sem`); what lies beyond the end is forgotten.

use super::super::extfs::device::memory::Image;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::write::buffered_write_from;
use super::super::extfs::{setattr, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const SIZE: usize = 2 * BLOCK_SIZE;
/// Blocks that the write covers.
const BLOCKS: u32 = 3;

/// What a power cut may leave. The size is durable from the beginning.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..1024,
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 1024..2048,
            data: &[],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of two blocks that is one hole.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        setattr::set_size(fs, file, SIZE as u64).expect("a size takes no space");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    // What the file then holds depends on it, so this is always done.
    let writer = setting.spawn("write", |fs, inode| {
        let blocks = (0..BLOCKS).flat_map(|b| content::block(Tag::First, b));
        let bytes: Vec<u8> = blocks.collect();
        let user = UserBuffer::bad_from(&bytes, BLOCK_SIZE);
        let written = buffered_write_from(fs, inode, 0, &user);
        assert_eq!(written, Ok(BLOCK_SIZE), "the copy stops after a block");
    });
    // Who writes back is also the completion worker: nobody else waits for one.
    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
        while fs.step_io() {}
    });
    let journal = setting.spawn_commit();
    writer.join();
    join(writeback);
    join(journal);

    let mut expected = content::block(Tag::First, 0).to_vec();
    expected.resize(SIZE, 0);
    setting.settle(|bytes| bytes == expected, &content::describe(&expected));
}
