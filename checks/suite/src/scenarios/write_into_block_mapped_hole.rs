//! A write into a hole of a file that is mapped by pointers, as ext2 and ext3 have it, beside a
//! commit, in the BH design.
//!
//! Pointers know no unwritten blocks: what is allocated in the hole is read, by who comes next and
//! after a power cut, as what it holds. One program writes a block directly, or two through the
//! page cache without delayed allocation, of which the second copy stops midway; the journal
//! commits once, at any moment, and the completion worker ends its I/O.
//!
//! What may go wrong: a block of the hole is the file's before its data is (the review of ext4's
//! direct I/O on iomap), or a block stays that a short write has allocated and not filled (the
//! thread on ext4's buffered write path on iomap).

use super::super::extfs::delalloc::Delalloc;
use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::direct_write;
use super::super::extfs::rt::choose;
use super::super::extfs::setattr;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::write::buffered_write_from;
use super::setting::{self, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const SIZE: usize = 3 * BLOCK_SIZE;
/// How many bytes the short write copies.
const COPIED: usize = BLOCK_SIZE + BLOCK_SIZE / 2;

/// What a power cut may leave. The size is durable from the beginning.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[Area {
        bytes: 0..3072,
        data: &[Tag::First],
        zeroes: Zeroes::Legal,
    }],
    others: &[],
};

/// The image that every execution starts from: a file of three blocks, which are one hole.
pub fn base() -> Arc<Image> {
    setting::base_block_mapped(1, |fs, file| {
        setattr::set_size(fs, file, SIZE as u64).expect("a size takes no space");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let mounting = Mounting {
        delalloc: Delalloc::Never,
        ..*mounting
    };
    let setting = Setting::new(base, 1, &mounting);
    let is_direct = choose("a direct write, a short buffered one", 2) == 0;
    let blocks = (0..2).flat_map(|b| content::block(Tag::First, b));
    let mut content: Vec<u8> = blocks.collect();
    let bytes = content.clone();
    content.truncate(if is_direct { BLOCK_SIZE } else { COPIED });
    content.resize(SIZE, 0);

    // What the file then holds depends on it, so this is always done.
    let writer = setting.spawn("write", move |fs, inode| {
        if is_direct {
            direct_write(fs, inode, 0, &bytes[..BLOCK_SIZE]).expect("there is room");
        } else {
            let user = UserBuffer::bad_from(&bytes, COPIED);
            let written = buffered_write_from(fs, inode, 0, &user);
            assert_eq!(written, Ok(COPIED), "the copy stops within a block");
        }
    });
    let journal = setting.spawn_commit();
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    writer.join();
    join(journal);
    setting.fs.in_flight().close();
    worker.join();
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
