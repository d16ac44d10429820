//! # Source
//! The ext4-on-iomap series: the end handler is bound for every I/O, because errors can not be
//! foreseen. Catalogue entry D4.
//!
//! # Breaks
//! I24: data could not be written, and the journal goes on although it is mounted to abort.
//!
//! An overwrite gets the end that only ends writeback, so nobody sees to its failure.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Binds the end where there is something to convert or to raise.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.binds_end_bio = |io| io.unwritten || io.end > io.inode.disksize.get();
}
