//! # Source
//! linux fs/jbd2/journal.c `jbd2_journal_release_jbd_inode`, which fs/ext4/super.c
//! `ext4_clear_inode` calls for every inode that goes. Of the family of catalogue entry D13: an
//! inode goes while somebody works on its I/O.
//!
//! # Breaks
//! I33: the inode is gone, and a transaction has its data ordered.
//!
//! An inode is deleted without being taken out of the transaction that has its ordered data.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Lets the inode go at once.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.release_jbd_inode = |_| {};
}
