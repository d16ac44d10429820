//! A folio: some blocks of a file in memory, with per-block flags, a lock and a writeback flag.
//!
//! A block is *uptodate* when its bytes in the folio are the file's, and *dirty* when they are
//! newer than the disk's; dirty implies uptodate. A folio is under *writeback* from the moment its
//! dirty blocks are taken for I/O until that I/O has been seen to by whoever completes it.
//!
//! A folio is also a page of those who map the file. It is *writable* from a fault that has made
//! its blocks dirty until it is taken for I/O, or leaves the file.
//!
//! # Source
//! linux v7.0 include/linux/page-flags.h, mm/filemap.c `folio_lock`; the per-block bits are those
//! of fs/iomap/buffered-io.c `struct iomap_folio_state`.

use crate::lock::{Flag, Key, Mutex, MutexGuard, class};
use crate::units::{BLOCK_SIZE, Ino, Lblk};
use rt::sync::LeafMutex;
use rt::sync::atomic::{AtomicU32, Ordering};
use std::ops::Range;

/// A folio.
#[derive(Debug)]
pub struct Folio {
    index: u32,
    blocks: u32,
    state: Mutex<FolioState>,
    /// Raised while the folio's data are being written.
    writeback: Flag,
    /// I/O batches that the folio has a part in, and one more while they are being gathered. Who
    /// ends the last one clears the flag.
    batches: AtomicU32,
    /// Whether a block is dirty, for invariants: who changes it holds the folio lock.
    dirty_mirror: LeafMutex<u32>,
}

/// What the folio lock protects.
#[derive(Debug)]
pub struct FolioState {
    attached: bool,
    data: Vec<u8>,
    uptodate: u32,
    dirty: u32,
    /// The blocks that stores through mappings were prepared for, when the page was made writable.
    /// While there is none, a store faults.
    writable: u32,
    /// The blocks that have been stored to since: what the hardware notes in the page table, and
    /// nobody sees before the page is write-protected.
    stored: u32,
}

/// A hold on the folio lock.
pub struct FolioGuard<'a> {
    folio: &'a Folio,
    state: MutexGuard<'a, FolioState>,
}

impl Folio {
    /// An empty folio of `blocks` blocks, neither uptodate nor dirty, attached.
    pub fn new(ino: Ino, index: u32, blocks: u32) -> Folio {
        let key = Key::Two(u64::from(ino.0), u64::from(index));
        let state = FolioState {
            attached: true,
            data: vec![0; blocks as usize * BLOCK_SIZE],
            uptodate: 0,
            dirty: 0,
            writable: 0,
            stored: 0,
        };
        Folio {
            index,
            blocks,
            state: Mutex::new(&class::FOLIO_LOCK, key, state),
            writeback: Flag::new(&class::FOLIO_WRITEBACK, key),
            batches: AtomicU32::new(0),
            dirty_mirror: LeafMutex::new(0),
        }
    }

    /// Locks the folio.
    ///
    /// # Locking
    /// Takes: the folio lock.
    pub fn lock(&self) -> FolioGuard<'_> {
        FolioGuard {
            folio: self,
            state: self.state.lock(),
        }
    }

    /// Puts the folio under writeback, until as many batches have ended as have begun, this one
    /// included.
    ///
    /// # Locking
    /// Requires: the folio lock, and that the folio is not under writeback.
    pub fn begin_writeback(&self) {
        // Relaxed: nobody else counts while the flag is clear, and the flag is raised by who holds
        // the folio lock.
        self.batches.store(1, Ordering::Relaxed);
        self.writeback.raise();
    }

    /// Says that the folio has a part in one more batch of I/O.
    pub fn begin_batch(&self) {
        // Relaxed: the caller's own batch keeps the count above zero.
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that a batch has ended; the last one ends the writeback.
    pub fn end_batch(&self) {
        // AcqRel: who ends the last batch has seen what all others did, and the flag passes it on.
        if self.batches.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.writeback.clear();
        }
    }

    /// Waits until the folio is not under writeback.
    pub fn wait_for_writeback(&self) {
        self.writeback.wait_clear();
    }

    /// Whether the folio is under writeback now.
    pub fn is_under_writeback(&self) -> bool {
        self.writeback.test()
    }

    /// Whether the folio is under writeback, for invariants: not an operation.
    pub fn peek_writeback(&self) -> bool {
        self.writeback.peek()
    }

    /// The blocks of the file that the folio holds. The last folio that a file can have holds one
    /// more, which has no number and is never used.
    pub fn range(&self) -> Range<Lblk> {
        let start = self.index * self.blocks;
        Lblk(start)..Lblk(start.saturating_add(self.blocks))
    }

    /// The dirty blocks of the file, for invariants: not an operation.
    pub fn peek_dirty(&self) -> Vec<Lblk> {
        let dirty = self.dirty_mirror.with(|dirty| *dirty);
        (0..self.blocks)
            .filter(|i| dirty & (1 << i) != 0)
            .map(|i| Lblk(self.range().start.0 + i))
            .collect()
    }
}

impl FolioGuard<'_> {
    /// The folio.
    pub fn folio(&self) -> &Folio {
        self.folio
    }

    /// The folio's index in the file.
    pub fn index(&self) -> u32 {
        self.folio.index
    }

    /// Whether the folio still belongs to its file.
    pub fn is_attached(&self) -> bool {
        self.state.attached
    }

    /// Takes the folio from its file; [`super::PageCache::detach`] is the way in.
    pub(super) fn detach(&mut self) {
        self.state.attached = false;
        self.write_protect();
        self.set_dirty(0);
    }

    /// Whether the bytes of a block are the file's.
    pub fn is_uptodate(&self, lblk: Lblk) -> bool {
        self.state.uptodate & self.bit(lblk) != 0
    }

    /// Whether a block is newer than the disk.
    pub fn is_dirty(&self, lblk: Lblk) -> bool {
        self.state.dirty & self.bit(lblk) != 0
    }

    /// Whether any block is newer than the disk.
    pub fn has_dirty(&self) -> bool {
        self.state.dirty != 0
    }

    /// The bytes of a block.
    pub fn block(&self, lblk: Lblk) -> &[u8; BLOCK_SIZE] {
        let at = self.at(lblk);
        self.state.data[at..at + BLOCK_SIZE]
            .try_into()
            .expect("a block is a block long")
    }

    /// Fills a block with what the disk holds, or zeroes: it becomes uptodate.
    pub fn fill(&mut self, lblk: Lblk, bytes: &[u8; BLOCK_SIZE]) {
        let at = self.at(lblk);
        self.state.data[at..at + BLOCK_SIZE].copy_from_slice(bytes);
        self.state.uptodate |= self.bit(lblk);
    }

    /// Copies `bytes` into an uptodate block from `offset` on, and marks the block dirty.
    pub fn write(&mut self, lblk: Lblk, offset: usize, bytes: &[u8]) {
        debug_assert!(self.is_uptodate(lblk), "dirty implies uptodate");
        let at = self.at(lblk) + offset;
        self.state.data[at..at + bytes.len()].copy_from_slice(bytes);
        self.set_dirty(self.state.dirty | self.bit(lblk));
    }

    /// Zeroes a block from `offset` to its end without making it dirty.
    pub fn zero_from(&mut self, lblk: Lblk, offset: usize) {
        let at = self.at(lblk);
        self.state.data[at + offset..at + BLOCK_SIZE].fill(0);
    }

    /// Forgets those of its blocks that lie in `blocks`: they leave the file.
    pub fn invalidate(&mut self, blocks: Range<Lblk>) {
        let range = self.folio.range();
        let (start, end) = (blocks.start.max(range.start), blocks.end.min(range.end));
        for lblk in (start.0..end.0).map(Lblk) {
            self.zero_from(lblk, 0);
            let bit = self.bit(lblk);
            self.state.uptodate &= !bit;
            self.set_dirty(self.state.dirty & !bit);
        }
    }

    /// Takes the dirty blocks for I/O: they are clean, and the page is write-protected, from here
    /// on. Happens before `i_size` is sampled, so that a store that makes them dirty again is not
    /// missed.
    pub fn clear_dirty_for_io(&mut self) -> Vec<Lblk> {
        self.write_protect();
        self.clear_dirty()
    }

    /// Takes the dirty blocks: they are clean from here on.
    pub fn clear_dirty(&mut self) -> Vec<Lblk> {
        let dirty = self.state.dirty;
        let start = self.folio.range().start.0;
        self.set_dirty(0);
        (0..self.folio.blocks)
            .filter(|i| dirty & (1 << i) != 0)
            .map(|i| Lblk(start + i))
            .collect()
    }

    /// Makes blocks dirty again, after their I/O could not be started.
    pub fn redirty(&mut self, lblk: Lblk) {
        self.set_dirty(self.state.dirty | self.bit(lblk));
    }

    /// Makes an uptodate block dirty: a store is about to change it.
    pub fn mark_dirty(&mut self, lblk: Lblk) {
        debug_assert!(self.is_uptodate(lblk), "dirty implies uptodate");
        self.set_dirty(self.state.dirty | self.bit(lblk));
    }

    /// Lets stores through mappings reach the folio, of which `blocks` have space and are dirty.
    pub fn make_writable(&mut self, blocks: Range<Lblk>) {
        let bits = (blocks.start.0..blocks.end.0).map(|block| self.bit(Lblk(block)));
        self.state.writable = bits.fold(0, |all, bit| all | bit);
        debug_assert_eq!(self.state.writable & !self.state.dirty, 0);
    }

    /// Makes the next store through a mapping fault. What has been stored to is dirty from here on,
    /// which it should have been already.
    pub fn write_protect(&mut self) {
        let stored = std::mem::take(&mut self.state.stored);
        self.state.writable = 0;
        self.state.uptodate |= stored;
        self.set_dirty(self.state.dirty | stored);
    }

    /// Whether stores through mappings reach the folio without a fault.
    pub fn is_writable(&self) -> bool {
        self.state.writable != 0
    }

    /// Stores through a mapping. It makes nothing dirty: the fault that made the page writable has.
    /// Outside the blocks that were prepared for it, which is beyond the end of the file, nothing
    /// ever becomes dirty.
    pub fn store(&mut self, lblk: Lblk, offset: usize, bytes: &[u8]) {
        let at = self.at(lblk) + offset;
        self.state.data[at..at + bytes.len()].copy_from_slice(bytes);
        self.state.stored |= self.state.writable & self.bit(lblk);
    }

    /// Zeroes those of its bytes that lie in a range of bytes of the file, without making them
    /// dirty.
    pub fn zero_bytes(&mut self, bytes: Range<u64>) {
        let start = self.folio.range().start.offset();
        let len = self.state.data.len() as u64;
        let inside = |at: u64| at.saturating_sub(start).min(len) as usize;
        let (from, to) = (inside(bytes.start), inside(bytes.end));
        self.state.data[from..to.max(from)].fill(0);
    }

    fn set_dirty(&mut self, dirty: u32) {
        self.state.dirty = dirty;
        self.folio.dirty_mirror.with(|mirror| *mirror = dirty);
    }

    fn bit(&self, lblk: Lblk) -> u32 {
        1 << (lblk.0 - self.folio.range().start.0)
    }

    fn at(&self, lblk: Lblk) -> usize {
        (lblk.0 - self.folio.range().start.0) as usize * BLOCK_SIZE
    }
}
