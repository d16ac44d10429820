//! The map from logical to physical blocks: the extent tree, which is on disk, and the extent
//! status tree, which is in memory and alone knows of delayed extents.

pub mod status;
pub mod tree;

use crate::units::{Lblk, Pblk};
use std::fmt;
use std::ops::Range;

/// What backs a block of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nothing; reads as zeroes.
    Hole,
    /// Space is reserved, and allocated at writeback.
    Delayed,
    /// Allocated from this block on; reads as zeroes.
    Unwritten(Pblk),
    /// Allocated from this block on, and holding data.
    Written(Pblk),
}

impl Status {
    /// The status of the block `by` blocks further into an extent of this status.
    pub fn advanced(self, by: u32) -> Status {
        match self {
            Status::Hole | Status::Delayed => self,
            Status::Unwritten(start) => Status::Unwritten(Pblk(start.0 + u64::from(by))),
            Status::Written(start) => Status::Written(Pblk(start.0 + u64::from(by))),
        }
    }

    /// Whether an extent of this status, `len` blocks long, goes on with `next`.
    pub fn continues_with(self, len: u32, next: Status) -> bool {
        self.advanced(len) == next
    }

    /// The first physical block, if there is one.
    pub fn pblk(self) -> Option<Pblk> {
        match self {
            Status::Hole | Status::Delayed => None,
            Status::Unwritten(start) | Status::Written(start) => Some(start),
        }
    }

    /// The kernel's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Hole => "hole",
            Status::Delayed => "delayed",
            Status::Unwritten(_) => "unwritten",
            Status::Written(_) => "written",
        }
    }
}

/// A range of blocks of one status.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// The first block.
    pub start: Lblk,
    /// The number of blocks, at least 1.
    pub len: u32,
    /// What backs the first block; the others follow on.
    pub status: Status,
}

impl Mapping {
    /// The blocks, half-open.
    pub fn blocks(&self) -> Range<u32> {
        self.start.0..self.end().0
    }

    /// The block after the last.
    pub fn end(&self) -> Lblk {
        Lblk(self.start.0 + self.len)
    }

    /// Whether `lblk` lies inside.
    pub fn contains(&self, lblk: Lblk) -> bool {
        self.blocks().contains(&lblk.0)
    }

    /// The part of this mapping that lies in `range`, if any does.
    pub fn clipped(&self, range: Range<Lblk>) -> Option<Mapping> {
        let start = self.start.max(range.start);
        let end = self.end().min(range.end);
        (start < end).then(|| Mapping {
            start,
            len: end.0 - start.0,
            status: self.status.advanced(start.0 - self.start.0),
        })
    }

    /// What backs `lblk`, if it lies inside.
    pub fn status_at(&self, lblk: Lblk) -> Option<Status> {
        self.contains(lblk)
            .then(|| self.status.advanced(lblk.0 - self.start.0))
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{},{}) {}", self.start, self.end(), self.status.word())?;
        if let Some(pblk) = self.status.pblk() {
            write!(f, " at {pblk}")?;
        }
        Ok(())
    }
}
