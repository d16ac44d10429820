//! A hole is punched into a page that a program maps, beside writeback, in the IM design.
//!
//! A page has two blocks, both of which a program has stored to, so that they are delayed and the
//! page is writable. Then one task punches the second block, another stores to it again, and
//! writeback takes the page at any moment.
//!
//! What may go wrong: the page stays writable when a part of it is forgotten, or when writeback
//! takes it, so that the next store makes nothing dirty: it lies over a hole, or is never written.

use super::super::extfs::device::memory::Image;
use super::super::extfs::units::BLOCK_SIZE;
use super::super::extfs::{fault, punch_hole, setattr, writeback};
use super::setting::{self, ALL, Mounting, Setting, join};
use crate::content::{self, Tag};
use crate::contract::{Area, Contract, Zeroes};
use std::sync::Arc;

const BLOCK: u64 = BLOCK_SIZE as u64;
const BLOCKS_PER_FOLIO: u32 = 2;

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
            data: &[Tag::First, Tag::Second],
            zeroes: Zeroes::Legal,
        },
    ],
    others: &[],
};

/// The image that every execution starts from: a file of two blocks that is one hole.
pub fn base() -> Arc<Image> {
    setting::base(BLOCKS_PER_FOLIO, |fs, file| {
        setattr::set_size(fs, file, 2 * BLOCK).expect("a size takes no space");
    })
}

/// One execution.
pub fn run(base: &Arc<Image>, mounting: &Mounting) {
    let setting = Setting::new(base, BLOCKS_PER_FOLIO, mounting);
    store_to_both(&setting);

    let punch = setting.spawn_part("punch", |fs, inode| {
        punch_hole::punch_hole(fs, inode, BLOCK, BLOCK).expect("the punch does not fail");
    });
    let has_punch = punch.is_some();
    let store = setting.spawn_part("store", |fs, inode| {
        let block = content::block(Tag::Second, 1);
        fault::store(fs, inode, BLOCK, &block).expect("there is room");
    });
    let has_store = store.is_some();
    // Who writes back is also the completion worker: what others wait for, this completes.
    let writeback = setting.spawn_part("writeback", |fs, inode| {
        writeback::writepages(fs, inode, ALL, false).expect("writeback does not fail");
        while fs.step_io() {}
    });
    join(punch);
    join(store);
    join(writeback);

    let contents = outcomes(has_punch, has_store);
    let words: Vec<String> = contents.iter().map(|c| content::describe(c)).collect();
    setting.settle(
        |bytes| contents.iter().any(|content| content == bytes),
        &words.join(", or "),
    );
}

/// Stores to both blocks, through a mapping.
fn store_to_both(setting: &Setting) {
    for lblk in 0..2 {
        let block = content::block(Tag::First, lblk);
        let at = u64::from(lblk) * BLOCK;
        fault::store(&setting.fs, &setting.inode, at, &block).expect("there is room");
    }
}

/// The contents that the file may then have.
fn outcomes(has_punch: bool, has_store: bool) -> Vec<Vec<u8>> {
    let stored = |tag, lblk| content::block(tag, lblk).to_vec();
    let second = [
        (has_punch, vec![0; BLOCK_SIZE]),
        (has_store, stored(Tag::Second, 1)),
        (!has_punch && !has_store, stored(Tag::First, 1)),
    ];
    let possible = second.into_iter().filter(|(is_possible, _)| *is_possible);
    let whole = |(_, block): (bool, Vec<u8>)| [stored(Tag::First, 0), block].concat();
    possible.map(whole).collect()
}
