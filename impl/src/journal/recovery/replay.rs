//! REPLAY: writes the newest copy of every block that is not revoked to its home.
//!
//! # Source
//! linux v6.6 fs/jbd2/recovery.c `do_one_pass`, `PASS_REPLAY`.

use super::revoke::RevokeTable;
use super::scan::{LoggedCopy, Scan};
use super::{LogReader, RecoveryError};
use crate::device::{Device, Durability};
use crate::disk::checksum::JournalSeed;
use crate::journal::format::escape;
use crate::journal::steps::JournalSteps;
use crate::units::{Pblk, Tid};
use std::collections::BTreeMap;

/// What is to be replayed.
#[derive(Debug)]
pub(super) struct Plan {
    /// By home: the transaction of the newest copy, and the copy.
    newest: BTreeMap<Pblk, (Tid, LoggedCopy)>,
    pub(super) copies_revoked: u32,
}

/// Picks the newest copy of every block.
///
/// # Errors
/// [`RecoveryError::NotAHome`], before anything is written.
pub(super) fn plan<D: Device>(
    reader: &LogReader<'_, D>,
    scan: &Scan,
    revoked: &RevokeTable,
    steps: &JournalSteps<D>,
) -> Result<Plan, RecoveryError> {
    let mut plan = Plan {
        newest: BTreeMap::new(),
        copies_revoked: 0,
    };
    for transaction in &scan.transactions {
        let tid = transaction.tid;
        for copy in &transaction.copies {
            let home = copy.tag.home;
            if (steps.is_revoked)(revoked, home, tid) {
                plan.copies_revoked += 1;
                continue;
            }
            if home.0 >= reader.device.blocks() || reader.location.contains(home) {
                return Err(RecoveryError::NotAHome { tid, home });
            }
            plan.newest.insert(home, (tid, *copy));
        }
    }
    Ok(plan)
}

/// Writes the copies to their homes, and returns how many there were.
///
/// # Errors
/// [`RecoveryError::DamagedCopy`], [`RecoveryError::Device`].
///
/// # Crash
/// Any of the homes may have been written, and none is durable: that takes a flush.
pub(super) fn write_homes<D: Device>(
    reader: &LogReader<'_, D>,
    plan: &Plan,
    seed: JournalSeed,
) -> Result<u32, RecoveryError> {
    for (&home, &(tid, copy)) in &plan.newest {
        let mut block = reader.read(copy.at)?;
        if seed.logged_block(tid, &block) != copy.tag.checksum {
            return Err(RecoveryError::DamagedCopy { tid, home });
        }
        if copy.tag.escaped {
            escape::unescape(&mut block);
        }
        reader.device.write(home, &block, Durability::Volatile)?;
    }
    Ok(plan.newest.len() as u32)
}
