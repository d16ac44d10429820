//! # Source
//! The thread on ext4's writeback path on iomap: which I/O may be completed in place. Of the family
//! of catalogue entry D4.
//!
//! # Breaks
//! I20: what fsync promised reads as zeroes, because its blocks were never converted.
//!
//! An I/O inside the size on disk is taken for an overwrite, though its blocks are unwritten.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Asks only whether the I/O extends the file.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.ends_in_interrupt = |_, ioend| ioend.end <= ioend.inode.disksize.get();
}
