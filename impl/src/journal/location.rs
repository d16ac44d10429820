//! Where the journal's blocks lie on the device: the extents of the journal inode.

use crate::journal::circular::LogBlock;
use crate::units::Pblk;

/// The blocks of the journal, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLocation {
    /// Runs of blocks, each its first block and its length, never 0.
    runs: Vec<(Pblk, u32)>,
    blocks: u32,
}

impl JournalLocation {
    /// The journal that lies in these runs, each given by its first block and its length.
    ///
    /// `None` if there are no blocks, more than `u32` counts, or a run that leaves the range of
    /// block numbers.
    pub fn new(runs: impl IntoIterator<Item = (Pblk, u32)>) -> Option<JournalLocation> {
        let runs: Vec<_> = runs.into_iter().filter(|&(_, len)| len > 0).collect();
        let mut blocks = 0u32;
        for &(start, len) in &runs {
            start.0.checked_add(u64::from(len))?;
            blocks = blocks.checked_add(len)?;
        }
        (blocks > 0).then_some(JournalLocation { runs, blocks })
    }

    /// The length of the journal in blocks, its superblock included; at least 1.
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// The block of the journal's superblock.
    pub fn superblock(&self) -> Pblk {
        self.runs[0].0
    }

    /// The device block of a journal block.
    ///
    /// # Panics
    /// If the journal is shorter: positions in the log come from a superblock that was decoded
    /// against [`JournalLocation::blocks`].
    pub fn pblk(&self, block: LogBlock) -> Pblk {
        let mut offset = block.0;
        for &(start, len) in &self.runs {
            if offset < len {
                return Pblk(start.0 + u64::from(offset));
            }
            offset -= len;
        }
        panic!(
            "block {block} lies beyond the journal's {} blocks",
            self.blocks
        );
    }

    /// Whether a device block belongs to the journal.
    pub fn contains(&self, block: Pblk) -> bool {
        self.runs
            .iter()
            .any(|&(start, len)| (start.0..start.0 + u64::from(len)).contains(&block.0))
    }
}
