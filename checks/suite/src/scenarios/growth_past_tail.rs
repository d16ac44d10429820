//! A file grows over the end of its last block, which holds something on disk.
//!
//! A file ends within its only block. Beyond the end the block holds, on disk, what an append wrote
//! that a crash cut off before the size followed; a program may have stored there as well, through
//! a mapping. Then the file grows: by a truncate, by a write of the next block or, in the IM
//! design, by a direct write of it. The journal commits once, at any moment; the completion worker
//! ends I/O.
//!
//! What may go wrong: what lay beyond the end becomes content, in the cache or after a crash,
//! because it was not zeroed, or the zeroes were not on disk before the size was.

use super::super::extfs::design::Design;
use super::super::extfs::device::memory::Image;
use super::super::extfs::rt::choose;
use super::super::extfs::units::{BLOCK_SIZE, Lblk};
use super::super::extfs::{direct, fault, fsync, setattr, write};
use super::setting::{self, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// Where the file ends at first.
const END: usize = BLOCK_SIZE / 2;

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
            data: &[],
            zeroes: Zeroes::Only,
        },
        Area {
            bytes: 1024..2048,
            data: &[Tag::Second],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of half a block, and more in its block.
pub fn base() -> Arc<Image> {
    let mut at = None;
    let image = setting::base(1, |fs, file| {
        let bytes = content::block(Tag::First, 0);
        write::buffered_write(fs, file, 0, &bytes[..END]).expect("a new image has room");
        fsync::fsync(fs, file).expect("memory does not fail");
        at = file.query(Lblk(0)).0.status.pblk();
    });
    let mut image = Image::clone(&image);
    let mut block = content::block(Tag::Second, 0);
    block[..END].copy_from_slice(&content::block(Tag::First, 0)[..END]);
    let at = at.expect("the block has been written");
    image.set(at, &block).expect("the block is on the device");
    Arc::new(image)
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    if choose("a program has stored beyond the end", 2) == 1 {
        let bytes = &content::block(Tag::Second, 0)[END..];
        fault::store(&setting.fs, &setting.inode, END as u64, bytes).expect("the page is there");
    }
    let ways = match mounting.design {
        Design::Im => 3,
        Design::Bh => 2,
    };
    let way = choose("it grows by a truncate, a write, a direct write", ways);
    // What the file then holds depends on it, so this is always done.
    let grow = setting.spawn("grow", move |fs, inode| {
        let block = content::block(Tag::Second, 1);
        match way {
            0 => setattr::truncate_up(fs, inode, 2 * BLOCK).expect("truncate does not fail"),
            1 => write::buffered_write(fs, inode, BLOCK, &block).expect("there is room"),
            _ => {
                let written = direct::direct_write(fs, inode, BLOCK, &block);
                written.expect("there is room");
            }
        }
    });
    let journal = setting.spawn_commit();
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    grow.join();
    join(journal);
    setting.fs.in_flight().close();
    worker.join();

    let mut content = vec![0; 2 * BLOCK_SIZE];
    content[..END].copy_from_slice(&content::block(Tag::First, 0)[..END]);
    if way > 0 {
        content[BLOCK_SIZE..].copy_from_slice(&content::block(Tag::Second, 1));
    }
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
