//! What a scenario says of its files: what may be found in them after a power cut. Data of the
//! scenario; the oracle that reads it knows none of them by name.

use crate::content::Tag;
use std::ops::Range;

/// What the file may hold after recovery, part by part, and what others may that take blocks from
/// it or leave it theirs. Beyond the last part there is never anything.
#[derive(Debug)]
pub struct Contract {
    /// The step after which the file may be gone, if there is one that deletes it.
    pub gone_after: Option<&'static str>,
    /// The parts, in order and without gaps, from the first byte on.
    pub areas: &'static [Area],
    /// What else is in the directory with content.
    pub others: &'static [OtherFile],
}

/// A file besides the one that the scenario is about. Nobody promises anything of it, and nobody
/// removes it; what it may hold is judged all the same, because stale or foreign data in it is how
/// a block that went from one file to the other too early shows.
#[derive(Debug)]
pub struct OtherFile {
    /// Its name.
    pub name: &'static [u8],
    /// The block that its first block's data claims to be, so that no data fits both files.
    pub claims: u32,
    /// What it may hold, as in [`Contract::areas`].
    pub areas: &'static [Area],
}

/// A part of a file.
#[derive(Debug)]
pub struct Area {
    /// Where it is, in bytes; multiples of [`crate::content::PART_SIZE`].
    pub bytes: Range<u64>,
    /// The writes whose data it may hold.
    pub data: &'static [Tag],
    /// When it may hold zeroes instead.
    pub zeroes: Zeroes,
}

/// When a part of a file below the recovered size may be zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeroes {
    /// At any time: it was a hole before it was written.
    Legal,
    /// Never: the size may cover it only once its data is there.
    Never,
    /// Always, and nothing else: the file has grown over it. Data there violates I12.
    Only,
    /// Once this step has set the size to cover it, whatever had been written below.
    After(&'static str),
}

impl Contract {
    /// Whether a step may set the size over what has not been written.
    pub fn sets_size(&self, step: &str) -> bool {
        self.areas
            .iter()
            .any(|area| matches!(area.zeroes, Zeroes::After(name) if name == step))
    }
}
