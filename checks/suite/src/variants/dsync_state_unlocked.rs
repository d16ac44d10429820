//! # Source
//! Constructed from linux fs/ext4/inode.c `ext4_inode_datasync_dirty` and `ext4_set_iomap`, where
//! the transaction and the size are asked one after the other. Section B.7 of the catalogue.
//!
//! # Breaks
//! I20: what a write with O_DSYNC has written is beyond the end after a power cut.
//!
//! No transaction is waiting when that is asked; then the end of an append raises the size on disk
//! in one; and then the size covers the write.

use super::extfs::device::Device;
use super::extfs::fsync::Sync;
use super::extfs::protocol::Protocol;

/// Asks both without i_data_sem.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.iomap_is_dirty = |fs, inode, end| {
        let waits = inode
            .sync_tid(Sync::Data)
            .is_some_and(|tid| !fs.journal().committed().is_at_or_after(tid));
        waits || end > inode.disksize.get()
    };
}
