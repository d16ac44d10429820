//! The extent tree of one file, as a sorted list of extents.
//!
//! The tree is small, so it is held decoded and written back whole: up to
//! [`ExtentNode::ROOT_CAPACITY`] extents lie in the inode, more lie in leaf blocks below a root of
//! index entries. Splitting, merging and converting work on the list; [`ExtentTree::layout`] says
//! how many leaf blocks the list needs.
//!
//! # Locking
//! Requires: `i_data_sem`, which the inode wraps around this type.
//!
//! # Source
//! linux v7.0 fs/ext4/extents.c. Departs from it in rewriting every leaf that a change touches
//! instead of moving single entries.

use super::{Mapping, Status};
use crate::disk::extent::{Extent, ExtentNode, UNWRITTEN_LEN_MAX, WRITTEN_LEN_MAX};
use crate::disk::indirect::{BLOCKS_MAX, INDIRECT_FROM};
use crate::units::{Lblk, Pblk};
use std::ops::Range;

/// The extents of a file, and the blocks that hold their leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtentTree {
    /// Sorted, not overlapping, merged where they can be.
    extents: Vec<Extent>,
    /// The leaf blocks, in order; none while everything fits into the inode.
    leaves: Vec<Pblk>,
    /// Whether the file has no extent tree, but a block map. Then there are no unwritten extents,
    /// and the one leaf is the pointer block.
    is_block_map: bool,
}

/// Extents that the tree can hold: a full root of full leaves.
pub const EXTENTS_MAX: usize = ExtentNode::ROOT_CAPACITY * ExtentNode::BLOCK_CAPACITY;

/// More extents than the tree can hold, or blocks beyond those that a block map reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the file has too many fragments: more than {EXTENTS_MAX} extents, or without extents more \
     than {BLOCKS_MAX} blocks"
)]
pub struct TooManyExtents;

impl ExtentTree {
    /// The tree of an empty file.
    pub fn new() -> ExtentTree {
        ExtentTree::default()
    }

    /// A tree as read from disk.
    pub fn from_parts(extents: Vec<Extent>, leaves: Vec<Pblk>) -> ExtentTree {
        ExtentTree {
            extents,
            leaves,
            is_block_map: false,
        }
    }

    /// A block map as read from disk.
    pub fn block_map(extents: Vec<Extent>, indirect: Option<Pblk>) -> ExtentTree {
        ExtentTree {
            extents,
            leaves: indirect.into_iter().collect(),
            is_block_map: true,
        }
    }

    /// Whether the file has a block map.
    pub fn is_block_map(&self) -> bool {
        self.is_block_map
    }

    /// The extents, in order.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// The blocks that hold the leaves.
    pub fn leaves(&self) -> &[Pblk] {
        &self.leaves
    }

    /// Replaces the list of leaf blocks.
    pub fn set_leaves(&mut self, leaves: Vec<Pblk>) {
        self.leaves = leaves;
    }

    /// Blocks that the extents own, leaves not counted.
    pub fn data_blocks(&self) -> u64 {
        self.extents
            .iter()
            .map(|extent| u64::from(extent.len))
            .sum()
    }

    /// The longest mapping that begins at `lblk` and is of one kind: an extent, or a hole up to
    /// the next extent (without one, up to the end of the largest file).
    pub fn lookup(&self, lblk: Lblk) -> Mapping {
        let after = self.extents.partition_point(|extent| extent.end() <= lblk);
        match self.extents.get(after) {
            Some(extent) if extent.lblk <= lblk => {
                let whole = Mapping {
                    start: extent.lblk,
                    len: extent.len,
                    status: status(extent),
                };
                whole.clipped(lblk..whole.end()).unwrap_or(whole)
            }
            next => {
                let end = next.map_or(u32::MAX, |extent| extent.lblk.0);
                Mapping {
                    start: lblk,
                    len: end - lblk.0,
                    status: Status::Hole,
                }
            }
        }
    }

    /// Adds an extent where there is a hole.
    ///
    /// # Errors
    /// [`TooManyExtents`]; then nothing has changed.
    pub fn insert(&mut self, extent: Extent) -> Result<(), TooManyExtents> {
        let at = self
            .extents
            .partition_point(|other| other.lblk < extent.lblk);
        let mut extents = self.extents.clone();
        extents.insert(at, extent);
        self.replace(extents)
    }

    /// Marks the unwritten parts of `range` written. Returns what has been converted.
    ///
    /// # Errors
    /// [`TooManyExtents`], because conversion splits; then nothing has changed.
    pub fn convert(&mut self, range: Range<Lblk>) -> Result<Vec<Mapping>, TooManyExtents> {
        self.set_unwritten(range, false)
    }

    /// Marks the written parts of `range` unwritten. Returns what has been converted.
    ///
    /// # Errors
    /// As [`ExtentTree::convert`].
    pub fn convert_to_unwritten(
        &mut self,
        range: Range<Lblk>,
    ) -> Result<Vec<Mapping>, TooManyExtents> {
        self.set_unwritten(range, true)
    }

    fn set_unwritten(
        &mut self,
        range: Range<Lblk>,
        unwritten: bool,
    ) -> Result<Vec<Mapping>, TooManyExtents> {
        let mut extents = Vec::with_capacity(self.extents.len() + 2);
        let mut converted = Vec::new();
        for extent in &self.extents {
            for (part, inside) in split(extent, &range) {
                if !inside || part.unwritten == unwritten {
                    extents.push(part);
                    continue;
                }
                // A written extent may be one block longer than an unwritten one.
                for part in pieces(Extent { unwritten, ..part }) {
                    converted.push(Mapping {
                        start: part.lblk,
                        len: part.len,
                        status: status(&part),
                    });
                    extents.push(part);
                }
            }
        }
        self.replace(extents)?;
        Ok(converted)
    }

    /// Removes `range`. Returns the physical blocks that it occupied, which the caller frees.
    ///
    /// # Errors
    /// [`TooManyExtents`], because removal from the middle splits; then nothing has changed.
    pub fn remove(&mut self, range: Range<Lblk>) -> Result<Vec<Range<Pblk>>, TooManyExtents> {
        let mut extents = Vec::with_capacity(self.extents.len() + 1);
        let mut freed = Vec::new();
        for extent in &self.extents {
            for (part, inside) in split(extent, &range) {
                if inside {
                    freed.push(part.pblk..Pblk(part.pblk.0 + u64::from(part.len)));
                } else {
                    extents.push(part);
                }
            }
        }
        self.replace(extents)?;
        Ok(freed)
    }

    /// How the list divides into leaves: one range of extents per leaf block, or none if
    /// everything fits into the inode.
    pub fn layout(&self) -> Vec<Range<usize>> {
        let count = self.extents.len();
        if self.is_block_map {
            let reaches = |extent: &Extent| extent.end() > INDIRECT_FROM;
            let needs_leaf = self.extents.last().is_some_and(reaches);
            return needs_leaf.then_some(0..count).into_iter().collect();
        }
        if count <= ExtentNode::ROOT_CAPACITY {
            return Vec::new();
        }
        (0..count)
            .step_by(ExtentNode::BLOCK_CAPACITY)
            .map(|from| from..(from + ExtentNode::BLOCK_CAPACITY).min(count))
            .collect()
    }

    fn replace(&mut self, extents: Vec<Extent>) -> Result<(), TooManyExtents> {
        let mut merged: Vec<Extent> = Vec::with_capacity(extents.len());
        for extent in extents {
            match merged.last_mut() {
                Some(last) if can_merge(last, &extent) => last.len += extent.len,
                _ => merged.push(extent),
            }
        }
        let reaches_too_far = |extent: &Extent| extent.end() > Lblk(BLOCKS_MAX);
        let is_too_much = match self.is_block_map {
            true => merged.last().is_some_and(reaches_too_far),
            false => merged.len() > EXTENTS_MAX,
        };
        if is_too_much {
            return Err(TooManyExtents);
        }
        self.extents = merged;
        Ok(())
    }
}

/// What an extent says about its blocks.
pub fn status(extent: &Extent) -> Status {
    if extent.unwritten {
        Status::Unwritten(extent.pblk)
    } else {
        Status::Written(extent.pblk)
    }
}

/// An extent, in pieces none of which is longer than an extent of its kind may be.
fn pieces(extent: Extent) -> impl Iterator<Item = Extent> {
    let len_max = match extent.unwritten {
        true => UNWRITTEN_LEN_MAX,
        false => WRITTEN_LEN_MAX,
    };
    (0..extent.len)
        .step_by(len_max as usize)
        .map(move |from| Extent {
            lblk: Lblk(extent.lblk.0 + from),
            len: len_max.min(extent.len - from),
            pblk: Pblk(extent.pblk.0 + u64::from(from)),
            unwritten: extent.unwritten,
        })
}

fn can_merge(first: &Extent, second: &Extent) -> bool {
    let len_max = if first.unwritten {
        UNWRITTEN_LEN_MAX
    } else {
        WRITTEN_LEN_MAX
    };
    first.unwritten == second.unwritten
        && first.end() == second.lblk
        && first.pblk.0 + u64::from(first.len) == second.pblk.0
        && first.len + second.len <= len_max
}

/// Cuts an extent at the ends of `range`: up to three parts, each with whether it lies inside.
fn split(extent: &Extent, range: &Range<Lblk>) -> impl Iterator<Item = (Extent, bool)> {
    let cut = |at: Lblk| at.clamp(extent.lblk, extent.end());
    let (from, to) = (cut(range.start), cut(range.end).max(cut(range.start)));
    let part = |start: Lblk, end: Lblk| Extent {
        lblk: start,
        len: end.0 - start.0,
        pblk: Pblk(extent.pblk.0 + u64::from(start.0 - extent.lblk.0)),
        unwritten: extent.unwritten,
    };
    let parts = [
        (part(extent.lblk, from), false),
        (part(from, to), true),
        (part(to, extent.end()), false),
    ];
    parts.into_iter().filter(|(part, _)| part.len > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(lblk: u32, len: u32, pblk: u64, unwritten: bool) -> Extent {
        Extent {
            lblk: Lblk(lblk),
            len,
            pblk: Pblk(pblk),
            unwritten,
        }
    }

    #[test]
    fn conversion_splits_and_merges() {
        let mut tree = ExtentTree::new();
        tree.insert(extent(0, 4, 100, true)).unwrap();
        tree.convert(Lblk(1)..Lblk(2)).unwrap();
        assert_eq!(
            tree.extents(),
            [
                extent(0, 1, 100, true),
                extent(1, 1, 101, false),
                extent(2, 2, 102, true)
            ]
        );
        tree.convert(Lblk(0)..Lblk(4)).unwrap();
        assert_eq!(tree.extents(), [extent(0, 4, 100, false)]);
        assert_eq!(tree.convert(Lblk(0)..Lblk(4)), Ok(vec![]));
    }

    #[test]
    fn a_tree_holds_a_full_root_of_full_leaves() {
        // An inode has room for four leaves, and a leaf, 1,024 bytes, for 84 extents.
        let mut tree = ExtentTree::new();
        let mut insert = |number: u32| tree.insert(extent(2 * number, 1, 1_000, false));
        assert!((0..4 * 84).all(|number| insert(number).is_ok()));
        assert_eq!(insert(4 * 84), Err(TooManyExtents));
        assert_eq!(tree.layout(), [0..84, 84..168, 168..252, 252..336]);
    }

    #[test]
    fn conversion_to_unwritten_keeps_extents_short_enough() {
        let mut tree = ExtentTree::new();
        tree.insert(extent(0, WRITTEN_LEN_MAX, 100, false)).unwrap();
        tree.convert_to_unwritten(Lblk(0)..Lblk(WRITTEN_LEN_MAX))
            .unwrap();
        let first = extent(0, UNWRITTEN_LEN_MAX, 100, true);
        let rest = WRITTEN_LEN_MAX - UNWRITTEN_LEN_MAX;
        let pblk = 100 + u64::from(UNWRITTEN_LEN_MAX);
        let second = extent(UNWRITTEN_LEN_MAX, rest, pblk, true);
        assert_eq!(tree.extents(), [first, second]);
    }

    #[test]
    fn removal_says_what_it_freed() {
        let mut tree = ExtentTree::new();
        tree.insert(extent(2, 4, 100, false)).unwrap();
        assert_eq!(
            tree.remove(Lblk(3)..Lblk(100)),
            Ok(vec![Pblk(101)..Pblk(104)])
        );
        assert_eq!(tree.extents(), [extent(2, 1, 100, false)]);
        assert_eq!(tree.lookup(Lblk(0)).status, Status::Hole);
        assert_eq!(tree.lookup(Lblk(0)).len, 2);
        assert_eq!(tree.lookup(Lblk(3)).status, Status::Hole);
    }

    #[test]
    fn leaves_are_needed_past_the_root() {
        let mut tree = ExtentTree::new();
        for i in 0..ExtentNode::ROOT_CAPACITY as u32 {
            tree.insert(extent(2 * i, 1, 100 + 2 * u64::from(i), false))
                .unwrap();
        }
        assert!(tree.layout().is_empty());
        tree.insert(extent(50, 1, 300, false)).unwrap();
        assert_eq!(tree.layout(), vec![0..ExtentNode::ROOT_CAPACITY + 1]);
        for i in 0..EXTENTS_MAX as u32 {
            let _ = tree.insert(extent(100 + 2 * i, 1, 1000 + 2 * u64::from(i), false));
        }
        assert_eq!(tree.extents().len(), EXTENTS_MAX);
        let before = tree.clone();
        assert_eq!(tree.insert(extent(60, 1, 700, false)), Err(TooManyExtents));
        assert_eq!(tree, before);
    }
}
