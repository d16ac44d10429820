//! # Source
//! The direct-I/O thread: the reviewers insist that the record comes before blocks and sizes.
//! Catalogue entry D33, with the record not only late but missing.
//!
//! # Breaks
//! I14: a crash after the allocation leaves written blocks past the end.
//!
//! The file is not put on the orphan list before blocks beyond its end are allocated.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Extends a file without an orphan record.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_orphan_add = |_, _| Ok(());
}
