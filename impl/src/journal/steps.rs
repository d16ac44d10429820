//! The steps of the journal's protocol, as a table of contents.
//!
//! A seeded variant replaces one of them; the journal itself does not know that variants exist.

use crate::device::{Device, DeviceError};
use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::commit::{self, Captured, Commit};
use crate::journal::recovery::revoke::RevokeTable;
use crate::journal::recovery::{self, Reset};
use crate::units::{Block, Pblk, Tid};
use rt::sync::Arc;

/// The steps of commit, checkpoint and recovery, in the order in which they happen.
pub struct JournalSteps<D: Device> {
    /// What the log gets of a block: its content when the transaction was closed.
    pub frozen_image: fn(&Captured) -> Arc<Block>,

    /// Starts to write the ordered data that nobody has submitted.
    pub submit_ordered_data: fn(&mut Commit<'_, D>) -> Result<(), DeviceError>,

    /// Puts the revoke records into the log.
    pub write_revoke_blocks: fn(&mut Commit<'_, D>) -> Result<(), DeviceError>,

    /// Replaces the magic number at the beginning of a logged block.
    pub escape: fn(&Block) -> Option<Block>,

    /// Waits until ordered data has completed.
    pub wait_ordered_data: fn(&mut Commit<'_, D>) -> Result<(), DeviceError>,

    /// Waits until the log blocks have completed.
    pub wait_log: fn(&mut Commit<'_, D>) -> Result<(), DeviceError>,

    /// Makes log blocks and ordered data durable, before the commit block is.
    pub preflush: fn(&mut Commit<'_, D>) -> Result<(), DeviceError>,

    /// Whether the journal has been aborted, so that no commit block may be written.
    pub is_aborted: fn(&Commit<'_, D>) -> bool,

    /// Writes the commit block and waits until it is durable.
    pub write_commit_block: fn(&mut Commit<'_, D>) -> Result<(), DeviceError>,

    /// Lets the blocks that the transaction freed be allocated again.
    pub release_freed: fn(&mut Commit<'_, D>),

    /// Writes what has been committed to its home locations, and waits.
    pub write_home: fn(&mut Checkpoint<'_, D>) -> Result<(), DeviceError>,

    /// Makes the home locations durable and moves the log's tail past them.
    pub advance_tail: fn(&mut Checkpoint<'_, D>) -> Result<(), DeviceError>,

    /// Whether recovery must pass over a copy because its block was revoked.
    pub is_revoked: fn(&RevokeTable, Pblk, Tid) -> bool,

    /// Makes replayed blocks durable and marks the log empty.
    pub finish_recovery: fn(&mut Reset<'_, D>) -> Result<(), DeviceError>,
}

impl<D: Device> JournalSteps<D> {
    /// The protocol as it should be.
    pub const fn correct() -> JournalSteps<D> {
        JournalSteps {
            frozen_image: commit::frozen_image,
            submit_ordered_data: commit::submit_ordered_data,
            write_revoke_blocks: commit::write_revoke_blocks,
            escape: commit::escape,
            wait_ordered_data: commit::wait_ordered_data,
            wait_log: commit::wait_log,
            preflush: commit::preflush,
            is_aborted: commit::is_aborted,
            write_commit_block: commit::write_commit_block,
            release_freed: commit::release_freed,
            write_home: checkpoint::write_home,
            advance_tail: checkpoint::advance_tail,
            is_revoked: recovery::revoke::is_revoked,
            finish_recovery: recovery::finish_recovery,
        }
    }
}

impl<D: Device> Clone for JournalSteps<D> {
    fn clone(&self) -> JournalSteps<D> {
        *self
    }
}

impl<D: Device> Copy for JournalSteps<D> {}
