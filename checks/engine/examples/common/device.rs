//! A device of blocks with a volatile cache, twice: one that records, and one after a power cut.
//!
//! Storage code that is written on [`Device`] runs on a [`Recorder`] first, which writes the log
//! that power cuts are taken from, and on a [`LazyDisk`] afterwards.

use cutpoint::crash::{DiskError, LazyDisk};
use cutpoint_event::{What, log};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A device of blocks with a volatile cache.
pub trait Device: fmt::Debug + Send + Sync + 'static {
    /// Bytes in a block, at least 8.
    fn block_size(&self) -> usize;

    /// Size in blocks.
    fn blocks(&self) -> u64;

    /// Reads a part of a block.
    fn read_part(&self, block: u64, part: Range<usize>) -> io::Result<Vec<u8>>;

    /// Writes a block into the cache.
    fn write(&self, block: u64, data: &[u8]) -> io::Result<()>;

    /// Makes every earlier write durable.
    fn flush(&self) -> io::Result<()>;

    /// Whether the block can hold nothing but zeroes.
    fn is_zero(&self, block: u64) -> bool;
}

/// A device of zeroes that records its writes and flushes in the log of this OS thread. Clones are
/// the same device, so that a database can be closed and opened again.
#[derive(Clone, Debug)]
pub struct Recorder {
    block_size: usize,
    blocks: u64,
    state: Arc<Mutex<Recorded>>,
}

#[derive(Debug, Default)]
struct Recorded {
    content: BTreeMap<u64, Arc<[u8]>>,
    requests: u64,
}

impl Recorder {
    /// A device of `blocks` blocks.
    pub fn new(block_size: usize, blocks: u64) -> Recorder {
        Recorder {
            block_size,
            blocks,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, Recorded> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device for Recorder {
    fn block_size(&self) -> usize {
        self.block_size
    }

    fn blocks(&self) -> u64 {
        self.blocks
    }

    fn read_part(&self, block: u64, part: Range<usize>) -> io::Result<Vec<u8>> {
        let state = self.state();
        let data = state.content.get(&block);
        Ok(match data {
            Some(data) => data[part].to_vec(),
            None => vec![0; part.len()],
        })
    }

    fn write(&self, block: u64, data: &[u8]) -> io::Result<()> {
        // The log belongs to a thread. A write that another one made would be missing in it.
        if !log::is_recording() {
            return Err(io::Error::other("written by a thread that records no log"));
        }
        let mut state = self.state();
        let request = state.requests;
        state.requests += 1;
        let (data, fua): (Arc<[u8]>, bool) = (data.into(), false);
        state.content.insert(block, data.clone());
        log::record(What::Write {
            request,
            block,
            data,
            fua,
        });
        log::record(What::Completed { request, ok: true });
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        log::record(What::Flushed { ok: true });
        Ok(())
    }

    fn is_zero(&self, block: u64) -> bool {
        let state = self.state();
        let data = state.content.get(&block);
        data.is_none_or(|data| data.iter().all(|&byte| byte == 0))
    }
}

fn device_error(error: DiskError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

impl Device for LazyDisk {
    fn block_size(&self) -> usize {
        LazyDisk::block_size(self)
    }

    fn blocks(&self) -> u64 {
        LazyDisk::blocks(self)
    }

    fn read_part(&self, block: u64, part: Range<usize>) -> io::Result<Vec<u8>> {
        LazyDisk::read_part(self, block, part).map_err(device_error)
    }

    fn write(&self, block: u64, data: &[u8]) -> io::Result<()> {
        LazyDisk::write(self, block, data, false).map_err(device_error)
    }

    fn flush(&self) -> io::Result<()> {
        LazyDisk::flush(self);
        Ok(())
    }

    fn is_zero(&self, block: u64) -> bool {
        // Looks at what the block may hold, so that asking does not fork.
        let is_zero = |content: &[u8]| content.iter().all(|&byte| byte == 0);
        let units = self.candidates(block);
        units.is_ok_and(|units| units.iter().all(|unit| unit.contents().all(is_zero)))
    }
}
