//! redb's `StorageBackend` on a device of blocks that may lose what was not flushed.
//!
//! [`BlockFile`] keeps one file on a [`Device`]: block 0 holds the file's length, the file's bytes
//! begin at block 1.
//!
//! # Length
//!
//! The length is a write like any other: `set_len` writes block 0, and until the next sync a power
//! cut may leave the old length or the new one, whatever it leaves of the data. Eight bytes lie in
//! one sector, so a length is never torn. Growing also writes zeroes to those blocks of the new
//! range that may hold anything else, because of an earlier shrinking; until the next sync a power
//! cut may leave their old bytes. A file system that never shows stale bytes has fewer crash states
//! than this, and one that writes length and data in any order has these, so nothing is missed.
//!
//! Departure from files: a write beyond the end fails instead of growing the file. redb does none.

use super::device::Device;
use redb::StorageBackend;
use std::io;
use std::ops::Range;

/// The block that holds the file's length.
const LENGTH_BLOCK: u64 = 0;
/// Bytes of the length, little-endian.
const LENGTH_SIZE: usize = 8;

/// A file on a device of its own.
#[derive(Debug)]
pub struct BlockFile<D>(pub D);

impl<D: Device> BlockFile<D> {
    /// The parts of blocks that make up `bytes` bytes at `offset`.
    fn parts(&self, offset: u64, bytes: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
        let size = self.0.block_size() as u64;
        let end = offset + bytes as u64;
        (offset / size..end.div_ceil(size)).map(move |index| {
            let start = offset.max(index * size) - index * size;
            let end = end.min((index + 1) * size) - index * size;
            (LENGTH_BLOCK + 1 + index, start as usize..end as usize)
        })
    }

    /// Writes a part of a block, reading the block only if there is more of it.
    fn replace(&self, block: u64, part: Range<usize>, data: &[u8]) -> io::Result<()> {
        let size = self.0.block_size();
        if part.len() == size {
            return self.0.write(block, data);
        }
        let mut whole = self.0.read_part(block, 0..size)?;
        whole[part].copy_from_slice(data);
        self.0.write(block, &whole)
    }

    fn check(&self, offset: u64, bytes: usize) -> io::Result<()> {
        let end = offset.checked_add(bytes as u64);
        match end {
            Some(end) if end <= self.len()? => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl<D: Device> StorageBackend for BlockFile<D> {
    fn len(&self) -> io::Result<u64> {
        let bytes = self.0.read_part(LENGTH_BLOCK, 0..LENGTH_SIZE)?;
        let bytes = bytes.try_into().expect("as many bytes as were asked for");
        Ok(u64::from_le_bytes(bytes))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.check(offset, out.len())?;
        let mut filled = 0;
        for (block, part) in self.parts(offset, out.len()) {
            let data = self.0.read_part(block, part)?;
            out[filled..filled + data.len()].copy_from_slice(&data);
            filled += data.len();
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let (old, size) = (self.len()?, self.0.block_size());
        if length.div_ceil(size as u64) >= self.0.blocks() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let grown = length.saturating_sub(old) as usize;
        for (block, part) in self.parts(old, grown) {
            if !self.0.is_zero(block) {
                self.replace(block, part.clone(), &vec![0; part.len()])?;
            }
        }
        let mut data = vec![0; size];
        data[..LENGTH_SIZE].copy_from_slice(&length.to_le_bytes());
        self.0.write(LENGTH_BLOCK, &data)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.flush()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check(offset, data.len())?;
        let mut written = 0;
        for (block, part) in self.parts(offset, data.len()) {
            let piece = &data[written..written + part.len()];
            written += part.len();
            self.replace(block, part, piece)?;
        }
        Ok(())
    }
}

/// A backend whose `sync_data` does nothing.
///
/// # Source
/// Devices and containers that acknowledge a flush and drop it.
///
/// # Breaks
/// `durable-prefix`: an acknowledged transaction is lost, or a file does not open at all.
#[derive(Debug)]
pub struct NoSync<B>(pub B);

impl<B: StorageBackend> StorageBackend for NoSync<B> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
