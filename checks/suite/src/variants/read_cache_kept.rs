//! # Source
//! "ext4: fix data corruption when extending direct I/O writes race with buffered reads". Catalogue
//! entry D49.
//!
//! # Breaks
//! I21: a read after the write shows what was there before it.
//!
//! A read brings a block into the cache while the write to it is on its way, and nobody drops it.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Does not drop what was read meanwhile.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_invalidate_after = |_, _, _| {};
}
