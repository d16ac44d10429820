//! # Source
//! "ext4: protect i_disksize update by i_data_sem in direct write path". Catalogue entry D39.
//!
//! # Breaks
//! I10: the size on disk goes back below what writeback had raised it to.
//!
//! The size on disk is read first and set later; writeback raises it in between.

use super::extfs::allocate;
use super::extfs::device::Device;
use super::extfs::orphan;
use super::extfs::protocol::Protocol;
use super::extfs::trace::{self, args};

/// Compares the size on disk before it takes `i_data_sem`.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.handle_inode_extension = |fs, inode, end, is_whole| {
        let is_larger = end > inode.disksize.get();
        let mut handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
        let data = inode.lock_data();
        trace::step("raise i_disksize and i_size", || args([("to", end.into())]));
        inode.size.set(end.max(inode.size.get()));
        if is_larger {
            inode.disksize.set(end);
        }
        fs.mark_inode_dirty(&mut handle, inode, &data)?;
        drop(data);
        match is_whole {
            true => orphan::del(fs, &mut handle, inode),
            false => Ok(()),
        }
    };
}
