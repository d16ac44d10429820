//! SCAN: reads the log from its tail and finds the committed transactions.
//!
//! The log ends at the first block that does not continue it: no control block, another
//! transaction's number, a wrong checksum, or no block left. Blocks of a transaction whose commit
//! block was not reached do not count.
//!
//! Departs from jbd2 in that a control block with a wrong checksum always ends the log, without
//! consulting the commit time to tell a stale block from a damaged one: both mean that the
//! transaction has no valid commit block. Commit times that go backwards under valid checksums are
//! accepted, as the kernel accepts them: a clock may be set back.
//!
//! # Source
//! linux v6.6 fs/jbd2/recovery.c `do_one_pass`, `PASS_SCAN`.

use super::{LogReader, RecoveryError};
use crate::device::Device;
use crate::journal::circular::LogBlock;
use crate::journal::circular::LogRange;
use crate::journal::format::{BlockType, CommitRecord, Header, Tag, descriptor, revoke_block};
use crate::journal::superblock::JournalSuperblock;
use crate::units::{Pblk, Tid};

/// What SCAN found.
#[derive(Debug)]
pub struct Scan {
    /// The committed transactions, oldest first.
    pub transactions: Vec<LoggedTransaction>,
    /// The number of the first transaction that has no valid commit block.
    pub end: Tid,
}

/// A committed transaction in the log.
#[derive(Debug)]
pub struct LoggedTransaction {
    /// Its number.
    pub tid: Tid,
    /// The blocks logged, in log order.
    pub copies: Vec<LoggedCopy>,
    /// The blocks revoked.
    pub revoked: Vec<Pblk>,
}

/// A copy of a block in the log.
#[derive(Clone, Copy, Debug)]
pub struct LoggedCopy {
    /// Where the copy lies.
    pub at: LogBlock,
    /// What its tag says.
    pub tag: Tag,
}

/// Finds the committed transactions. Reads control blocks only, each block of the log at most once,
/// so neither time nor memory exceeds a multiple of the log's length, whatever it holds.
///
/// # Errors
/// [`RecoveryError::Device`].
pub(super) fn scan<D: Device>(
    reader: &LogReader<'_, D>,
    superblock: &JournalSuperblock,
) -> Result<Scan, RecoveryError> {
    let seed = superblock.seed();
    let start = LogBlock(superblock.start);
    // One lap: a log that leads further back than its own tail is not a log.
    let mut range = LogRange::new(reader.circular, start, reader.circular.blocks());
    let mut scan = Scan {
        transactions: Vec::new(),
        end: superblock.sequence,
    };
    let mut open = LoggedTransaction::new(scan.end);
    while range.left() > 0 {
        let block = reader.read(range.take())?;
        let Some(header) = Header::decode(&block).filter(|header| header.tid == scan.end) else {
            break;
        };
        match header.block_type {
            BlockType::Descriptor => {
                let Ok((_, tags)) = descriptor::decode(&block, seed) else {
                    break;
                };
                if tags.len() > range.left() as usize {
                    break;
                }
                open.copies.extend(tags.into_iter().map(|tag| LoggedCopy {
                    at: range.take(),
                    tag,
                }));
            }
            BlockType::Revoke => {
                let Ok((_, revoked)) = revoke_block::decode(&block, seed) else {
                    break;
                };
                open.revoked.extend(revoked);
            }
            BlockType::Commit => {
                if CommitRecord::decode(&block, seed).is_err() {
                    break;
                }
                scan.end = scan.end.next();
                let next = LoggedTransaction::new(scan.end);
                scan.transactions.push(std::mem::replace(&mut open, next));
            }
            BlockType::SuperblockV1 | BlockType::SuperblockV2 => break,
        }
    }
    Ok(scan)
}

impl LoggedTransaction {
    fn new(tid: Tid) -> LoggedTransaction {
        LoggedTransaction {
            tid,
            copies: Vec::new(),
            revoked: Vec::new(),
        }
    }
}
