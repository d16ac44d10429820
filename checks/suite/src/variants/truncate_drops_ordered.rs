//! # Source
//! linux fs/jbd2/transaction.c, `jbd2_journal_begin_ordered_truncate`, and the setattr path that
//! calls it: section B.4 of the catalogue.
//!
//! # Breaks
//! I22: a crash shows, in a file that the truncate has not reached yet, what its block held before.
//!
//! The truncate drops a folio that the committing transaction has promised to write.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;

/// Drops folios without writing them out.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.begin_ordered_truncate = |_, _, _, _| {};
}
