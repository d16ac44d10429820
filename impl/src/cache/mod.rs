//! The page cache of one file: its folios, by index.
//!
//! # Locking
//! Lookups take no lock; a folio that was found must be locked and then checked for being still
//! attached. Folios are attached and detached with their own lock held.
//!
//! # Source
//! linux v7.0 mm/filemap.c, mm/truncate.c.

pub mod folio;

pub use folio::{Folio, FolioGuard, FolioState};

use crate::lock::{Key, SpinLock, class};
use crate::units::{Ino, Lblk};
use rt::sync::Arc;
use std::collections::BTreeMap;
use std::ops::Range;

/// The folios of a file.
#[derive(Debug)]
pub struct PageCache {
    ino: Ino,
    blocks_per_folio: u32,
    folios: SpinLock<BTreeMap<u32, Arc<Folio>>>,
}

impl PageCache {
    /// An empty cache of folios of `blocks_per_folio` blocks, at most 32.
    pub fn new(ino: Ino, blocks_per_folio: u32) -> PageCache {
        assert!(
            (1..=32).contains(&blocks_per_folio),
            "a folio has 1 to 32 blocks"
        );
        let key = Key::One(u64::from(ino.0));
        PageCache {
            ino,
            blocks_per_folio,
            folios: SpinLock::new(&class::PAGE_CACHE, key, BTreeMap::new()),
        }
    }

    /// The index of the folio that holds a block.
    pub fn index_of(&self, lblk: Lblk) -> u32 {
        lblk.0 / self.blocks_per_folio
    }

    /// The first block of the folio that holds a block, whether it is there or not.
    pub fn folio_start(&self, lblk: Lblk) -> Lblk {
        Lblk(self.index_of(lblk) * self.blocks_per_folio)
    }

    /// The folios that touch a range of blocks, in order.
    pub fn lookup(&self, range: Range<Lblk>) -> Vec<Arc<Folio>> {
        if range.is_empty() {
            return Vec::new();
        }
        let indices = self.index_of(range.start)..=self.index_of(Lblk(range.end.0 - 1));
        self.folios.read(|folios| {
            folios
                .range(indices)
                .map(|(_, folio)| folio.clone())
                .collect()
        })
    }

    /// The first folio that holds a block of a range.
    pub fn next(&self, range: Range<Lblk>) -> Option<Arc<Folio>> {
        if range.is_empty() {
            return None;
        }
        let indices = self.index_of(range.start)..=self.index_of(Lblk(range.end.0 - 1));
        self.folios
            .read(|folios| folios.range(indices).next().map(|(_, folio)| folio.clone()))
    }

    /// Finds the folio that holds a block, or attaches a new, empty one. Who locks it must then
    /// look whether it is still attached.
    pub fn grab(&self, lblk: Lblk) -> Arc<Folio> {
        let index = self.index_of(lblk);
        self.folios.write(|folios| {
            let make = || Arc::new(Folio::new(self.ino, index, self.blocks_per_folio));
            folios.entry(index).or_insert_with(make).clone()
        })
    }

    /// Takes a folio out of the cache. Its content is lost.
    ///
    /// # Locking
    /// Requires: the folio lock, which `guard` is.
    pub fn detach(&self, guard: &mut FolioGuard<'_>) {
        let index = guard.index();
        guard.detach();
        self.folios.write(|folios| folios.remove(&index));
    }

    /// The folios, for invariants: not an operation.
    pub fn peek(&self) -> Vec<Arc<Folio>> {
        self.folios
            .peek(|folios| folios.values().cloned().collect())
    }
}
