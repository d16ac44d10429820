//! Dropping clean folios, so that the cache does not hide what direct I/O writes.
//!
//! # Source
//! linux v7.0 mm/truncate.c `invalidate_inode_pages2_range`, which fails where a folio is dirty.

use crate::device::Device;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::trace::{self, args};
use crate::units::Lblk;
use std::ops::Range;

/// A folio was dirty, so it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a folio of the range is dirty")]
pub struct StillDirty;

/// Drops the folios that touch a range of blocks, each once it is not under writeback.
///
/// # Locking
/// Takes: one folio lock at a time, and waits for writeback under it.
///
/// # Errors
/// [`StillDirty`] if a folio holds what the disk does not; the others have been dropped.
pub fn invalidate_folios<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    blocks: Range<Lblk>,
) -> Result<(), StillDirty> {
    let mut outcome = Ok(());
    for folio in inode.cache.lookup(blocks) {
        let mut guard = folio.lock();
        fs.wait_on_writeback(&folio);
        if !guard.is_attached() {
            continue;
        }
        let range = folio.range();
        if guard.has_dirty() {
            trace::step("folio stays dirty", || args([("", trace::range(&range))]));
            outcome = Err(StillDirty);
        } else {
            trace::step("drop folio", || args([("", trace::range(&range))]));
            inode.cache.detach(&mut guard);
        }
    }
    outcome
}

/// After a direct write: drops what was read into the cache while it was under way. That happens
/// after unwritten blocks have been converted, or a reader could bring their zeroes in again. A
/// dirty folio stays: what was stored in it is newer, or raced with the write.
///
/// # Locking
/// As [`invalidate_folios`].
pub fn invalidate_after<D: Device>(fs: &Filesystem<D>, inode: &Inode, blocks: Range<Lblk>) {
    if invalidate_folios(fs, inode, blocks).is_err() {
        trace::step("cache and disk differ", || {
            args([("ino", inode.ino.0.into())])
        });
    }
}
