//! REVOKE: collects the highest transaction that revoked each block.
//!
//! # Source
//! linux v6.6 fs/jbd2/revoke.c `jbd2_journal_set_revoke`, `jbd2_journal_test_revoke`.

use super::scan::Scan;
use crate::units::{Pblk, Tid};
use std::collections::BTreeMap;

/// The last transaction in the log that revoked a block.
#[derive(Debug, Default)]
pub struct RevokeTable {
    last: BTreeMap<Pblk, Tid>,
}

impl RevokeTable {
    /// How many blocks are revoked.
    pub fn blocks(&self) -> usize {
        self.last.len()
    }

    /// The last transaction that revoked a block, if one did.
    pub fn last(&self, home: Pblk) -> Option<Tid> {
        self.last.get(&home).copied()
    }
}

/// Collects the revocations of all committed transactions.
pub(super) fn collect(scan: &Scan) -> RevokeTable {
    let mut table = RevokeTable::default();
    // Oldest first, so that the last transaction stays.
    for transaction in &scan.transactions {
        for &home in &transaction.revoked {
            table.last.insert(home, transaction.tid);
        }
    }
    table
}

/// Whether a copy logged by transaction `tid` must not be replayed: its block was revoked by the
/// same transaction or a later one.
pub fn is_revoked(table: &RevokeTable, home: Pblk, tid: Tid) -> bool {
    table
        .last(home)
        .is_some_and(|revoked| revoked.is_at_or_after(tid))
}
