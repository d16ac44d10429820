//! # Source
//! Constructed from the rule of ordered data: data durable before the commit block. Catalogue entry
//! D66.
//!
//! # Breaks
//! I22: a crash after the commit shows what the new blocks held before.
//!
//! The commit writes none of the data that nobody else has submitted, and finds nothing to wait
//! for.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Leaves ordered data to writeback.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.submit_ordered_data = |_| Ok(());
}
