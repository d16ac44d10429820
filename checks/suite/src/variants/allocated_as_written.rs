//! # Source
//! The rule that the ext4-on-iomap series follows: without ordered data, always unwritten.
//! Catalogue entry D44, in writeback.
//!
//! # Breaks
//! I22: a crash between the commit and the I/O shows what the block held before.
//!
//! Writeback marks what it has allocated as written at once; the size on disk may cover it already.

use super::extfs::allocate;
use super::extfs::completion;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::writeback;

/// Converts before the I/O.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.map_one_extent = |fs, inode, range| {
        let (mapping, _) = writeback::map_one_extent(fs, inode, range)?;
        let mut handle = fs.start_handle(allocate::CREDITS)?;
        let blocks = mapping.start..mapping.end();
        completion::convert_unwritten(fs, &mut handle, inode, blocks)?;
        completion::update_disksize(fs, &mut handle, inode, 0)?;
        Ok(inode.query(mapping.start))
    };
}
