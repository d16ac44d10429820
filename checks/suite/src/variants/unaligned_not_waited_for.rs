//! # Source
//! The review of ext4's direct I/O on iomap: unaligned writes wait before as well as after.
//! Catalogue entry D41.
//!
//! # Breaks
//! I20: a write that was acknowledged is gone after a power cut.
//!
//! Nobody waits for an unaligned write under the lock. A write of the whole block is submitted
//! while it is in flight, and the device keeps the older one, with what the block held before
//! around it.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Lets an unaligned write leave before its I/O has ended.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_must_wait = |checks| checks.extends;
}
