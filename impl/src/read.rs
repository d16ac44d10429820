//! Reading a file.

use crate::device::Device;
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::lock::ReadGuard;
use crate::units::{BLOCK_SIZE, Block, Lblk};
use rt::sync::Arc;

/// Reads up to `len` bytes from `offset` on; fewer at the end of the file.
///
/// # Locking
/// Takes: `invalidate_lock`, shared, and one folio lock at a time.
///
/// # Errors
/// [`FsError::Device`].
pub fn read<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, FsError> {
    let _invalidate = (fs.protocol.page_fill_lock)(inode);
    let end = offset.saturating_add(len as u64).min(inode.size.get());
    let mut bytes = Vec::new();
    let mut at = offset;
    while at < end {
        let lblk = Lblk::containing(at);
        let folio = inode.cache.grab(lblk);
        let mut guard = folio.lock();
        if !guard.is_attached() {
            continue;
        }
        if !guard.is_uptodate(lblk) {
            let (mapping, _) = inode.query(lblk);
            guard.fill(lblk, &read_block(fs, mapping, lblk)?);
        }
        let from = (at % BLOCK_SIZE as u64) as usize;
        let to = BLOCK_SIZE.min(from + (end - at) as usize);
        bytes.extend_from_slice(&guard.block(lblk)[from..to]);
        at += (to - from) as u64;
    }
    Ok(bytes)
}

/// Sees to it that nobody removes a block between its look-up and the moment when it is in the
/// cache, after the cache has been emptied of it.
///
/// # Locking
/// Takes: `invalidate_lock`, shared.
///
/// # Source
/// linux v7.0 mm/filemap.c `filemap_fault`, `filemap_create_folio`.
pub fn lock_to_fill(inode: &Inode) -> Option<ReadGuard<'_, ()>> {
    Some(inode.invalidate_lock.read())
}

/// What a mapping says that a block holds: what is on disk, or zeroes.
///
/// # Errors
/// [`FsError::Device`].
pub fn read_block<D: Device>(
    fs: &Filesystem<D>,
    mapping: Mapping,
    lblk: Lblk,
) -> Result<Block, FsError> {
    let mut block = [0; BLOCK_SIZE];
    if let Some(Status::Written(pblk)) = mapping.status_at(lblk) {
        fs.device().read(pblk, &mut block)?;
    }
    Ok(block)
}
