//! # Source
//! "ext4: update i_disksize if direct write past ondisk size", and the direct-I/O thread. Catalogue
//! entry D38.
//!
//! # Breaks
//! I35: the size is raised without `i_rwsem` held exclusively.
//!
//! A write inside the file does not count as extending it, though the size on disk is smaller. So
//! it runs as an overwrite, under the shared lock, and no orphan record is made. In Linux the size
//! on disk then stays behind; here the end of the I/O notices, without the lock.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Asks only the size in memory.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_extends = |inode, end| end > inode.size.get();
}
