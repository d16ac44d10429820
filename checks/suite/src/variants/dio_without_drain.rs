//! # Source
//! The review of ext4's direct I/O on iomap: unaligned writes wait before as well as after.
//! Catalogue entry D41.
//!
//! # Breaks
//! I21: the zeroes around an unaligned write replace what was in flight to the same block.
//!
//! The block is unwritten until the first write has ended, so the second takes it for zeroes.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Does not wait for direct I/O before an unaligned write.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_drain_before = |_, _, _| {};
}
