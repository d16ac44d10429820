//! # Source
//! The review of v4 of the direct-I/O series: "blocks beyond EOF will be reused by buffered I/O"
//! was withdrawn for this. Catalogue entry D37.
//!
//! # Breaks
//! I14: a crash before the buffered rest leaves a written block past the end, off the orphan list.
//!
//! A short write counts as whole, so nothing is freed, and the file leaves the orphan list.

use super::extfs::device::Device;
use super::extfs::direct;
use super::extfs::protocol::Protocol;

/// Leaves what a short direct write has mapped to the buffered rest.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.inode_extension_cleanup = |fs, inode, _| direct::extension::cleanup(fs, inode, true);
}
