//! # Source
//! The thread on ext4's writeback path on iomap: the order of folio lock and handle is reversed.
//! Catalogue entry D90, seen from the other design.
//!
//! # Breaks
//! I34: writeback and a commit wait for each other through this.
//!
//! The iomap path's order, in a file that is written back in the other.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use super::extfs::zero_partial;

/// Starts a handle with the folio locked.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.zero_eof = |fs, inode, size, end| {
        let folio = inode.cache.grab(Lblk::containing(size));
        let guard = folio.lock();
        fs.start_handle(1)?.stop();
        drop(guard);
        zero_partial::zero_eof(fs, inode, size, end)
    };
}
