//! The buffer cache: metadata blocks in memory.
//!
//! A buffer is read by anyone and changed only through a [`Handle`]. Its content is shared by
//! reference count: a commit that captures it takes a reference, and the next change copies the
//! block first. So what a transaction logs never changes under it, and nobody waits for its I/O.
//! That is jbd2's *frozen copy*, made for every buffer and at no cost until it is needed.
//!
//! # Locking
//! Neither the cache nor a buffer's content is visible to the explorer. Who reads or changes bytes
//! of a buffer holds the lock that protects what they mean (an inode's `i_data_sem`, the group
//! lock, the orphan lock), and that lock orders conflicting accesses. Accesses to other bytes of
//! the same block commute. A commit captures contents only while no handle is open, which the
//! transaction barrier orders against every change. A controlled execution records who used which
//! bytes ([`rt::access`]), so that it shows where nothing orders them.
//!
//! # Source
//! linux v7.0 fs/buffer.c `__bread_gfp`, `__getblk`; fs/jbd2/transaction.c `do_get_write_access`,
//! `jbd2_journal_dirty_metadata`.
//!
//! [`Handle`]: crate::journal::Handle

use crate::device::{Device, DeviceError};
use crate::units::{BLOCK_SIZE, Block, Pblk};
use rt::sync::{Arc, LeafMutex};
use rt::{Memory, Use};
use std::collections::BTreeMap;
use std::ops::Range;

/// A metadata block in memory.
#[derive(Debug)]
pub struct Buffer {
    pblk: Pblk,
    /// Sections that look at or change the same bytes are ordered by the lock that protects those
    /// bytes; changes to different bytes commute. Capturing the content is ordered against every
    /// change by the transaction barrier.
    content: LeafMutex<Arc<Block>>,
}

impl Buffer {
    /// A buffer that no transaction has changed.
    pub fn new(pblk: Pblk, content: Block) -> Buffer {
        Buffer {
            pblk,
            content: LeafMutex::new(Arc::new(content)),
        }
    }

    /// The block's home location.
    pub fn pblk(&self) -> Pblk {
        self.pblk
    }

    /// Lets `look` see the content.
    ///
    /// # Locking
    /// Requires: the locks that protect the whole block. `look` must not wait for anything.
    pub fn read<R>(&self, look: impl FnOnce(&Block) -> R) -> R {
        self.read_bytes(0..BLOCK_SIZE, look)
    }

    /// Lets `look` see these bytes of the content. It is given the whole block.
    ///
    /// # Locking
    /// Requires: the lock that protects the bytes. `look` must not wait for anything.
    pub fn read_bytes<R>(&self, bytes: Range<usize>, look: impl FnOnce(&Block) -> R) -> R {
        self.content.with(|content| {
            rt::access(Use::Read, self.memory(), bytes);
            look(content)
        })
    }

    /// The content as it is now. Later changes do not show.
    ///
    /// # Locking
    /// As [`Buffer::read`].
    pub fn snapshot(&self) -> Arc<Block> {
        self.content.with(|content| {
            rt::access(Use::Read, self.memory(), 0..BLOCK_SIZE);
            Arc::clone(content)
        })
    }

    /// Changes the content; a commit that captured it keeps the old one. `sealed` are bytes that
    /// follow from others: who changes anything writes them, under whatever lock.
    ///
    /// # Locking
    /// Requires: an open handle whose transaction the buffer belongs to.
    pub(crate) fn change<R>(
        &self,
        sealed: &[Range<usize>],
        change: impl FnOnce(&mut Block) -> R,
    ) -> R {
        self.content.with(|content| {
            let before = rt::CHECKED.then(|| Arc::clone(content));
            let result = change(Arc::make_mut(content));
            if let Some(before) = before {
                let is_sealed = |at: usize| sealed.iter().any(|bytes| bytes.contains(&at));
                for bytes in differing(|at| before[at] != content[at] && !is_sealed(at)) {
                    rt::access(Use::Change, self.memory(), bytes);
                }
            }
            result
        })
    }

    fn memory(&self) -> Memory {
        Memory {
            class: "buffer",
            number: self.pblk.0,
        }
    }
}

/// The ranges of bytes of a block that differ.
fn differing(differs: impl Fn(usize) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = (at..BLOCK_SIZE).find(|at| differs(*at))?;
        let end = (start..BLOCK_SIZE).find(|at| !differs(*at));
        at = end.unwrap_or(BLOCK_SIZE);
        Some(start..at)
    })
}

/// The buffers of a device, by block. Buffers stay until they are forgotten, so a block's content
/// is read from the device once, before anything can change it.
#[derive(Debug)]
pub struct BufferCache<D> {
    device: Arc<D>,
    /// Adding a buffer commutes with looking for it and with adding it again: whoever misses gets
    /// the same content. Only who frees a block, alone, drops its buffer; who next owns the block
    /// has got it from the group lock.
    buffers: LeafMutex<BTreeMap<Pblk, Arc<Buffer>>>,
}

impl<D: Device> BufferCache<D> {
    /// An empty cache.
    pub fn new(device: Arc<D>) -> BufferCache<D> {
        BufferCache {
            device,
            buffers: LeafMutex::new(BTreeMap::new()),
        }
    }

    /// The buffer of a block, read from the device if it is not cached.
    ///
    /// # Errors
    /// [`DeviceError`].
    ///
    /// # Locking
    /// Two tasks that miss the same block both read it, and the first one's buffer stays; what
    /// they read is the same, because a block that is not cached is not being changed. To keep
    /// such reads out of a controlled execution, use the cache once for every block before.
    pub fn get(&self, pblk: Pblk) -> Result<Arc<Buffer>, DeviceError> {
        if let Some(buffer) = self.cached(pblk) {
            return Ok(buffer);
        }
        let mut content = [0; BLOCK_SIZE];
        self.device.read(pblk, &mut content)?;
        Ok(self.insert(Buffer::new(pblk, content)))
    }

    /// The buffer of a block that was just allocated: not read, and full of zeroes if it was not
    /// cached. Initialise it through a handle before anyone relies on its content.
    pub fn get_new(&self, pblk: Pblk) -> Arc<Buffer> {
        match self.cached(pblk) {
            Some(buffer) => buffer,
            None => self.insert(Buffer::new(pblk, [0; BLOCK_SIZE])),
        }
    }

    /// The buffer of a block, if it is cached.
    pub fn cached(&self, pblk: Pblk) -> Option<Arc<Buffer>> {
        self.buffers.with(|buffers| buffers.get(&pblk).cloned())
    }

    /// Drops the buffer of a block that is no metadata any more.
    ///
    /// # Locking
    /// Requires: that nobody else uses the block. A commit under way keeps what it captured.
    pub fn forget(&self, pblk: Pblk) {
        self.buffers.with(|buffers| buffers.remove(&pblk));
    }

    /// Adds a buffer, unless another task was faster; returns the one that stays.
    fn insert(&self, buffer: Buffer) -> Arc<Buffer> {
        let pblk = buffer.pblk;
        self.buffers
            .with(|buffers| Arc::clone(buffers.entry(pblk).or_insert_with(|| Arc::new(buffer))))
    }
}
