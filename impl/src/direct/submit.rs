//! One direct I/O: what has been mapped and submitted of it.
//!
//! Blocks are mapped extent by extent, and an extent is mapped whole before any of it is submitted.
//! Where the caller's buffer turns out to be shorter, more is mapped than submitted, and only what
//! was submitted may be converted or counted in a size.
//!
//! # Source
//! linux v7.0 fs/iomap/direct-io.c `struct iomap_dio`, `iomap_dio_bio_iter`, `iomap_dio_zero`.

use super::completion::AsyncWrite;
use super::map;
use crate::device::{Device, Durability, Ticket};
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::fsync::Sync;
use crate::inode::Inode;
use crate::read;
use crate::trace::{self, args};
use crate::units::{BLOCK_SIZE, Block, Lblk, Pblk};
use rt::sync::Arc;
use std::fmt;
use std::ops::Range;

/// A direct write on its way.
pub struct DirectIo {
    /// The file.
    pub inode: Arc<Inode>,
    /// The offset in bytes of its beginning.
    pub offset: u64,
    /// Bytes that the caller asked to be written, at least 1.
    pub asked: usize,
    /// Bytes submitted, from `offset` on.
    pub submitted: usize,
    /// How much is to be durable when it ends, if anything is.
    pub sync: Option<Sync>,
    /// Whether all that has been submitted is durable once it has completed: then nothing else of
    /// the file is needed to read it.
    pub is_through: bool,
    /// Whether the rest must be written through the page cache, so that the caller waits.
    pub falls_back: bool,
    /// Whether some of it goes to unwritten blocks, which must be converted.
    pub unwritten: bool,
    /// The device's receipts.
    pub tickets: Vec<Ticket>,
    /// Why it failed, once it has.
    pub error: Option<FsError>,
    /// Who is told when it ends, if nobody waits for it.
    pub kiocb: Option<Arc<AsyncWrite>>,
}

impl DirectIo {
    /// A write of `range` of which nothing has been submitted.
    pub fn new(inode: &Arc<Inode>, range: &Range<u64>) -> DirectIo {
        DirectIo {
            sync: None,
            is_through: false,
            falls_back: false,
            inode: inode.clone(),
            offset: range.start,
            asked: (range.end - range.start) as usize,
            submitted: 0,
            unwritten: false,
            tickets: Vec::new(),
            error: None,
            kiocb: None,
        }
    }

    /// The same, to be durable when it has ended. Only with [`Sync::Data`] can it do without a
    /// commit.
    pub fn synchronous(self, sync: Option<Sync>) -> DirectIo {
        DirectIo {
            sync,
            is_through: sync == Some(Sync::Data),
            ..self
        }
    }

    /// The end in bytes of what has been submitted.
    pub fn end(&self) -> u64 {
        self.offset + self.submitted as u64
    }

    /// The blocks of what has been submitted.
    pub fn blocks(&self) -> Range<Lblk> {
        Lblk::containing(self.offset)..Lblk::round_up(self.end())
    }

    /// Maps the range, allocating where it must, and submits as much as there is in `pinned`. What
    /// ends within a block that the caller wanted written further is left to the page cache.
    ///
    /// # Locking
    /// Requires: `i_rwsem`, exclusive unless the range only overwrites; `i_dio_count`. Takes: what
    /// [`map::map_for_write`] takes.
    ///
    /// # Errors
    /// As [`map::map_for_write`], and [`FsError::Device`]. Some of it may have been submitted.
    pub fn submit<D: Device>(&mut self, fs: &Filesystem<D>, pinned: &[u8]) -> Result<(), FsError> {
        let end = self.offset + self.asked as u64;
        let blocks = Lblk::containing(self.offset)..Lblk::round_up(end);
        let mut lblk = blocks.start;
        while lblk < blocks.end {
            let mapped = map::map_for_write(fs, &self.inode, lblk..blocks.end)?;
            let Some((mapping, is_new)) = mapped else {
                self.falls_back = true;
                return Ok(());
            };
            trace::step("map", || trace::mapping(&mapping));
            self.choose_durability(fs, &mapping, is_new);
            while lblk < mapping.end() {
                let from = self.end() - lblk.offset();
                let to = (end - lblk.offset()).min(BLOCK_SIZE as u64);
                let part = self.submitted..self.submitted + (to - from) as usize;
                let Some(part) = pinned.get(part) else {
                    return Ok(());
                };
                self.submit_block(fs, mapping, is_new, lblk, from as usize, part)?;
                lblk = Lblk(lblk.0 + 1);
            }
        }
        Ok(())
    }

    /// Whether what goes to a mapping is written through the device's cache. It is only if all of
    /// it overwrites, and nothing about the file has to be committed; then nobody commits anything.
    ///
    /// # Source
    /// linux v7.0 fs/iomap/direct-io.c `iomap_dio_bio_iter`, `IOMAP_DIO_WRITE_THROUGH`.
    fn choose_durability<D: Device>(
        &mut self,
        fs: &Filesystem<D>,
        mapping: &Mapping,
        is_new: bool,
    ) {
        let end = self.offset + self.asked as u64;
        let overwrites = !is_new && matches!(mapping.status, Status::Written(_));
        self.is_through = self.is_through
            && overwrites
            && !(fs.protocol.iomap_is_dirty)(fs, &self.inode, end.min(mapping.end().offset()));
    }

    fn submit_block<D: Device>(
        &mut self,
        fs: &Filesystem<D>,
        mapping: Mapping,
        is_new: bool,
        lblk: Lblk,
        from: usize,
        part: &[u8],
    ) -> Result<(), FsError> {
        let status = mapping.status_at(lblk).unwrap_or(Status::Hole);
        let pblk = status.pblk().expect("what is submitted has been mapped");
        let mut block: Block = [0; BLOCK_SIZE];
        if part.len() < BLOCK_SIZE && !is_new {
            // Zeroes around it in a block that is unwritten.
            block = read::read_block(fs, mapping, lblk)?;
        }
        block[from..from + part.len()].copy_from_slice(part);
        trace::step("submit", || {
            args([("block", lblk.0.into()), ("at", pblk.0.into())])
        });
        let durability = match self.is_through {
            true => Durability::Fua,
            false => Durability::Volatile,
        };
        let ticket = fs.device().submit(pblk, &block, durability)?;
        self.tickets.push(ticket);
        self.submitted += part.len();
        self.unwritten |= status == Status::Unwritten(Pblk(pblk.0));
        Ok(())
    }
}

impl fmt::Debug for DirectIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectIo")
            .field("ino", &self.inode.ino)
            .field("offset", &self.offset)
            .field("asked", &self.asked)
            .field("submitted", &self.submitted)
            .field("unwritten", &self.unwritten)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
