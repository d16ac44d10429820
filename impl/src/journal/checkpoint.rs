//! Checkpoint: writes logged blocks to their homes, so that the log can be used again.
//!
//! What is written is what committed transactions logged, and of several copies the newest; never
//! a buffer's content as it is now, which may belong to the running transaction.
//!
//! Departs from jbd2 in that a checkpoint covers every committed transaction, leaves the log empty,
//! and excludes commits while it runs.
//!
//! # Crash
//! Until the tail moves, recovery replays what is being written, and writes the same. The tail
//! moves only after a flush has made every home location durable.
//!
//! # Source
//! linux v7.0 fs/jbd2/checkpoint.c `jbd2_log_do_checkpoint`, `jbd2_cleanup_journal_tail`;
//! fs/jbd2/journal.c `jbd2_journal_flush`.

use crate::device::{Device, DeviceError, Durability};
use crate::journal::commit::Commit;
use crate::journal::handle::arg;
use crate::journal::log::{self, Log};
use crate::journal::tail::LogTail;
use crate::units::{Block, Pblk, Tid};
use rt::Args;
use rt::sync::Arc;
use std::collections::BTreeMap;

/// A committed transaction that recovery would still replay.
#[derive(Debug)]
pub struct CheckpointTransaction {
    /// The log blocks that it takes.
    pub log_blocks: u32,
    /// What it logged, without what later transactions revoked.
    pub images: BTreeMap<Pblk, Arc<Block>>,
}

/// The transactions that await their checkpoint, oldest first.
#[derive(Debug, Default)]
pub struct CheckpointList {
    transactions: Vec<CheckpointTransaction>,
}

impl CheckpointList {
    /// Adds a transaction that has just committed. Older contents of the blocks that it revokes
    /// are dropped: writing them home would hit the block's next owner.
    pub(super) fn add<D: Device>(&mut self, commit: &Commit<'_, D>) {
        for transaction in &mut self.transactions {
            for home in commit.revoked() {
                transaction.images.remove(home);
            }
        }
        self.transactions.push(CheckpointTransaction {
            log_blocks: commit.blocks(),
            images: commit.images().collect(),
        });
    }

    /// The log blocks that all transactions take.
    pub(super) fn log_blocks(&self) -> u32 {
        self.transactions
            .iter()
            .map(|transaction| transaction.log_blocks)
            .sum()
    }

    /// The newest content of every block.
    pub(super) fn newest(&self) -> BTreeMap<Pblk, Arc<Block>> {
        let mut newest = BTreeMap::new();
        for transaction in &self.transactions {
            let images = transaction.images.iter();
            newest.extend(images.map(|(home, image)| (*home, Arc::clone(image))));
        }
        newest
    }

    /// Forgets all transactions: the tail has passed them.
    pub(super) fn clear(&mut self) {
        self.transactions.clear();
    }
}

/// A checkpoint of every committed transaction.
pub struct Checkpoint<'a, D> {
    log: &'a Log<D>,
    tail: &'a mut LogTail,
    images: BTreeMap<Pblk, Arc<Block>>,
    /// The transaction that the log will begin with.
    next: Tid,
}

impl<'a, D: Device> Checkpoint<'a, D> {
    pub(super) fn new(
        log: &'a Log<D>,
        tail: &'a mut LogTail,
        list: &CheckpointList,
        next: Tid,
    ) -> Checkpoint<'a, D> {
        Checkpoint {
            log,
            tail,
            images: list.newest(),
            next,
        }
    }

    /// Makes the home locations durable.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn flush_home(&mut self) -> Result<(), DeviceError> {
        rt::step("checkpoint flush", || {
            Args::new(&[arg("next", self.next.0)])
        });
        self.log.flush()
    }

    /// Moves the tail past all committed transactions.
    ///
    /// # Errors
    /// [`DeviceError`].
    ///
    /// # Crash
    /// Recovery will not find these transactions any more.
    pub fn write_tail(&mut self) -> Result<(), DeviceError> {
        rt::step("update log tail", || Args::new(&[arg("next", self.next.0)]));
        self.tail.mark_empty(self.log, self.next)
    }
}

/// Writes every block to its home, and waits.
///
/// # Errors
/// [`DeviceError`]; then the homes may hold old or new contents.
///
/// # Crash
/// Any of the homes may hold its old or its new content.
pub fn write_home<D: Device>(checkpoint: &mut Checkpoint<'_, D>) -> Result<(), DeviceError> {
    rt::step("checkpoint", || {
        Args::new(&[
            arg("blocks", checkpoint.images.len()),
            arg("next", checkpoint.next.0),
        ])
    });
    let device = &*checkpoint.log.device;
    let mut submitted = Vec::with_capacity(checkpoint.images.len());
    let mut outcome = Ok(());
    for (&home, image) in &checkpoint.images {
        match device.submit(home, image, Durability::Volatile) {
            Ok(ticket) => submitted.push(ticket),
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    outcome.and(log::complete_all(device, submitted))
}

/// Makes the home locations durable, then moves the tail past them.
///
/// # Errors
/// [`DeviceError`]; then the tail may not have moved.
pub fn advance_tail<D: Device>(checkpoint: &mut Checkpoint<'_, D>) -> Result<(), DeviceError> {
    checkpoint.flush_home()?;
    checkpoint.write_tail()
}
