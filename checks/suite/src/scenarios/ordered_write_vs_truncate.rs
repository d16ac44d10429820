//! Data that a commit has to write, against a truncate, a punch or zeroes that take it away, in the
//! BH design without delayed allocation.
//!
//! A write allocates written blocks at once, inside the file and beyond its end, and orders its
//! data: the commit writes them. The copy may stop within the block beyond the end, which is then
//! cut off and made again. After that one task truncates that block away, punches it, or zeroes its
//! range; the journal commits once, at any moment; the completion worker ends its I/O.
//!
//! What may go wrong: the commit does not write, or does not wait, and a crash shows what the
//! blocks held before; the truncate drops a folio whose data the committing transaction vouches
//! for; what a failed copy has allocated stays.

use super::super::extfs::delalloc::Delalloc;
use super::super::extfs::device::memory::Image;
use super::super::extfs::fallocate::SizeMode;
use super::super::extfs::rt::choose;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::super::extfs::write::buffered_write_from;
use super::super::extfs::zero_range::zero_range;
use super::super::extfs::{punch_hole, setattr, truncate};
use super::setting::{self, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// Where the write begins.
const FROM: usize = BLOCK_SIZE / 2;
/// How many bytes are copied where the copy stops.
const COPIED: usize = BLOCK_SIZE;

/// What a power cut may leave: what the write does not cover of its first block was never written.
pub static CONTRACT: Contract = Contract {
    gone_after: None,
    areas: &[
        Area {
            bytes: 0..512,
            data: &[],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 512..2048,
            data: &[Tag::First],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of one block that is a hole.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        setattr::set_size(fs, file, BLOCK).expect("a size takes no space");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let mounting = Mounting {
        delalloc: Delalloc::Never,
        ..*mounting
    };
    let setting = Setting::new(base, 1, &mounting);
    let blocks = (0..2).flat_map(|b| content::block(Tag::First, b));
    let mut content: Vec<u8> = blocks.collect();
    content[..FROM].fill(0);
    let bytes = content[FROM..].to_vec();
    let user = match choose("the copy stops", 2) {
        0 => UserBuffer::new(&bytes),
        _ => UserBuffer::bad_from(&bytes, COPIED),
    };
    let written = buffered_write_from(&setting.fs, &setting.inode, FROM as u64, &user);
    content.truncate(FROM + written.expect("some of it can be copied"));

    // What the file then holds depends on it, so this is always done.
    let way = choose("then a truncate, a punch, zeroes", 3);
    let change = setting.spawn("truncate or punch", move |fs, inode| {
        let changed = match way {
            0 => truncate::truncate_down(fs, inode, BLOCK),
            1 => punch_hole::punch_hole(fs, inode, BLOCK, BLOCK),
            _ => zero_range(fs, inode, BLOCK, BLOCK, SizeMode::Keep),
        };
        changed.expect("none of them fails");
    });
    let journal = setting.spawn_commit();
    let worker = setting.spawn("worker", |fs, _| fs.io_worker());
    change.join();
    join(journal);
    setting.fs.in_flight().close();
    worker.join();

    match way {
        0 => content.truncate(BLOCK_SIZE),
        _ => content[BLOCK_SIZE..].fill(0),
    }
    setting.settle(|bytes| bytes == content, &content::describe(&content));
}
