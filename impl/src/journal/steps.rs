//! The steps of the journal's protocol, as a table of contents.
//!
//! Every default is one call of the real step. A seeded variant overrides one of them; the journal
//! itself does not know that variants exist.

use crate::device::{Device, DeviceError};
use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::commit::{self, Captured, Commit};
use crate::journal::recovery::revoke::RevokeTable;
use crate::journal::recovery::{self, Reset};
use crate::units::{Block, Pblk, Tid};
use rt::sync::Arc;

/// The steps of commit, checkpoint and recovery, in the order in which they happen.
pub trait JournalSteps: 'static {
    /// What the log gets of a block: its content when the transaction was closed.
    fn frozen_image(captured: &Captured) -> Arc<Block> {
        commit::frozen_image(captured)
    }

    /// Starts to write the ordered data that nobody has submitted.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn submit_ordered_data<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        commit::submit_ordered_data(commit)
    }

    /// Puts the revoke records into the log.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn write_revoke_blocks<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        commit::write_revoke_blocks(commit)
    }

    /// Replaces the magic number at the beginning of a logged block.
    fn escape(image: &Block) -> Option<Block> {
        commit::escape(image)
    }

    /// Waits until ordered data has completed.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn wait_ordered_data<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        commit::wait_ordered_data(commit)
    }

    /// Waits until the log blocks have completed.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn wait_log<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        commit::wait_log(commit)
    }

    /// Makes log blocks and ordered data durable, before the commit block is.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn preflush<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        commit::preflush(commit)
    }

    /// Writes the commit block and waits until it is durable.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn write_commit_block<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
        commit::write_commit_block(commit)
    }

    /// Lets the blocks that the transaction freed be allocated again.
    fn release_freed<D: Device>(commit: &mut Commit<'_, D>) {
        commit::release_freed(commit);
    }

    /// Makes the home locations durable and moves the log's tail past them.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn advance_tail<D: Device>(checkpoint: &mut Checkpoint<'_, D>) -> Result<(), DeviceError> {
        checkpoint::advance_tail(checkpoint)
    }

    /// Whether recovery must pass over a copy because its block was revoked.
    fn is_revoked(table: &RevokeTable, home: Pblk, tid: Tid) -> bool {
        recovery::revoke::is_revoked(table, home, tid)
    }

    /// Makes replayed blocks durable and marks the log empty.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn finish_recovery<D: Device>(reset: &mut Reset<'_, D>) -> Result<(), DeviceError> {
        recovery::finish_recovery(reset)
    }
}

/// The protocol as it should be.
#[derive(Debug)]
pub enum Correct {}

impl JournalSteps for Correct {}
