//! # Source
//! "iomap that extends beyond EOF should be marked dirty". Catalogue entry D46.
//!
//! # Breaks
//! I20: the block reads as zeroes, because its conversion does not survive.
//!
//! A synchronous direct write to blocks that are there already forces no commit, whatever of the
//! file waits for one.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Takes every map for clean.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.iomap_is_dirty = |_, _, _| false;
}
