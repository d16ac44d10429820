//! Buffered writing with delayed allocation.
//!
//! # Source
//! linux v7.0 fs/iomap/buffered-io.c `iomap_file_buffered_write`, `iomap_write_begin`;
//! fs/ext4/inode.c `ext4_da_map_blocks`; include/linux/fs.h `generic_write_sync`.

use crate::cache::FolioGuard;
use crate::device::Device;
use crate::disk::inode::FILE_SIZE_MAX;
use crate::error::FsError;
use crate::extent::status::Cookie;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::protocol::Protocol;
use crate::trace::args;
use crate::units::{BLOCK_SIZE, Lblk};
use crate::zero_partial::End;
use crate::{fsync, read, trace};
use rt::Value;
use rt::sync::Arc;
use std::ops::Range;

/// Writes `bytes` at `offset` into the page cache. Space and quota are reserved, not allocated.
///
/// # Locking
/// Takes: `i_rwsem`, exclusive; under it one folio lock at a time, and at other times
/// `i_data_sem`. No handle: the two chains never nest.
///
/// # Crash
/// Promises nothing: that is fsync's.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooLarge`], [`FsError::Device`]. What was written before the
/// error stays written.
pub fn buffered_write<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Arc<Inode>,
    offset: u64,
    bytes: &[u8],
) -> Result<(), FsError> {
    let end = offset
        .checked_add(bytes.len() as u64)
        .filter(|end| *end <= FILE_SIZE_MAX);
    let end = end.ok_or(FsError::TooLarge)?;
    if bytes.is_empty() {
        return Ok(());
    }
    let _rwsem = inode.i_rwsem.write();
    let size = inode.size.get();
    if end > size {
        P::zero_eof(fs, inode, size, End::Grows)?;
    }
    let blocks = Lblk::containing(offset)..Lblk::round_up(end);
    let mut map = None;
    let mut lblk = blocks.start;
    while lblk < blocks.end {
        let (mapping, cookie) = match map {
            Some((mapping, cookie)) if Mapping::contains(&mapping, lblk) => (mapping, cookie),
            _ => begin(fs, inode, lblk..blocks.end)?,
        };
        let folio = inode.cache.grab(lblk);
        let mut guard = folio.lock();
        // The mapping was looked up before the folio was locked: it holds only while its cookie
        // does.
        if !guard.is_attached() || !inode.is_current(cookie) {
            map = None;
            continue;
        }
        map = Some((mapping, cookie));
        let from = offset.saturating_sub(lblk.offset()) as usize;
        let to = BLOCK_SIZE.min((end - lblk.offset()) as usize);
        let start = (lblk.offset() + from as u64 - offset) as usize;
        let part = &bytes[start..start + (to - from)];
        write_block(fs, &mut guard, mapping, lblk, from, part)?;
        let block_end = lblk.offset() + to as u64;
        if block_end > inode.size.get() {
            inode.size.set(block_end);
        }
        lblk = Lblk(lblk.0 + 1);
    }
    trace::step("write", || args([("", trace::range(&blocks))]));
    Ok(())
}

/// As [`buffered_write`], to a file opened with `O_SYNC` or `O_DSYNC`: what has been written is
/// durable when this returns. The two differ in times only, which this core does not keep.
///
/// # Locking
/// As [`buffered_write`], and after that, holding nothing, as [`fsync::fsync`].
///
/// # Crash
/// Once it has returned without an error, the written bytes survive, and so do the size that they
/// need and all that changed the file's sizes and extents before.
///
/// # Errors
/// As [`buffered_write`], and then nothing is promised; as [`fsync::fsync`].
pub fn synchronous_write<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Arc<Inode>,
    offset: u64,
    bytes: &[u8],
) -> Result<(), FsError> {
    buffered_write(fs, inode, offset, bytes)?;
    if bytes.is_empty() {
        return Ok(());
    }
    let end = offset + bytes.len() as u64;
    fsync::fsync_range(fs, inode, Lblk::containing(offset)..Lblk::round_up(end))?;
    rt::acknowledged("synchronous write", || {
        args([("ino", inode.ino.0.into()), ("", Value::Range(offset, end))])
    });
    Ok(())
}

/// Finds the mapping of the first block of `range`; where there is none, reserves space for as much
/// of `range` as has none and makes it delayed.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive. Takes: `i_data_sem`, shared for looking up, exclusive for
/// reserving, and then looks up again.
fn begin<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<(Mapping, Cookie), FsError> {
    let (mapping, cookie) = inode.query(range.start);
    if mapping.status != Status::Hole {
        return Ok((mapping, cookie));
    }
    let mut data = inode.lock_data();
    let (mapping, cookie) = inode.query_locked(&data, range.start);
    let Some(hole) = mapping.clipped(range).filter(|m| m.status == Status::Hole) else {
        return Ok((mapping, cookie));
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
    Ok((delayed, data.cookie()))
}

fn write_block<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    guard: &mut FolioGuard<'_>,
    mapping: Mapping,
    lblk: Lblk,
    from: usize,
    part: &[u8],
) -> Result<(), FsError> {
    if !guard.is_uptodate(lblk) {
        // What the copy does not cover must be the file's: read, or zeroes.
        let whole = part.len() == BLOCK_SIZE;
        let content = if whole {
            [0; BLOCK_SIZE]
        } else {
            read::read_block(fs, mapping, lblk)?
        };
        guard.fill(lblk, &content);
    }
    guard.write(lblk, from, part);
    Ok(())
}
