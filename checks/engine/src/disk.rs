//! A disk for code under test: in executions it records, in recovery it is what a power cut left.
//!
//! The same storage code runs against a [`Disk`] in the scenario and, after each power cut, in the
//! recovery. It holds blocks of one size and has a volatile cache: see [`crate::crash`] for what a
//! power cut may leave of a write that was not flushed.

use crate::crash::{Base, DiskError, LazyDisk, MemoryBase};
use cutpoint_event::Args;
use rt_shuttle::device::Trace;
use rt_shuttle::sync::LeafMutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Recording(Arc<Recording>),
    Recovering(LazyDisk),
}

#[derive(Debug)]
struct Recording {
    base: MemoryBase,
    /// What was written.
    content: LeafMutex<BTreeMap<u64, Arc<[u8]>>>,
    trace: Trace,
}

/// A write under way.
#[derive(Debug)]
#[must_use = "a write that is never completed is never durable"]
pub struct Request(u64);

/// Something that the code under test acknowledged, by [`rt_shuttle::acknowledged`], before the
/// power cut: recovery must keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Promise {
    /// Its name.
    pub name: &'static str,
    /// What it covers.
    pub args: Args,
}

impl Disk {
    /// A disk that holds `base`, durably, and records what is done to it.
    pub fn new(base: MemoryBase) -> Disk {
        Disk(Kind::Recording(Arc::new(Recording {
            base,
            content: LeafMutex::new(BTreeMap::new()),
            trace: Trace::new(),
        })))
    }

    /// A disk after a power cut.
    pub fn after_power_cut(disk: LazyDisk) -> Disk {
        Disk(Kind::Recovering(disk))
    }

    /// Size in blocks.
    pub fn blocks(&self) -> u64 {
        match &self.0 {
            Kind::Recording(disk) => disk.base.blocks(),
            Kind::Recovering(disk) => disk.blocks(),
        }
    }

    /// Bytes in a block.
    pub fn block_size(&self) -> usize {
        match &self.0 {
            Kind::Recording(disk) => disk.base.block_size(),
            Kind::Recovering(disk) => disk.block_size(),
        }
    }

    /// Reads a block: the newest that was written, durable or not.
    ///
    /// # Errors
    /// [`DiskError::BeyondEnd`].
    pub fn read(&self, block: u64) -> Result<Arc<[u8]>, DiskError> {
        match &self.0 {
            Kind::Recording(disk) => {
                self.check(block)?;
                let written = || disk.content.with(|content| content.get(&block).cloned());
                let written = disk.trace.read(block, written);
                Ok(written.unwrap_or_else(|| disk.base.read(block)))
            }
            Kind::Recovering(disk) => disk.read(block),
        }
    }

    /// Submits a write of one block; `fua` makes it durable once it completes, without a flush.
    ///
    /// # Errors
    /// [`DiskError`], if it is not one block of this disk.
    ///
    /// # Crash
    /// From here on the block may hold what it held, the new data, or a torn mixture.
    pub fn submit(&self, block: u64, data: &[u8], fua: bool) -> Result<Request, DiskError> {
        match &self.0 {
            Kind::Recording(disk) => {
                self.check(block)?;
                let (bytes, block_size) = (data.len(), self.block_size());
                if bytes != block_size {
                    return Err(DiskError::NotABlock { bytes, block_size });
                }
                let put = || {
                    disk.content.with(|content| {
                        content.insert(block, data.into());
                    });
                };
                Ok(Request(disk.trace.write(block, data, fua, put)))
            }
            Kind::Recovering(disk) => disk.submit(block, data, fua).map(Request),
        }
    }

    /// Completes a submitted write.
    pub fn complete(&self, request: Request) {
        match &self.0 {
            Kind::Recording(disk) => disk.trace.completed(request.0, true),
            Kind::Recovering(disk) => disk.complete(request.0),
        }
    }

    /// Writes a block: submits and completes it. Durable only after a flush.
    ///
    /// # Errors
    /// As [`Disk::submit`].
    pub fn write(&self, block: u64, data: &[u8]) -> Result<(), DiskError> {
        let request = self.submit(block, data, false)?;
        self.complete(request);
        Ok(())
    }

    /// Writes a block durably, by a FUA write. Says nothing of earlier writes.
    ///
    /// # Errors
    /// As [`Disk::submit`].
    pub fn write_durably(&self, block: u64, data: &[u8]) -> Result<(), DiskError> {
        let request = self.submit(block, data, true)?;
        self.complete(request);
        Ok(())
    }

    /// Makes every write durable whose completion happens before this call.
    pub fn flush(&self) {
        match &self.0 {
            Kind::Recording(disk) => disk.trace.flushed(true),
            Kind::Recovering(disk) => disk.flush(),
        }
    }

    /// What is under a disk after a power cut, for oracles that judge sets of candidates instead of
    /// reading. `None` in executions.
    pub fn lazy(&self) -> Option<&LazyDisk> {
        match &self.0 {
            Kind::Recording(_) => None,
            Kind::Recovering(disk) => Some(disk),
        }
    }

    fn check(&self, block: u64) -> Result<(), DiskError> {
        let blocks = self.blocks();
        match block < blocks {
            true => Ok(()),
            false => Err(DiskError::BeyondEnd { block, blocks }),
        }
    }
}
