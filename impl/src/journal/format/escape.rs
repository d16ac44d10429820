//! Escaping: a logged block that begins with the journal's magic number would pass for a control
//! block, so the log keeps zeroes in those 4 bytes, and the block's tag says so.
//!
//! # Source
//! linux v7.0 fs/jbd2/journal.c `jbd2_journal_write_metadata_buffer`.

use crate::disk::bytes::{be32, put_be32};
use crate::journal::superblock::MAGIC;
use crate::units::Block;

/// The block as the log must hold it, or `None` if it can be logged as it is.
pub fn escape(block: &Block) -> Option<Block> {
    if be32(block, 0) != MAGIC {
        return None;
    }
    let mut escaped = *block;
    put_be32(&mut escaped, 0, 0);
    Some(escaped)
}

/// Puts back what [`escape`] took out.
pub fn unescape(block: &mut Block) {
    put_be32(block, 0, MAGIC);
}
