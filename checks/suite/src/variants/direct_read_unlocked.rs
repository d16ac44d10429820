//! # Source
//! Constructed from linux fs/ext4/file.c `ext4_dio_read_iter`, which holds the inode's lock,
//! shared, over the whole read. Section B.7 of the catalogue.
//!
//! # Breaks
//! I21: a read returns what the file never held.
//!
//! The size is taken, and then a truncate comes before the I/O counts as being under way.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Reads without the lock.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_read_lock = |_| None;
}
