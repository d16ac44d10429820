//! # Source
//! The ext4-on-iomap series v4: the completion clips the size to `i_size`, as xfs does. Section B.3
//! of the catalogue.
//!
//! # Breaks
//! I9: the size on disk is larger than the size.
//!
//! A truncate has moved the end while the I/O was in flight, and its end moves it back on disk.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Raises to where the I/O ended.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.update_disksize = |fs, handle, inode, end| {
        let data = inode.lock_data();
        if end > inode.disksize.get() {
            inode.disksize.set(end);
        }
        fs.mark_inode_dirty(handle, inode, &data)
    };
}
