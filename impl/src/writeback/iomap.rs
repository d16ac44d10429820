//! Writeback in the IM design: folio lock first, handle second, always unwritten, no ordered data.
//!
//! One folio is locked at a time, but a mapping reaches to the end of the delayed extent, so other
//! folios of the range may go away at any moment. Two rules make that safe: looking a delayed
//! extent up and allocating it is one critical section under `i_data_sem`, and a mapping is used
//! for a further folio only while its cookie is current.
//!
//! # Source
//! The ext4-on-iomap series v4 09/23 `ext4_iomap_writepages`, `ext4_iomap_map_writeback_range`,
//! `ext4_iomap_map_one_extent`; linux v7.0 fs/iomap/buffered-io.c `iomap_writepages`.

use super::{Gather, dirty_range, is_lasting, map_create_blocks};
use crate::cache::{Folio, FolioGuard};
use crate::design::{self, Design};
use crate::device::Device;
use crate::error::FsError;
use crate::extent::status::Cookie;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::trace::args;
use crate::units::{BLOCK_SIZE, Lblk};
use crate::{allocate, trace};
use rt::sync::Arc;
use std::ops::Range;

/// The state of one pass of writeback over a file.
struct Pass<'a, D: Device> {
    fs: &'a Filesystem<D>,
    inode: &'a Arc<Inode>,
    /// The last mapping and the cookie that says how long it holds.
    cached: Option<(Mapping, Cookie)>,
    /// I/O being gathered.
    gather: Gather<'a, D>,
}

/// Writeback of [`super::writepages`] in the IM design.
///
/// # Locking
/// Takes: one folio lock at a time, and under it a handle and `i_data_sem`.
///
/// # Crash
/// Allocated blocks are unwritten until their I/O has completed, so a crash shows zeroes or
/// nothing, never what the blocks held before.
///
/// # Errors
/// As [`super::writepages`], and [`FsError::MixedDesigns`].
pub fn writepages<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
    wait: bool,
) -> Result<(), FsError> {
    design::expect(inode, Design::Im)?;
    fs.expect_writable()?;
    let mut pass = Pass {
        fs,
        inode,
        cached: None,
        gather: Gather::new(fs, inode),
    };
    let mut outcome = Ok(());
    // One folio at a time: a folio that replaces one dropped meanwhile is not passed over.
    let mut rest = range;
    while let Some(folio) = inode.cache.next(rest.clone()) {
        let written = pass.write_folio(&folio, wait);
        // Who waits wants everything written that can be.
        let goes_on = wait && written.as_ref().err().is_some_and(is_lasting);
        let is_done = written.is_err() && !goes_on;
        outcome = outcome.and(written);
        if is_done {
            break;
        }
        rest.start = folio.range().end;
    }
    pass.gather.submit();
    outcome
}

impl<D: Device> Pass<'_, D> {
    fn write_folio(&mut self, folio: &Arc<Folio>, wait: bool) -> Result<(), FsError> {
        let mut guard = folio.lock();
        if !guard.is_attached() || !guard.has_dirty() {
            return Ok(());
        }
        // A pass goes forward only, so what it has gathered holds none of this folio.
        if wait {
            self.fs.wait_on_writeback(folio);
        } else if folio.is_under_writeback() {
            return Ok(());
        }
        let dirty = (self.fs.protocol.clear_dirty_for_io)(&mut guard);
        trace::step("lock folio", || args([("", dirty_range(&dirty).into())]));
        let size = self.inode.size.get();
        let inside = Lblk::round_up(size);
        folio.begin_writeback();
        let mut outcome = Ok(());
        for (i, &lblk) in dirty.iter().enumerate() {
            if lblk >= inside {
                // Beyond the end of the file: a truncate is on its way to drop the folio.
                continue;
            }
            if Lblk::containing(size) == lblk {
                guard.zero_from(lblk, (size % BLOCK_SIZE as u64) as usize);
            }
            // Writeback is asked to go on as far as dirty data may reach.
            outcome = self.write_block(folio, &guard, lblk, inside, size);
            if let Err(error) = &outcome {
                self.give_back(&mut guard, &dirty[i..], error);
                break;
            }
        }
        folio.end_batch();
        outcome
    }

    /// After an error: the dirty blocks that have not been written stay dirty, or, where they never
    /// could be written, are given up to the end of the folio.
    fn give_back(&self, guard: &mut FolioGuard<'_>, rest: &[Lblk], error: &FsError) {
        let Some(&first) = rest.first().filter(|_| is_lasting(error)) else {
            return rest.iter().for_each(|&lblk| guard.redirty(lblk));
        };
        let end = guard.folio().range().end;
        (self.fs.protocol.discard_folio)(self.fs, self.inode, guard, first..end);
        (self.fs.protocol.end_io_failed)(self.fs, self.inode, error.clone());
    }

    fn write_block(
        &mut self,
        folio: &Arc<Folio>,
        guard: &FolioGuard<'_>,
        lblk: Lblk,
        inside: Lblk,
        size: u64,
    ) -> Result<(), FsError> {
        let mapping = self.map(lblk..inside)?;
        let (pblk, unwritten) = match mapping.status_at(lblk) {
            Some(Status::Unwritten(pblk)) => (pblk, true),
            Some(Status::Written(pblk)) => (pblk, false),
            // A hole under a dirty block: there is nowhere to write it to. Invariant I6 says that
            // this does not happen; the check is in `invariants::writeback`.
            _ => {
                crate::invariants::writeback::check_backed(self.inode, lblk, mapping);
                return Ok(());
            }
        };
        crate::invariants::writeback::check_map_in_use(self.inode, lblk, mapping);
        self.gather.add(folio, guard, lblk, (pblk, unwritten), size);
        Ok(())
    }

    /// The mapping for the first block of `range`: the cached one while it is valid, else a fresh
    /// one, for which delayed blocks are allocated.
    fn map(&mut self, range: Range<Lblk>) -> Result<Mapping, FsError> {
        if let Some((mapping, cookie)) = self.cached
            && (self.fs.protocol.writeback_map_is_valid)(self.inode, &mapping, cookie, range.start)
        {
            return Ok(mapping);
        }
        let (mut mapping, mut cookie) = self.inode.query(range.start);
        trace::step("look up", || trace::mapping(&mapping));
        if mapping.status == Status::Delayed {
            (mapping, cookie) = self.allocate(range)?;
        }
        self.cached = Some((mapping, cookie));
        Ok(mapping)
    }

    /// Allocates; blocks that only a commit makes available are waited for.
    fn allocate(&mut self, range: Range<Lblk>) -> Result<(Mapping, Cookie), FsError> {
        allocate::retry_after_commit(self.fs, || {
            (self.fs.protocol.map_one_extent)(self.fs, self.inode, range.clone())
        })
    }
}

/// Whether the mapping that writeback has cached still holds for `lblk`: it covers the block, and
/// nothing has changed since it was looked up.
///
/// # Locking
/// Requires: the lock of the folio that holds `lblk`.
pub fn map_is_valid(inode: &Inode, mapping: &Mapping, cookie: Cookie, lblk: Lblk) -> bool {
    mapping.contains(lblk) && inode.is_current(cookie)
}

/// Maps the extent that holds the first block of `range` and allocates it if it is delayed, as far
/// as `range` and the delayed extent go. Looking it up again and allocating are one critical
/// section: a truncate between the two would leave blocks allocated that nobody reserved.
///
/// # Locking
/// Requires: the lock of the folio that holds the block. Takes: a handle, then `i_data_sem`.
///
/// # Crash
/// The blocks are unwritten; without the size they lie beyond, they are legal residue.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::Journal`], [`FsError::TooManyExtents`].
pub fn map_one_extent<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<(Mapping, Cookie), FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let mut data = inode.lock_data();
    let (mapping, cookie) = inode.query_locked(&data, range.start);
    trace::step("look up again", || trace::mapping(&mapping));
    if mapping.status != Status::Delayed {
        return Ok((mapping, cookie));
    }
    let mapping = mapping.clipped(range).unwrap_or(mapping);
    map_create_blocks(fs, &mut handle, inode, &mut data, mapping)
}
