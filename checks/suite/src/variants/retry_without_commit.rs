//! # Source
//! The review of ext4's writeback path on iomap: what to do when a delayed block finds no space.
//! linux v7.0 fs/ext4/inode.c `ext4_do_writepages`, which commits and tries again.
//!
//! # Breaks
//! I36: what a reservation has promised fails in writeback.
//!
//! Writeback that finds no space gives up, although blocks are free that only await a commit.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Never asks for a commit.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.should_retry_alloc = |_| false;
}
