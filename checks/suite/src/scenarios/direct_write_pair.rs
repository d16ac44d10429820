//! Two direct writes to one file, of which the first is not waited for, in the IM design.
//!
//! The file's first block is unwritten and its second a hole. The first write covers the first
//! block and is on its way when its caller goes on; the worker ends it. The second write covers
//! half of the same block, whose caller would go on too if it could, or the hole, or a block beyond
//! the end. Beside the latter two the journal commits once, at any moment.
//!
//! What may go wrong: an unaligned write zeroes around itself what is in flight to the same block,
//! or is in flight itself when the block is written again, and the device keeps the older one; a
//! hole inside the file is filled with a written block, which a crash exposes; the end of the first
//! write, which holds no lock, takes the file off the orphan list under the second (all from the
//! threads on moving ext4 direct I/O to iomap).

use super::super::extfs::device::memory::Image;
use super::super::extfs::direct::{Submitted, direct_write, direct_write_async};
use super::super::extfs::fallocate::{SizeMode, fallocate};
use super::super::extfs::inode::Inode;
use super::super::extfs::rt::{choose, sync};
use super::super::extfs::setattr;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::user::UserBuffer;
use super::setting::{self, Fs, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const SIZE: usize = 2 * BLOCK_SIZE;
/// Where the unaligned write begins.
const HALF: usize = BLOCK_SIZE / 2;

/// What a power cut may leave.
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
        Area {
            bytes: 1024..2048,
            data: &[Tag::Second],
            zeroes: Zeroes::Legal,
        },
        Area {
            bytes: 2048..3072,
            data: &[Tag::Second],
            zeroes: Zeroes::Never,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: an unwritten block, and a hole.
pub fn base() -> Arc<Image> {
    setting::base(1, |fs, file| {
        let block = BLOCK_SIZE as u64;
        fallocate(fs, file, 0, block, SizeMode::Extend).expect("a new image has room");
        setattr::set_size(fs, file, SIZE as u64).expect("a size takes no space");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, 1, mounting);
    let at = match choose(
        "second write beyond the end, into a hole, into the first's block",
        3,
    ) {
        0 => SIZE,
        1 => BLOCK_SIZE,
        _ => HALF,
    };
    let first = setting.spawn_part("direct write", |fs, inode| {
        let written = write_in_flight(fs, inode, 0, &content::block(Tag::First, 0));
        assert_eq!(written, BLOCK_SIZE, "bytes written directly");
    });
    let has_first = first.is_some();
    let second = setting.spawn("second direct write", move |fs, inode| {
        let bytes = second_bytes(at);
        let written = match at {
            HALF => write_in_flight(fs, inode, at, &bytes),
            _ => direct_write(fs, inode, at as u64, &bytes).expect("the write does not fail"),
        };
        assert_eq!(written, bytes.len(), "bytes written directly");
    });
    let worker = setting.spawn("worker", |fs, _| fs.direct_io_worker());
    let journal = (at != HALF).then(|| setting.spawn_commit());
    join(first);
    second.join();
    setting.fs.direct_in_flight().close();
    worker.join();
    join(journal.flatten());

    let expected = outcomes(at, has_first);
    let words: Vec<String> = expected
        .iter()
        .map(|bytes| content::describe(bytes))
        .collect();
    setting.settle(
        |bytes| expected.iter().any(|e| e == bytes),
        &words.join(", or "),
    );
}

/// Writes, goes on once the I/O has been submitted if it may, and then asks what became of it.
fn write_in_flight(fs: &Fs, inode: &sync::Arc<Inode>, at: usize, bytes: &[u8]) -> usize {
    let submitted = direct_write_async(fs, inode, at as u64, &UserBuffer::new(bytes));
    match submitted.expect("the write does not fail") {
        Submitted::Done(written) => written,
        // The worker ends it, or has ended it.
        Submitted::Queued(write) => fs.wait_direct_io(&write).expect("the I/O does not fail"),
    }
}

/// What the second write writes, which begins at byte `at`: the rest of its block.
fn second_bytes(at: usize) -> Vec<u8> {
    let block = content::block(Tag::Second, (at / BLOCK_SIZE) as u32);
    block[at % BLOCK_SIZE..].to_vec()
}

/// The contents that the file may then have: the writes in one order, or in the other.
fn outcomes(at: usize, has_first: bool) -> Vec<Vec<u8>> {
    let first = |bytes: &mut Vec<u8>| {
        if has_first {
            bytes[..BLOCK_SIZE].copy_from_slice(&content::block(Tag::First, 0));
        }
    };
    let second = |bytes: &mut Vec<u8>| {
        let written = second_bytes(at);
        bytes.resize(SIZE.max(at + written.len()), 0);
        bytes[at..at + written.len()].copy_from_slice(&written);
    };
    let (mut one, mut other) = (vec![0; SIZE], vec![0; SIZE]);
    first(&mut one);
    second(&mut one);
    second(&mut other);
    first(&mut other);
    vec![one, other]
}
