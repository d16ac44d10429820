//! Dropping an inode from memory.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_evict_inode`, fs/ext4/super.c `ext4_clear_inode`.

use crate::device::Device;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::protocol::Protocol;
use crate::units::Lblk;
use rt::sync::Arc;

/// Drops the page cache and all that is known about the mapping of a linked file. Its dirty data
/// must have been written.
///
/// The *canary*: with the cache gone, a block that is still delayed was never going to be written,
/// so its reservation has leaked (invariant I2).
///
/// # Locking
/// Requires: that nobody else uses the inode. Takes: folio locks, `i_data_sem`.
pub fn evict<D: Device, P: Protocol>(fs: &Filesystem<D, P>, inode: &Arc<Inode>) {
    for folio in inode.cache.lookup(Lblk(0)..Lblk(u32::MAX)) {
        let mut guard = folio.lock();
        fs.wait_on_writeback(&folio);
        inode.cache.detach(&mut guard);
    }
    let mut data = inode.lock_data();
    let leaked = data.reserved;
    if leaked != 0 {
        rt::finding(
            "I2",
            || {
                format!(
                    "inode {}: no block is reserved once its cache is gone",
                    inode.ino
                )
            },
            || format!("{leaked} blocks are still reserved"),
        );
    }
    let delayed = data.remove_status(Lblk(0)..Lblk(u32::MAX));
    fs.space().release(delayed);
    data.reserved -= delayed;
    data.quota_reserved -= u64::from(delayed);
}
