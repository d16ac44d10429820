//! A write and a store to one block that is a hole, where a write allocates at once.
//!
//! A file of one block is a hole. One task writes the whole block, without delayed allocation;
//! another stores to a part of it through a mapping; the journal commits once, at any moment, and
//! the completion worker ends their I/O.
//!
//! What may go wrong: each has seen the hole, and each fills it; or a commit comes between the
//! write's steps, and a power cut shows what the block held before.

use super::super::extfs::delalloc::Delalloc;
use super::super::extfs::device::memory::Image;
use super::super::extfs::rt::choose;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fault, setattr, write};
use super::setting::{self, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

/// Where the store begins; it goes to the end of the block.
const FROM: usize = BLOCK_SIZE / 2;

/// What a power cut may leave. The size is durable from the beginning.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..512,
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 512..1024,
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of one block that is a hole.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        setattr::set_size(fs, file, BLOCK_SIZE as u64).expect("a size takes no space");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let delalloc = match choose("allocation never waits, always waits", 2) {
        0 => Delalloc::Never,
        _ => Delalloc::Always,
    };
    let mounting = Mounting {
        delalloc,
        ..*mounting
    };
    let setting = Setting::new(base, 1, &mounting);
    let written = content::block(Tag::First, 0).to_vec();
    let stored = content::block(Tag::Second, 0)[FROM..].to_vec();
    let store_last = [&written[..FROM], &stored].concat();
    let write_last = written.clone();

    let writer = setting.spawn("write", move |fs, inode| {
        write::buffered_write(fs, inode, 0, &written).expect("there is room");
    });
    let store = setting.spawn("store", move |fs, inode| {
        fault::store(fs, inode, FROM as u64, &stored).expect("there is room");
    });
    let journal = setting.spawn_commit();
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    writer.join();
    store.join();
    join(journal);
    setting.fs.in_flight().close();
    worker.join();
    setting.settle(
        |bytes| bytes == store_last || bytes == write_last,
        &format!(
            "{}, or {}",
            content::describe(&store_last),
            content::describe(&write_last)
        ),
    );
}
