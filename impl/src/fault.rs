//! Files in memory: faults, and the stores and loads that they serve.
//!
//! A folio is a page: a program that maps the file sees it whole, also beyond the end of the file.
//! The first store to a clean page faults, and the fault makes sure that everything inside the file
//! has somewhere to go; later stores go on without anybody's knowing, until writeback takes the
//! folio and write-protects it.
//!
//! A fault takes no `i_rwsem`: the program may already hold a lock that comes after it, where the
//! page is the buffer of a write. What keeps truncate away is `invalidate_lock`; what keeps
//! everybody else away is the folio lock, held on a page that is uptodate from the lookup of its
//! mapping until it is dirty. Hence no cookie is compared: nothing that may happen to the mapping
//! meanwhile changes what the page holds.
//!
//! # What a store is
//! The hardware takes no lock and no whole section of anybody's holds it up. Here a store takes the
//! folio lock, so it comes before or after each section that reads or changes the folio. Nobody can
//! tell the difference: I/O captures a folio's data within a section, and a byte that a store
//! changes within someone's section might as well have been changed before or after it.
//!
//! What it stores beyond the end of the file, in the last page, is no part of the file. It is
//! zeroed before the end moves past it, or when it does ([`pagecache_isize_extended`]). Linux marks
//! the whole page dirty; here only blocks inside the file are, as those beyond have no space.
//!
//! # Source
//! linux v7.0 fs/iomap/buffered-io.c `iomap_page_mkwrite`; mm/filemap.c `filemap_fault`;
//! mm/memory.c `do_page_mkwrite`; mm/truncate.c `pagecache_isize_extended`; include/linux/pagemap.h
//! `folio_mkwrite_check_truncate`.

use crate::allocate;
use crate::cache::FolioGuard;
use crate::delalloc::Iomap;
use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::fallocate::checked_end;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::read;
use crate::trace::{self, args};
use crate::units::{BLOCK_SIZE, Block, Lblk};
use std::ops::Range;

/// Stores `bytes` at `offset` through a mapping of the file. Each block is a store of its own.
///
/// # Locking
/// Takes: a folio lock; where the page is not writable, what [`page_mkwrite`] takes.
///
/// # Crash
/// Promises nothing: that is fsync's.
///
/// # Errors
/// As [`page_mkwrite`]. What was stored before stays.
pub fn store<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    offset: u64,
    bytes: &[u8],
) -> Result<(), FsError> {
    checked_end(offset, bytes.len() as u64).map_err(|_| FsError::BeyondEnd)?;
    let mut rest = bytes;
    let mut at = offset;
    while !rest.is_empty() {
        let (lblk, within) = position(at);
        let len = rest.len().min(BLOCK_SIZE - within);
        while !try_store(inode, lblk, within, &rest[..len]) {
            page_mkwrite(fs, inode, lblk)?;
        }
        rest = &rest[len..];
        at += len as u64;
    }
    Ok(())
}

fn try_store(inode: &Inode, lblk: Lblk, within: usize, bytes: &[u8]) -> bool {
    let Some(folio) = inode.cache.next(lblk..Lblk(lblk.0 + 1)) else {
        return false;
    };
    let mut guard = folio.lock();
    let is_writable = guard.is_attached() && guard.is_writable();
    if is_writable {
        trace::step("store", || args([("block", lblk.0.into())]));
        guard.store(lblk, within, bytes);
    }
    is_writable
}

/// Loads `len` bytes from `offset` on through a mapping of the file.
///
/// # Locking
/// Takes: a folio lock; where the page is not there, what [`read_fault`] takes.
///
/// # Errors
/// As [`read_fault`].
pub fn load<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, FsError> {
    checked_end(offset, len as u64).map_err(|_| FsError::BeyondEnd)?;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let (lblk, within) = position(offset + bytes.len() as u64);
        let to = BLOCK_SIZE.min(within + len - bytes.len());
        match try_load(inode, lblk) {
            Some(block) => bytes.extend_from_slice(&block[within..to]),
            None => read_fault(fs, inode, lblk)?,
        }
    }
    Ok(bytes)
}

fn try_load(inode: &Inode, lblk: Lblk) -> Option<Block> {
    let folio = inode.cache.next(lblk..Lblk(lblk.0 + 1))?;
    let guard = folio.lock();
    (guard.is_attached() && guard.is_uptodate(lblk)).then(|| *guard.block(lblk))
}

/// Brings the page that holds a block into the cache.
///
/// # Locking
/// Takes: `invalidate_lock`, shared, and then the folio lock. No `i_rwsem`.
///
/// # Errors
/// [`FsError::BeyondEnd`] if the whole page lies beyond the end of the file; [`FsError::Device`].
pub fn read_fault<D: Device>(fs: &Filesystem<D>, inode: &Inode, lblk: Lblk) -> Result<(), FsError> {
    let _invalidate = (fs.protocol.page_fill_lock)(inode);
    with_page(fs, inode, lblk, |_, _| Ok(()))
}

/// A store met a page that it may not write to: makes the page uptodate, sees that each of its
/// blocks inside the file has space, makes them dirty, and lets stores through.
///
/// # Locking
/// Takes: `invalidate_lock`, shared, then the folio lock; under it `i_data_sem`, and waits for
/// writeback, so that pages under I/O stay as they are. No `i_rwsem`. No handle, unless allocation
/// does not wait: then one under the folio lock in the IM design, and around it in the BH design.
///
/// # Errors
/// [`FsError::BeyondEnd`] if the whole page lies beyond the end of the file. [`FsError::NoSpace`]:
/// then some blocks may be dirty, and the page is as it was. [`FsError::Device`].
pub fn page_mkwrite<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    lblk: Lblk,
) -> Result<(), FsError> {
    fs.expect_writable()?;
    if fs.design() == Design::Im {
        inode.expect_extents()?;
    }
    let _invalidate = inode.invalidate_lock.read();
    if fs.design() == Design::Bh && (fs.protocol.nonda_switch)(fs) {
        return allocate::retry_after_commit(fs, || block_page_mkwrite(fs, inode, lblk));
    }
    with_page(fs, inode, lblk, |guard, inside| {
        let mut at = inside.start;
        while at < inside.end {
            let iomap = (fs.protocol.buffered_write_begin)(fs, inode, at..inside.end)?;
            let end = iomap.mapping.end().min(inside.end);
            // At once: what has been reserved must lie under dirty data, whatever comes after.
            (at.0..end.0).for_each(|block| guard.mark_dirty(Lblk(block)));
            (fs.protocol.page_mkwrite_end)(fs, inode, &iomap, at..end);
            at = end;
        }
        let_stores_through(fs, guard, inside);
        Ok(())
    })
}

/// As [`page_mkwrite`], allocating at once, in the BH design.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `ext4_page_mkwrite`, `ext4_block_page_mkwrite`. Starts a handle also
/// where every block has space already. Raises the size on disk over what it has allocated, as was
/// proposed in 2025: where allocation has not always been immediate, that size may be the smaller
/// one, and written blocks would lie beyond it.
fn block_page_mkwrite<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    lblk: Lblk,
) -> Result<(), FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let mut end = 0;
    with_page(fs, inode, lblk, |guard, inside| {
        for block in (inside.start.0..inside.end.0).map(Lblk) {
            let iomap = (fs.protocol.get_block)(fs, &mut handle, inode, block)?;
            guard.mark_dirty(block);
            if iomap.is_new {
                end = Lblk(block.0 + 1).offset();
            }
        }
        let_stores_through(fs, guard, inside);
        Ok(())
    })?;
    if end > inode.disksize.get() {
        (fs.protocol.update_disksize)(fs, &mut handle, inode, end)?;
    }
    handle.stop();
    Ok(())
}

fn let_stores_through<D: Device>(
    fs: &Filesystem<D>,
    guard: &mut FolioGuard<'_>,
    inside: Range<Lblk>,
) {
    fs.wait_on_writeback(guard.folio());
    trace::step("make page writable", || args([("", trace::range(&inside))]));
    guard.make_writable(inside);
}

/// Locks the page that holds a block and makes it uptodate. `section` is given the blocks of the
/// page that lie inside the file.
fn with_page<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    lblk: Lblk,
    section: impl FnOnce(&mut FolioGuard<'_>, Range<Lblk>) -> Result<(), FsError>,
) -> Result<(), FsError> {
    loop {
        if inode.cache.folio_start(lblk) >= Lblk::round_up(inode.size.get()) {
            return Err(FsError::BeyondEnd);
        }
        let folio = inode.cache.grab(lblk);
        let mut guard = folio.lock();
        // Direct I/O and reclaim drop clean folios without `invalidate_lock`.
        if !(fs.protocol.mkwrite_is_valid)(&guard) {
            continue;
        }
        let range = folio.range();
        let inside = range.start..range.end.min(Lblk::round_up(inode.size.get()));
        for block in (range.start.0..range.end.0).map(Lblk) {
            if guard.is_uptodate(block) {
                continue;
            }
            let mut content = [0; BLOCK_SIZE];
            if block < inside.end {
                content = read::read_block(fs, inode.query(block).0, block)?;
            }
            guard.fill(block, &content);
        }
        return section(&mut guard, inside);
    }
}

/// Ends what [`page_mkwrite`] has begun for some blocks of its page. They are dirty, so nothing is
/// given back; and a fault holds `invalidate_lock` shared, so it could not look for what is clean.
pub fn mkwrite_end<D: Device>(
    _fs: &Filesystem<D>,
    _inode: &Inode,
    _iomap: &Iomap,
    _blocks: Range<Lblk>,
) {
}

/// Whether the page that was locked is still the file's.
pub fn mkwrite_is_valid(guard: &FolioGuard<'_>) -> bool {
    guard.is_attached()
}

/// Before a part of a folio is forgotten: stores must fault again, or they would go to blocks that
/// have no space any more.
///
/// # Locking
/// Requires: `invalidate_lock`, exclusive, which keeps faults away; and the folio lock.
pub fn protect_partial_folio(guard: &mut FolioGuard<'_>) {
    guard.write_protect();
}

/// After the end of the file has moved from byte `from` past its block: zeroes what stores have
/// left between `from` and `to` in the page that held the end, and write-protects the page, because
/// its further blocks have no space. Data has been, or will be, written from `to` on.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, no folio lock and, but in the BH design, no handle. Takes: the
/// folio lock.
pub fn pagecache_isize_extended(inode: &Inode, from: u64, to: u64) {
    let next = Lblk::round_up(from);
    if to <= next.offset() || inode.cache.folio_start(next) == next {
        return;
    }
    let Some(folio) = inode.cache.next(next..Lblk(next.0 + 1)) else {
        return;
    };
    let mut guard = folio.lock();
    if guard.is_attached() {
        trace::step("protect old end of file", || args([("from", from.into())]));
        guard.write_protect();
        guard.zero_bytes(from..to);
    }
}

/// The block that holds a byte, and where in it.
fn position(at: u64) -> (Lblk, usize) {
    (Lblk::containing(at), (at % BLOCK_SIZE as u64) as usize)
}

/// Drops clean folios that touch a range of blocks, as under memory pressure. Returns how many.
///
/// # Locking
/// Takes: one folio lock at a time. Waits for nothing else.
///
/// # Source
/// linux v7.0 mm/vmscan.c `shrink_folio_list`, which passes over locked folios.
pub fn reclaim(inode: &Inode, blocks: Range<Lblk>) -> usize {
    let mut dropped = 0;
    for folio in inode.cache.lookup(blocks) {
        let mut guard = folio.lock();
        if guard.is_attached() && !guard.has_dirty() && !folio.is_under_writeback() {
            trace::step("reclaim folio", || {
                args([("", trace::range(&folio.range()))])
            });
            inode.cache.detach(&mut guard);
            dropped += 1;
        }
    }
    dropped
}
