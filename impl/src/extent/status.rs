//! The extent status tree: the state of every block range of a file, in memory.
//!
//! Delayed extents exist only here and are never dropped by themselves; everything else is a cache
//! of the extent tree. The tree counts its changes: a copy of the count, taken with a mapping, is
//! the mapping's *validity cookie*, and equality at use means that the mapping is still true.
//! Pure caching of what is already on disk changes no mapping and is not counted.
//!
//! # Locking
//! Requires: `i_es_lock`, which the inode wraps around this type.
//!
//! # Source
//! linux v7.0 fs/ext4/extents_status.c; the counter is `i_es_seq`.

use super::{Mapping, Status};
use crate::units::Lblk;
use std::collections::BTreeMap;
use std::ops::Range;

/// Equality with the tree's count of changes means that a mapping is still true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cookie(pub u64);

/// The tree.
#[derive(Clone, Debug, Default)]
pub struct StatusTree {
    /// Extents by first block; they do not overlap, and neighbours that could be one are one.
    extents: BTreeMap<u32, (u32, Status)>,
    changes: u64,
}

impl StatusTree {
    /// An empty tree: nothing is known about any block.
    pub fn new() -> StatusTree {
        StatusTree::default()
    }

    /// The cookie for a mapping read now.
    pub fn cookie(&self) -> Cookie {
        Cookie(self.changes)
    }

    /// The extent that holds `lblk`, if it is known.
    pub fn lookup(&self, lblk: Lblk) -> Option<Mapping> {
        let (&start, &(len, status)) = self.extents.range(..=lblk.0).next_back()?;
        let mapping = Mapping {
            start: Lblk(start),
            len,
            status,
        };
        mapping.contains(lblk).then_some(mapping)
    }

    /// The first block at or after `lblk` that is known, for clipping what a query found.
    pub fn next_known(&self, lblk: Lblk) -> Option<Lblk> {
        self.extents
            .range(lblk.0..)
            .next()
            .map(|(&start, _)| Lblk(start))
    }

    /// Replaces whatever `mapping` covers, and counts the change. Returns how many delayed blocks
    /// it overwrote.
    pub fn insert(&mut self, mapping: Mapping) -> u32 {
        let delayed = self.forget(mapping.start..mapping.end());
        self.add(mapping);
        self.changes += 1;
        delayed
    }

    /// Caches what the extent tree says about a range of which nothing is known. Not a change.
    pub fn cache(&mut self, mapping: Mapping) {
        debug_assert!(
            self.next_known(mapping.start)
                .is_none_or(|next| next >= mapping.end())
        );
        self.add(mapping);
    }

    /// Removes whatever is known about a range, and counts the change. Returns how many delayed
    /// blocks there were.
    pub fn remove(&mut self, range: Range<Lblk>) -> u32 {
        let delayed = self.forget(range);
        self.changes += 1;
        delayed
    }

    /// Every known extent, in order.
    pub fn iter(&self) -> impl Iterator<Item = Mapping> + '_ {
        self.extents.iter().map(|(&start, &(len, status))| Mapping {
            start: Lblk(start),
            len,
            status,
        })
    }

    /// The number of delayed blocks.
    pub fn delayed(&self) -> u32 {
        self.iter()
            .filter(|m| m.status == Status::Delayed)
            .map(|m| m.len)
            .sum()
    }

    fn forget(&mut self, range: Range<Lblk>) -> u32 {
        if range.is_empty() {
            return 0;
        }
        let mut delayed = 0;
        while let Some(mapping) = self
            .last_before(range.end)
            .filter(|m| m.end() > range.start)
        {
            self.extents.remove(&mapping.start.0);
            if mapping.status == Status::Delayed {
                let cut = mapping.clipped(range.clone());
                delayed += cut.map_or(0, |cut| cut.len);
            }
            if let Some(before) = mapping.clipped(mapping.start..range.start) {
                self.extents
                    .insert(before.start.0, (before.len, before.status));
            }
            if let Some(after) = mapping.clipped(range.end..mapping.end()) {
                self.extents
                    .insert(after.start.0, (after.len, after.status));
            }
        }
        delayed
    }

    fn last_before(&self, end: Lblk) -> Option<Mapping> {
        let (&start, &(len, status)) = self.extents.range(..end.0).next_back()?;
        Some(Mapping {
            start: Lblk(start),
            len,
            status,
        })
    }

    /// Adds a mapping to a gap, merging it with its neighbours.
    fn add(&mut self, mapping: Mapping) {
        let mut mapping = mapping;
        if let Some(before) = self.last_before(mapping.start)
            && before.end() == mapping.start
            && before.status.continues_with(before.len, mapping.status)
        {
            // In whose place it is put below.
            mapping = Mapping {
                len: before.len + mapping.len,
                ..before
            };
        }
        if let Some(&(len, status)) = self.extents.get(&mapping.end().0)
            && mapping.status.continues_with(mapping.len, status)
        {
            self.extents.remove(&mapping.end().0);
            mapping.len += len;
        }
        self.extents
            .insert(mapping.start.0, (mapping.len, mapping.status));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Pblk;
    use proptest::prelude::*;

    fn mapping(start: u32, len: u32, status: Status) -> Mapping {
        Mapping {
            start: Lblk(start),
            len,
            status,
        }
    }

    #[test]
    fn an_insert_cuts_what_it_covers_and_counts_delayed_blocks() {
        let mut tree = StatusTree::new();
        tree.insert(mapping(0, 3, Status::Delayed));
        let cookie = tree.cookie();
        assert_eq!(tree.remove(Lblk(1)..Lblk(3)), 2);
        assert_ne!(tree.cookie(), cookie);
        assert_eq!(tree.insert(mapping(0, 3, Status::Unwritten(Pblk(40)))), 1);
        assert_eq!(tree.lookup(Lblk(2)).unwrap().status_at(Lblk(2)), {
            Some(Status::Unwritten(Pblk(42)))
        });
    }

    #[test]
    fn to_remove_nothing_cuts_nothing() {
        let whole = mapping(0, 3, Status::Delayed);
        let mut tree = StatusTree::new();
        tree.insert(whole);
        assert_eq!(tree.remove(Lblk(1)..Lblk(1)), 0);
        assert!(tree.iter().eq([whole]));
    }

    proptest! {
        #[test]
        fn behaves_like_an_array(
            changes in proptest::collection::vec((0_u32..24, 1_u32..8, 0_u8..5), 1..40),
        ) {
            let mut tree = StatusTree::new();
            let mut array: Vec<Option<Status>> = vec![None; 32];
            for (start, len, kind) in changes {
                let at = Pblk(u64::from(start) + 100);
                let status = match kind {
                    0 => None,
                    1 => Some(Status::Hole),
                    2 => Some(Status::Delayed),
                    3 => Some(Status::Unwritten(at)),
                    _ => Some(Status::Written(at)),
                };
                let cells = &mut array[start as usize..(start + len) as usize];
                let delayed = cells.iter().filter(|s| **s == Some(Status::Delayed)).count();
                let found = match status {
                    None => tree.remove(Lblk(start)..Lblk(start + len)),
                    Some(status) => tree.insert(mapping(start, len, status)),
                };
                prop_assert_eq!(found as usize, delayed);
                for (i, cell) in cells.iter_mut().enumerate() {
                    *cell = status.map(|status| status.advanced(i as u32));
                }
                for (i, cell) in array.iter().enumerate() {
                    let lblk = Lblk(i as u32);
                    let found = tree.lookup(lblk).and_then(|m| m.status_at(lblk));
                    prop_assert_eq!(found, *cell);
                }
                let extents: Vec<_> = tree.iter().collect();
                for pair in extents.windows(2) {
                    prop_assert!(pair[0].end() <= pair[1].start);
                    let joined = pair[0].end() == pair[1].start
                        && pair[0].status.continues_with(pair[0].len, pair[1].status);
                    prop_assert!(!joined, "not merged: {:?}", pair);
                }
            }
        }
    }
}
