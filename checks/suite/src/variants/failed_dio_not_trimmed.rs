//! # Source
//! The direct-I/O thread: an error of the conversion returned before the truncate. Catalogue entry
//! D42.
//!
//! # Breaks
//! I17: what was mapped and not written stays, and so does the orphan record.
//!
//! A write that was not whole is not cleaned up after. What makes it so here is a short copy.

use super::extfs::device::Device;
use super::extfs::direct;
use super::extfs::protocol::Protocol;

/// Returns early where the direct write did not end well.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.inode_extension_cleanup = |fs, inode, is_whole| {
        if !is_whole {
            return Ok(());
        }
        direct::extension::cleanup(fs, inode, is_whole)
    };
}
