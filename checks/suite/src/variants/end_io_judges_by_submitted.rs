//! # Source
//! The review of v4 of the direct-I/O series: `end_io` is told the submitted size, and more may be
//! mapped. Catalogue entry D36.
//!
//! # Breaks
//! I14: the orphan record goes with the size; a crash before the trim leaves a written block past
//! the end.
//!
//! Whatever was submitted counts as the whole write.

use super::extfs::device::Device;
use super::extfs::direct;
use super::extfs::protocol::Protocol;

/// Takes what was submitted for what was mapped.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.handle_inode_extension =
        |fs, inode, end, _is_whole| direct::extension::handle_inode_extension(fs, inode, end, true);
}
