//! # Source
//! Constructed from the rule of ordered data: data durable before the commit block. Catalogue entry
//! D66.
//!
//! # Breaks
//! I22: a crash after the commit shows what the new blocks held before.
//!
//! The data has been submitted, but the commit block does not wait for it.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Does not wait for ordered data.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.journal.wait_ordered_data = |_| Ok(());
}
