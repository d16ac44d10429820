//! Delayed allocation around a buffered write: reserving before the copy, and giving back what a
//! short copy left unused.
//!
//! A delayed block must lie under dirty data, or nothing will ever allocate or release it. So after
//! a short copy the writer takes back those blocks that it reserved itself and that nobody has made
//! dirty. A page fault may have done so: faults take no `i_rwsem`, find the delayed block, and
//! store. `invalidate_lock` keeps them out from the look at the page cache until the blocks are
//! gone.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_da_map_blocks`; fs/iomap/buffered-io.c
//! `iomap_write_delalloc_release`; fs/xfs/xfs_iomap.c `xfs_buffered_write_iomap_end`. Ranges are
//! collected in one pass over the cache and punched after it: faults stay out all the while.

use crate::allocate::{self, Kind};
use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::extent::status::Cookie;
use crate::extent::{Mapping, Status};
use crate::fallocate::fill_hole;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::invariants::context::expect_exclusive;
use crate::trace::{self, args};
use crate::units::Lblk;
use std::ops::Range;

/// Whether allocation waits for writeback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delalloc {
    /// Yes. Reservations here are exact, so they can always be kept.
    #[default]
    Always,
    /// Yes, until most of the free space is promised: what Linux does.
    WhileSpaceLasts,
    /// No: `nodelalloc`.
    Never,
}

impl Delalloc {
    /// All of them.
    pub const ALL: [Delalloc; 3] = [Delalloc::Always, Delalloc::WhileSpaceLasts, Delalloc::Never];
}

/// Whether a write must allocate at once.
///
/// # Locking
/// Requires: no folio lock; where it depends on the space, the kernel may start writeback here.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `ext4_nonda_switch`.
pub fn nonda_switch<D: Device>(fs: &Filesystem<D>) -> bool {
    match fs.delalloc {
        Delalloc::Always => false,
        Delalloc::WhileSpaceLasts => fs.space().is_nearly_promised(),
        Delalloc::Never => true,
    }
}

/// What a writer has been given to write into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iomap {
    /// The blocks and what backs them.
    pub mapping: Mapping,
    /// How long that stays true.
    pub cookie: Cookie,
    /// Whether this writer reserved the blocks, so that it may take them back.
    pub is_new: bool,
}

/// Finds the mapping of the first block of `range`; where there is none, reserves space for as much
/// of `range` as has none and makes it delayed. In the IM design, if allocation does not wait, it
/// is allocated instead, as unwritten; in the BH design that is [`crate::da_write::get_block`].
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, or `invalidate_lock`, shared, with the folio lock. Takes:
/// `i_data_sem`, shared for looking up, exclusive for reserving, and then looks up again; before it
/// a handle, if it allocates.
///
/// # Errors
/// [`FsError::NoSpace`]; if it allocates, also [`FsError::TooManyExtents`], [`FsError::Journal`].
pub fn write_begin<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<Iomap, FsError> {
    let found = |(mapping, cookie)| Iomap {
        mapping,
        cookie,
        is_new: false,
    };
    let (mapping, cookie) = inode.query(range.start);
    if mapping.status != Status::Hole {
        return Ok(found((mapping, cookie)));
    }
    if fs.design() == Design::Im && (fs.protocol.nonda_switch)(fs) {
        return allocate::retry_after_commit(fs, || allocate_unwritten(fs, inode, range.clone()));
    }
    let mut data = inode.lock_data();
    let (mapping, cookie) = inode.query_locked(&data, range.start);
    let Some(hole) = mapping.clipped(range).filter(|m| m.status == Status::Hole) else {
        return Ok(found((mapping, cookie)));
    };
    fs.space().reserve(hole.len)?;
    let delayed = Mapping {
        status: Status::Delayed,
        ..hole
    };
    data.insert_status(delayed);
    data.reserved += hole.len;
    data.quota_reserved += u64::from(hole.len);
    trace::step("reserve", || {
        args([("", trace::range(&(hole.start..hole.end())))])
    });
    Ok(Iomap {
        mapping: delayed,
        cookie: data.cookie(),
        is_new: true,
    })
}

/// IM: allocates the beginning of a range that has been seen to be a hole. What is then not written
/// stays, unwritten. The handle stops before any folio is locked, or is that of a fault, which has
/// locked its folio before.
///
/// # Source
/// linux v7.0 fs/iomap and the ext4-on-iomap series: `ext4_iomap_get_blocks`.
fn allocate_unwritten<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<Iomap, FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let mut data = inode.lock_data();
    let (mapping, cookie) = inode.query_locked(&data, range.start);
    let mapping = mapping.clipped(range).unwrap_or(mapping);
    if mapping.status != Status::Hole {
        return Ok(Iomap {
            mapping,
            cookie,
            is_new: false,
        });
    }
    let mapping = fill_hole(fs, &mut handle, inode, &mut data, mapping, Kind::Unwritten)?;
    Ok(Iomap {
        mapping,
        cookie: data.cookie(),
        is_new: true,
    })
}

/// After a writer is done with what it was given, of which it has written the first `written`
/// bytes of `range`: gives back what it reserved and did not use.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no folio lock. Takes: what [`write_delalloc_release`]
/// takes.
pub fn write_end<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    iomap: &Iomap,
    range: &Range<u64>,
    written: usize,
) {
    if iomap.mapping.status != Status::Delayed || !iomap.is_new {
        return;
    }
    let blocks = (fs.protocol.unused_blocks)(range, written);
    if blocks.start < blocks.end {
        (fs.protocol.write_delalloc_release)(fs, inode, blocks);
    }
}

/// The blocks of a range of bytes that hold none of its first `written` bytes.
pub fn unused_blocks(range: &Range<u64>, written: usize) -> Range<Lblk> {
    let start = match written {
        0 => Lblk::containing(range.start),
        _ => Lblk::round_up(range.start + written as u64),
    };
    start..Lblk::round_up(range.end)
}

/// Gives back the delayed blocks of a range that lie under no dirty data.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no folio lock. Takes: `invalidate_lock`, exclusive; under
/// it what [`scan_and_punch`] takes.
pub fn write_delalloc_release<D: Device>(fs: &Filesystem<D>, inode: &Inode, blocks: Range<Lblk>) {
    let _invalidate = inode.invalidate_lock.write();
    scan_and_punch(fs, inode, blocks);
}

/// Looks for clean ranges and punches the delayed blocks in them.
///
/// # Locking
/// Requires: `i_rwsem` and `invalidate_lock`, both exclusive. Takes: one folio lock at a time, and
/// then `i_data_sem`.
pub fn scan_and_punch<D: Device>(fs: &Filesystem<D>, inode: &Inode, blocks: Range<Lblk>) {
    expect_exclusive(
        &inode.invalidate_lock,
        "invalidate_lock",
        "punching delayed blocks",
    );
    for clean in (fs.protocol.delalloc_clean_ranges)(inode, blocks) {
        (fs.protocol.punch_delalloc)(fs, inode, clean);
    }
}

/// The parts of a range that hold no dirty block. Beyond the end of the file nothing can be dirty,
/// so that is not looked at.
///
/// # Locking
/// Requires: `invalidate_lock`, exclusive. Takes: one folio lock at a time.
pub fn clean_ranges(inode: &Inode, blocks: Range<Lblk>) -> Vec<Range<Lblk>> {
    let scan_end = blocks.end.min(Lblk::round_up(inode.size.get()));
    let mut clean = Vec::new();
    let mut start = blocks.start;
    for folio in inode.cache.lookup(blocks.start..scan_end) {
        let guard = folio.lock();
        let range = folio.range();
        let (from, to) = (range.start.max(start), range.end.min(scan_end));
        let dirty = (from.0..to.0)
            .map(Lblk)
            .filter(|lblk| guard.is_dirty(*lblk));
        for lblk in dirty {
            if start < lblk {
                clean.push(start..lblk);
            }
            start = Lblk(lblk.0 + 1);
        }
    }
    if start < blocks.end {
        clean.push(start..blocks.end);
    }
    clean
}

/// Removes the delayed blocks of a range, and nothing else, and releases their reservation.
///
/// # Locking
/// Requires: `invalidate_lock`, exclusive, or the lock of the one folio that holds the range.
/// Takes: `i_data_sem`, exclusive.
pub fn punch_delalloc<D: Device>(fs: &Filesystem<D>, inode: &Inode, blocks: Range<Lblk>) {
    let mut data = inode.lock_data();
    let delayed: Vec<Mapping> = data.peek_status_tree(|tree| {
        let delayed = tree.iter().filter(|m| m.status == Status::Delayed);
        delayed.filter_map(|m| m.clipped(blocks.clone())).collect()
    });
    let mut released = 0;
    for mapping in delayed {
        released += data.remove_status(mapping.start..mapping.end());
    }
    trace::step("punch delayed blocks", || {
        args([
            ("", trace::range(&blocks)),
            ("reservations released", released.into()),
        ])
    });
    fs.space().release(released);
    data.reserved -= released;
    data.quota_reserved -= u64::from(released);
}
