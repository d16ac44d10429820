//! # Source
//! The direct-I/O thread: `i_disksize` was changed without a handle and without marking the inode
//! dirty. Catalogue entry D32.
//!
//! # Breaks
//! I14: a crash after the commit shows the written blocks and the old size.
//!
//! Sizes are set, and the inode is not written.

use super::extfs::device::Device;
use super::extfs::orphan;
use super::extfs::protocol::Protocol;

/// Raises the sizes in memory only.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.handle_inode_extension = |fs, inode, end, is_whole| {
        let data = inode.lock_data();
        inode.size.set(end.max(inode.size.get()));
        inode.disksize.set(end.max(inode.disksize.get()));
        drop(data);
        let mut handle = fs.start_handle(orphan::CREDITS)?;
        match is_whole {
            true => orphan::del(fs, &mut handle, inode),
            false => Ok(()),
        }
    };
}
