//! Room in the log: what a transaction takes, and what is left between head and tail.
//!
//! Departs from jbd2 in that a transaction's room is counted exactly, with its descriptor, revoke
//! and commit blocks, where the kernel sets a share of the log aside for them.
//!
//! # Source
//! linux v7.0 fs/jbd2/transaction.c `add_transaction_credits`; include/linux/jbd2.h
//! `jbd2_log_space_left`.

use crate::journal::circular::{Circular, LogBlock, LogRange};
use crate::journal::format::descriptor::TAGS_MAX;
use crate::journal::format::revoke_block::RECORDS_MAX;

/// The log blocks of a transaction that logs `copies` blocks and revokes `revoked`.
pub fn blocks_needed(copies: u32, revoked: u32) -> u32 {
    let descriptors = copies.div_ceil(TAGS_MAX as u32);
    let revoke_blocks = revoked.div_ceil(RECORDS_MAX as u32);
    let commit_block = 1;
    copies
        .saturating_add(descriptors)
        .saturating_add(revoke_blocks)
        .saturating_add(commit_block)
}

/// Where the log ends and how much of it is taken.
#[derive(Debug)]
pub struct LogSpace {
    circular: Circular,
    /// Where the next transaction begins.
    head: LogBlock,
    /// Blocks from the tail to the head.
    used_blocks: u32,
    /// Blocks that may be used at a time: less than the circle has, so that the block after the
    /// newest transaction never belongs to the oldest.
    usable_blocks: u32,
}

impl LogSpace {
    /// An empty log with its head at `head`, of which at most `usable_blocks` are to be used.
    pub fn new(circular: Circular, head: LogBlock, usable_blocks: u32) -> LogSpace {
        debug_assert!(circular.contains(head) && usable_blocks < circular.blocks());
        LogSpace {
            circular,
            head,
            used_blocks: 0,
            usable_blocks,
        }
    }

    /// Where the next transaction begins.
    pub fn head(&self) -> LogBlock {
        self.head
    }

    /// Blocks that can be taken.
    pub fn free_blocks(&self) -> u32 {
        self.usable_blocks - self.used_blocks
    }

    /// The most credits of a transaction: a quarter of the log, as in the kernel, so that one
    /// transaction can run while others wait for their checkpoint.
    pub fn transaction_credits_max(&self) -> u32 {
        self.usable_blocks / 4
    }

    /// Takes blocks at the head.
    ///
    /// # Panics
    /// If there are too few: handles are admitted only where their transaction fits.
    pub fn reserve(&mut self, blocks: u32) -> LogRange {
        assert!(
            blocks <= self.free_blocks(),
            "the log is too short for {blocks} blocks"
        );
        let range = LogRange::new(self.circular, self.head, blocks);
        self.head = self.circular.advance(self.head, blocks);
        self.used_blocks += blocks;
        range
    }

    /// Gives back the oldest blocks.
    pub fn release(&mut self, blocks: u32) {
        debug_assert!(blocks <= self.used_blocks, "released more than was taken");
        self.used_blocks -= blocks;
    }
}
