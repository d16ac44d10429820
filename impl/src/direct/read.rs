//! Direct reading.
//!
//! # Source
//! linux v7.0 fs/ext4/file.c `ext4_dio_read_iter`; fs/iomap/direct-io.c `iomap_dio_iter`. Only
//! reads that are waited for.

use crate::device::Device;
use crate::error::FsError;
use crate::extent::Status;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::lock::ReadGuard;
use crate::trace::{self, args};
use crate::units::{BLOCK_SIZE, Lblk};
use crate::{fsync, read};
use rt::sync::Arc;
use std::ops::Range;

/// Reads up to `len` bytes from `offset` on, from the device; fewer at the end of the file.
///
/// # Locking
/// Takes: `i_rwsem`, shared; under it what writeback takes, and then `i_dio_count`.
///
/// # Errors
/// [`FsError::RacedWithStore`], [`FsError::Device`], and what writing the range back fails with.
pub fn direct_read<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, FsError> {
    let _rwsem = (fs.protocol.dio_read_lock)(inode);
    let end = offset.saturating_add(len as u64).min(inode.size.get());
    if offset >= end {
        return Ok(Vec::new());
    }
    let blocks = Lblk::containing(offset)..Lblk::round_up(end);
    fsync::write_and_wait(fs, inode, blocks.clone())?;
    inode.dio_count.begin();
    let outcome = read_blocks(fs, inode, blocks.clone());
    trace::step("direct read", || args([("", trace::range(&blocks))]));
    inode.dio_count.end();
    let bytes = outcome?;
    let start = (offset - blocks.start.offset()) as usize;
    Ok(bytes[start..start + (end - offset) as usize].to_vec())
}

/// Sees to it that nobody changes the size, or frees a block, under a read.
///
/// # Locking
/// Takes: `i_rwsem`, shared.
pub fn lock_for_read(inode: &Inode) -> Option<ReadGuard<'_, ()>> {
    Some(inode.i_rwsem.read())
}

fn read_blocks<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    blocks: Range<Lblk>,
) -> Result<Vec<u8>, FsError> {
    let mut bytes = Vec::with_capacity((blocks.end.0 - blocks.start.0) as usize * BLOCK_SIZE);
    let mut lblk = blocks.start;
    while lblk < blocks.end {
        let (mapping, _) = inode.query(lblk);
        if mapping.status == Status::Delayed {
            // The range was written back: a store has dirtied it since.
            return Err(FsError::RacedWithStore);
        }
        let end = mapping.end().min(blocks.end);
        for lblk in (lblk.0..end.0).map(Lblk) {
            bytes.extend_from_slice(&read::read_block(fs, mapping, lblk)?);
        }
        lblk = end;
    }
    Ok(bytes)
}
