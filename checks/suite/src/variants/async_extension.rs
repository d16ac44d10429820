//! # Source
//! The review of v4 of the direct-I/O series: `EIOCBQUEUED` for an extending write. Catalogue entry
//! D40.
//!
//! # Breaks
//! I35: sizes and orphan list change without `i_rwsem`.
//!
//! Nobody waits for an extending write under the lock.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Lets an extending write leave before its I/O has ended.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_must_wait = |checks| checks.unaligned;
}
