//! An ioend: a batch of contiguous blocks that are written, and complete, together.

use crate::cache::Folio;
use crate::device::{DeviceError, Ticket};
use crate::inode::Inode;
use crate::units::{Block, Lblk, Pblk};
use rt::sync::Arc;
use std::fmt;
use std::ops::Range;

/// A batch of writeback I/O.
pub struct Ioend {
    /// Whose data it writes.
    pub inode: Arc<Inode>,
    /// The blocks of the file.
    pub blocks: Range<Lblk>,
    /// Where they go.
    pub pblk: Pblk,
    /// Whether they are unwritten, so that completion must convert them.
    pub unwritten: bool,
    /// The end of the data in bytes: the end of the blocks, but no further than the end of the file
    /// was when the I/O was submitted.
    pub end: u64,
    /// What is written. Captured under the folio locks, so that it is one version of each block.
    pub data: Vec<Box<Block>>,
    /// The folios that have a part in the batch, each once.
    pub folios: Vec<Arc<Folio>>,
    /// The device's receipts, once submitted.
    pub tickets: Vec<Ticket>,
    /// Whether the file system sees to its end itself. Set when it is submitted.
    pub is_bound: bool,
    /// Why it failed, once it has.
    pub error: Option<DeviceError>,
}

impl Ioend {
    /// Whether blocks of this kind, going there, continue the batch.
    pub fn continues_with(&self, lblk: Lblk, pblk: Pblk, unwritten: bool) -> bool {
        self.unwritten == unwritten
            && self.blocks.end == lblk
            && self.pblk.0 + u64::from(lblk.0 - self.blocks.start.0) == pblk.0
    }
}

impl fmt::Debug for Ioend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ioend")
            .field("ino", &self.inode.ino)
            .field("blocks", &self.blocks)
            .field("pblk", &self.pblk)
            .field("unwritten", &self.unwritten)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
