//! Positions in the log, which is a circle: after its last block comes its first.
//!
//! Departs from jbd2 in that a position is a type of its own, always inside the circle once it
//! went through [`Circular::contains`] or came from [`Circular::advance`].
//!
//! # Source
//! linux v7.0 fs/jbd2/recovery.c `wrap`, fs/jbd2/journal.c `jbd2_journal_next_log_block`.

use std::fmt;

/// A block of the journal, counted from its superblock, which is 0 and no part of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogBlock(pub u32);

impl fmt::Display for LogBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The circle of blocks that the log runs through: `first..end`, at least one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circular {
    first: u32,
    end: u32,
}

impl Circular {
    /// The circle `first..end`.
    ///
    /// # Panics
    /// If it is empty: a decoded journal superblock never says so.
    pub fn new(first: u32, end: u32) -> Circular {
        assert!(first < end, "the log {first}..{end} is empty");
        Circular { first, end }
    }

    /// The first block of the circle.
    pub fn first(self) -> LogBlock {
        LogBlock(self.first)
    }

    /// The number of blocks, at least 1.
    pub fn blocks(self) -> u32 {
        self.end - self.first
    }

    /// Whether a block lies on the circle.
    pub fn contains(self, block: LogBlock) -> bool {
        (self.first..self.end).contains(&block.0)
    }

    /// The block that lies `blocks` steps after `from`.
    pub fn advance(self, from: LogBlock, blocks: u32) -> LogBlock {
        debug_assert!(self.contains(from), "block {from} is outside the log");
        let offset = u64::from(from.0 - self.first) + u64::from(blocks);
        LogBlock(self.first + (offset % u64::from(self.blocks())) as u32)
    }
}

/// Consecutive blocks of the log, handed out one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRange {
    circular: Circular,
    next: LogBlock,
    left: u32,
}

impl LogRange {
    /// The `blocks` blocks from `start` on.
    pub fn new(circular: Circular, start: LogBlock, blocks: u32) -> LogRange {
        LogRange {
            circular,
            next: start,
            left: blocks,
        }
    }

    /// The next block, which is then taken.
    ///
    /// # Panics
    /// If all blocks are taken: whoever reserved the range miscounted.
    pub fn take(&mut self) -> LogBlock {
        assert!(self.left > 0, "more log blocks taken than reserved");
        let block = self.next;
        self.next = self.circular.advance(block, 1);
        self.left -= 1;
        block
    }

    /// The block that [`LogRange::take`] would give next, or the one after the range.
    pub fn next(&self) -> LogBlock {
        self.next
    }

    /// How many blocks are not taken yet.
    pub fn left(&self) -> u32 {
        self.left
    }
}
