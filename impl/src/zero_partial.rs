//! Zeroing parts of blocks through the page cache, before anything relies on their being zero.
//!
//! # What lies beyond the end
//! The last block of a file is whole on disk, and what it holds beyond the end of the file must
//! never become content. It may be anything after a crash, because data that extends a file is
//! written before the size is raised. So whoever is about to move the end, in either direction,
//! first calls [`zero_eof`]: from then until the end moves again, the disk holds, beyond the end in
//! that block, zeroes or what was written there since.
//!
//! The ext4-on-iomap discussion proposes to zero in the cache only, and to let the completion of
//! the block's I/O hold the size on disk back. Here the block is written before the call goes on:
//! that costs an I/O after a crash and never otherwise, because writeback zeroes what it writes
//! beyond the end.
//!
//! The BH design has ordered data instead: the block is zeroed in the cache, and the transaction
//! that moves the end, or an earlier one, commits only when it is on disk. Recovery of an orphan
//! leaves the end of its last block as it is, where the kernel zeroes it: whoever moves the end
//! next does that, in either design.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_block_truncate_page`, `ext4_zero_partial_blocks`;
//! fs/iomap/buffered-io.c `iomap_zero_range`.

use crate::cache::FolioGuard;
use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::extent::Status;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::journal::Handle;
use crate::trace::args;
use crate::units::{BLOCK_SIZE, Lblk};
use crate::{fsync, read, trace};
use rt::Value;
use rt::sync::Arc;
use std::ops::Range;

/// In which direction the end of a file is about to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// To a smaller size: what the cache holds beyond it may differ from what the disk holds.
    Shrinks,
    /// To a larger size.
    Grows,
}

/// Makes the block that holds byte `size` zero from there on, in the cache, and on disk as the
/// design has it.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and no handle. Takes: in the IM design a folio lock, and what
/// writeback takes; in the BH design a handle, and under it the folio lock.
///
/// # Crash
/// IM: zeroes lie on disk, or in the volatile cache before anything that follows, when this
/// returns. Where the file is about to shrink, a crash may show them below an end that has not
/// moved. BH: no later transaction commits before they lie on disk.
///
/// # Errors
/// [`FsError::Device`], [`FsError::Journal`], and what writing the block fails with.
pub fn zero_eof<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    size: u64,
    end: End,
) -> Result<(), FsError> {
    let offset = (size % BLOCK_SIZE as u64) as usize;
    if offset == 0 {
        return Ok(());
    }
    let lblk = Lblk::containing(size);
    match fs.design() {
        Design::Im => zero_and_write(fs, inode, lblk, offset, end),
        Design::Bh => {
            let mut handle = fs.start_handle(1)?;
            let part = offset..BLOCK_SIZE;
            block_zero_range(fs, &mut handle, inode, lblk, part, end)
        }
    }
}

/// IM: zeroes the end of a block, from byte `offset` of it on, and writes the block.
fn zero_and_write<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    lblk: Lblk,
    offset: usize,
    end: End,
) -> Result<(), FsError> {
    let folio = inode.cache.grab(lblk);
    {
        let mut guard = folio.lock();
        // What the cache held when it was taken for I/O is on disk only when that has completed.
        fs.wait_on_writeback(&folio);
        if !fill_backed(fs, inode, &mut guard, lblk)? {
            // Over a hole there is nothing on disk, but what stores have left goes too.
            guard.zero_from(lblk, offset);
            return Ok(());
        }
        let is_zero = guard.block(lblk)[offset..].iter().all(|byte| *byte == 0);
        let disk_may_differ = end == End::Shrinks && guard.is_dirty(lblk);
        if is_zero && !disk_may_differ {
            return Ok(());
        }
        trace::step("zero end of block", || {
            args([("from", (lblk.offset() + offset as u64).into())])
        });
        guard.write(lblk, offset, &[0; BLOCK_SIZE][offset..]);
    }
    fsync::write_and_wait(fs, inode, lblk..Lblk(lblk.0 + 1))
}

/// BH: zeroes a part of a block in the cache, and orders it before the handle's transaction. Where
/// the end stays, it counts as shrinking: the disk may hold anything. I/O in flight need not be
/// waited for: the commit writes the block after it.
///
/// # Locking
/// Requires: a handle. Takes: the folio lock.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `__ext4_block_zero_page_range`.
fn block_zero_range<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    lblk: Lblk,
    part: Range<usize>,
    end: End,
) -> Result<(), FsError> {
    let at = |within: usize| lblk.offset() + within as u64;
    let bytes = at(part.start)..at(part.end);
    let folio = inode.cache.grab(lblk);
    let mut guard = folio.lock();
    if !fill_backed(fs, inode, &mut guard, lblk)? {
        // Over a hole there is nothing on disk, but what stores have left goes too.
        guard.zero_bytes(bytes);
        return Ok(());
    }
    let is_zero = guard.block(lblk)[part.clone()]
        .iter()
        .all(|byte| *byte == 0);
    let disk_may_differ = end == End::Shrinks && guard.is_dirty(lblk);
    if is_zero && !disk_may_differ {
        return Ok(());
    }
    trace::step("zero part of block", || args([("", bytes.clone().into())]));
    guard.write(lblk, part.start, &[0; BLOCK_SIZE][part]);
    drop(guard);
    (fs.protocol.inode_add_write)(handle, inode, bytes);
    Ok(())
}

/// Zeroes those bytes of a range that lie in blocks which the range covers in part, in the cache.
///
/// # Locking
/// Requires: `i_rwsem` and `invalidate_lock`, both exclusive, and no handle. Takes: in the BH
/// design a handle; one folio lock at a time.
///
/// # Crash
/// The bytes are as they were until the blocks have been written, which in the BH design is before
/// any later transaction commits.
///
/// # Errors
/// [`FsError::Device`]; in the BH design also [`FsError::Journal`].
pub fn zero_partial_blocks<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<u64>,
) -> Result<(), FsError> {
    let (first, last) = (Lblk::containing(range.start), Lblk::containing(range.end));
    let in_block = |offset: u64| (offset % BLOCK_SIZE as u64) as usize;
    let (from, to) = (in_block(range.start), in_block(range.end));
    let parts = match (first == last, from) {
        (true, _) => vec![(first, from..to)],
        (false, 0) => vec![(last, 0..to)],
        (false, _) => vec![(first, from..BLOCK_SIZE), (last, 0..to)],
    };
    let mut parts = parts
        .into_iter()
        .filter(|(_, part)| !part.is_empty())
        .peekable();
    match fs.design() {
        Design::Im => parts.try_for_each(|(lblk, part)| zero_part(fs, inode, lblk, part)),
        Design::Bh if parts.peek().is_none() => Ok(()),
        Design::Bh => {
            let mut handle = fs.start_handle(1)?;
            parts.try_for_each(|(lblk, part)| {
                block_zero_range(fs, &mut handle, inode, lblk, part, End::Shrinks)
            })
        }
    }
}

fn zero_part<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    lblk: Lblk,
    part: Range<usize>,
) -> Result<(), FsError> {
    let folio = inode.cache.grab(lblk);
    let mut guard = folio.lock();
    if fill_backed(fs, inode, &mut guard, lblk)? {
        trace::step("zero part of block", || {
            args([
                ("block", lblk.0.into()),
                ("", Value::Range(part.start as u64, part.end as u64)),
            ])
        });
        guard.write(lblk, part.start, &[0; BLOCK_SIZE][part]);
    }
    Ok(())
}

/// Brings a block into the cache if it may hold anything but zeroes; says whether it may. A block
/// over a hole is never made dirty: it would have nowhere to go.
fn fill_backed<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    guard: &mut FolioGuard<'_>,
    lblk: Lblk,
) -> Result<bool, FsError> {
    if guard.is_dirty(lblk) {
        return Ok(true);
    }
    let (mapping, _) = inode.query(lblk);
    match mapping.status_at(lblk) {
        None | Some(Status::Hole) => Ok(false),
        // The blocks of I/O in flight are clean, still unwritten, and hold data.
        Some(_) if guard.is_uptodate(lblk) => Ok(guard.block(lblk).iter().any(|byte| *byte != 0)),
        Some(Status::Written(_)) => {
            guard.fill(lblk, &read::read_block(fs, mapping, lblk)?);
            Ok(true)
        }
        Some(Status::Unwritten(_) | Status::Delayed) => Ok(false),
    }
}
