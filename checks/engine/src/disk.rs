//! A disk for code under test: in executions it records, in recovery it is what a power cut left.
//!
//! The same storage code runs against a [`Disk`] in the scenario and, after each power cut, in the
//! recovery. It holds blocks of one size and has a volatile cache: see [`crate::crash`] for what a
//! power cut may leave of a write that was not flushed.
//!
//! # Errors of the device
//! With [`Faults`], requests of an execution fail where the explorer chooses so. What a failed
//! write wrote, and what was in the cache when a flush failed, may have reached the medium and may
//! not; no later flush makes it durable. Reads go on to return it until the power goes, as a page
//! cache does whose pages count as clean after a failed write-back.

pub use crate::crash::DiskError;

use crate::crash::{Base, LazyDisk, MemoryBase};
use cutpoint_event::{Args, TaskId, log};
use rt_shuttle::choose;
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
    faults: Faults,
    /// How many requests of each task have failed. Tasks touch only their own count, so all
    /// sections of different tasks commute.
    failed: LeafMutex<BTreeMap<TaskId, u32>>,
}

/// Which requests of a disk may fail. The default is none.
///
/// The limit is per task and not for the disk, so that what one task meets does not depend on what
/// another met before: such a dependence would be one that the explorer does not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Whether reads may fail.
    pub reads: bool,
    /// Whether writes may fail, on completion.
    pub writes: bool,
    /// Whether flushes may fail.
    pub flushes: bool,
    /// How many requests of one task may fail in one execution.
    pub per_task_max: u32,
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
        Disk::with_faults(base, Faults::default())
    }

    /// The same, with requests that may fail. Each that may is a [`choose`] of two.
    pub fn with_faults(base: MemoryBase, faults: Faults) -> Disk {
        Disk(Kind::Recording(Arc::new(Recording {
            base,
            content: LeafMutex::new(BTreeMap::new()),
            trace: Trace::new(),
            faults,
            failed: LeafMutex::new(BTreeMap::new()),
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
    /// [`DiskError::BeyondEnd`], or that the device failed.
    pub fn read(&self, block: u64) -> Result<Arc<[u8]>, DiskError> {
        match &self.0 {
            Kind::Recording(disk) => {
                self.check(block)?;
                let written = || disk.content.with(|content| content.get(&block).cloned());
                let written = disk.trace.read(block, written);
                disk.attempt(disk.faults.reads, "read")?;
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
    ///
    /// # Errors
    /// That the device failed: the write may reach the medium or not, and no flush makes it
    /// durable.
    pub fn complete(&self, request: Request) -> Result<(), DiskError> {
        match &self.0 {
            Kind::Recording(disk) => {
                let result = disk.attempt(disk.faults.writes, "write");
                disk.trace.completed(request.0, result.is_ok());
                result
            }
            Kind::Recovering(disk) => {
                disk.complete(request.0);
                Ok(())
            }
        }
    }

    /// Writes a block: submits and completes it. Durable only after a flush.
    ///
    /// # Errors
    /// As [`Disk::submit`] and [`Disk::complete`].
    pub fn write(&self, block: u64, data: &[u8]) -> Result<(), DiskError> {
        let request = self.submit(block, data, false)?;
        self.complete(request)
    }

    /// Writes a block durably, by a FUA write. Says nothing of earlier writes.
    ///
    /// # Errors
    /// As [`Disk::submit`] and [`Disk::complete`].
    pub fn write_durably(&self, block: u64, data: &[u8]) -> Result<(), DiskError> {
        let request = self.submit(block, data, true)?;
        self.complete(request)
    }

    /// Makes every write durable whose successful completion happens before this call.
    ///
    /// # Errors
    /// That the device failed. What it had in its cache may then be gone: to flush again makes
    /// nothing of it durable, to write it again and flush does.
    pub fn flush(&self) -> Result<(), DiskError> {
        match &self.0 {
            Kind::Recording(disk) => {
                let result = disk.attempt(disk.faults.flushes, "flush");
                disk.trace.flushed(result.is_ok());
                result
            }
            Kind::Recovering(disk) => {
                disk.flush();
                Ok(())
            }
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

impl Recording {
    /// Lets the explorer choose whether a request fails, if it may.
    fn attempt(&self, may_fail: bool, request: &'static str) -> Result<(), DiskError> {
        let task = log::current_task();
        let failed = self.failed.with(|failed| failed.get(&task).copied());
        if !may_fail || failed.unwrap_or(0) >= self.faults.per_task_max {
            return Ok(());
        }
        let fails = match request {
            "read" => "read fails",
            "write" => "write fails",
            _ => "flush fails",
        };
        match choose(fails, 2) {
            0 => Ok(()),
            _ => {
                self.failed
                    .with(|failed| *failed.entry(task).or_default() += 1);
                Err(DiskError::Failed(request))
            }
        }
    }
}
