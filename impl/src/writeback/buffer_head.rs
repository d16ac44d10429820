//! Writeback in the BH design: handle first, folio locks second, new blocks written and ordered.
//!
//! Folios whose dirty blocks are all mapped are written first, without a handle. For the others a
//! handle is started, then a run of consecutive folios is locked, and only then is what lies under
//! them looked up and allocated. So, unlike in the IM design, every folio of what is allocated is
//! locked, and a truncate, which drops folios before it removes their blocks, waits for it.
//!
//! New blocks become *written* with the allocation, before any data has reached them. What keeps
//! their old content from ever being seen is the order: the inode's data belongs to the handle's
//! transaction, which commits only when the I/O has completed. Hence also the size on disk is
//! raised in that handle, not at completion.
//!
//! A commit writes data by itself where somebody has made blocks dirty and asked for it. It can
//! start no handle, so it takes the first way only, and of each folio only the mapped part.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_do_writepages`, `mpage_prepare_extent_to_map`,
//! `mpage_map_one_extent`, `mpage_map_and_submit_extent`, `mpage_submit_folio`,
//! `ext4_normal_submit_inode_data_buffers`; fs/ext4/page-io.c `ext4_bio_write_folio`. It is the
//! path without `dioread_nolock`: with it, new blocks are unwritten, nothing is ordered, and a
//! crash may show zeroes below a size that has committed. Departures: the first pass goes on past
//! folios that need blocks; and the folios stay locked until the size on disk has been raised. The
//! kernel unlocks them first, and relies on comparing with `i_size`. But between the two a truncate
//! may take the blocks away and a write make new ones delayed, so that the size reaches over blocks
//! that are not there, and a crash shows zeroes (I23). The explorer found that here.

use super::{Gather, create_blocks, dirty_range, is_lasting};
use crate::allocate::{self, Kind};
use crate::cache::{Folio, FolioGuard};
use crate::design::{self, Design};
use crate::device::{Device, DeviceError};
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::journal::{Handle, Ordered};
use crate::trace;
use crate::trace::args;
use crate::units::{BLOCK_SIZE, Lblk};
use rt::sync::Arc;
use std::ops::Range;

/// What to do about a folio of which some dirty blocks have none on the device yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unmapped {
    /// Leave the folio to somebody with a handle.
    LeaveFolio,
    /// Leave those blocks dirty, and write the others.
    LeaveBlocks,
}

/// Writeback of [`super::writepages`] in the BH design.
///
/// # Locking
/// Requires: no lock of a folio and no handle. Takes: one folio lock at a time, waiting for
/// writeback under it; then a handle, under it the locks of consecutive folios in their order, and
/// `i_data_sem`.
///
/// # Crash
/// Blocks that the transaction has allocated hold their data when it commits, or lie beyond the
/// size on disk of a file with an orphan record.
///
/// # Errors
/// As [`super::writepages`], and [`FsError::MixedDesigns`].
pub fn writepages<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
    wait: bool,
) -> Result<(), FsError> {
    design::expect(inode, Design::Bh)?;
    fs.expect_writable()?;
    if write_mapped(fs, inode, range.clone(), wait, Unmapped::LeaveFolio) {
        return Ok(());
    }
    let mut rest = range;
    while rest.start < rest.end {
        // Nothing is held between the rounds, so a commit may be waited for.
        match allocate::retry_after_commit(fs, || round(fs, inode, rest.clone(), wait)) {
            Ok(next) => rest.start = next,
            Err(error) => {
                if is_lasting(&error) {
                    give_up(fs, inode, rest, &error);
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

/// After a round that has failed for good: gives up the dirty blocks in the range that have none on
/// the device, and lets those be told who sync the file.
///
/// # Locking
/// Takes: one folio lock at a time, and under it `i_data_sem`.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `mpage_release_unused_pages`. It drops the folios of one extent, with
/// what is mapped of them; and it leaves telling to who called for writeback.
fn give_up<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>, range: Range<Lblk>, error: &FsError) {
    for folio in inode.cache.lookup(range) {
        let mut guard = folio.lock();
        if !guard.is_attached() {
            continue;
        }
        // Blocks that are being written are not among them: they have been mapped.
        for run in needed(inode, &guard) {
            (fs.protocol.discard_folio)(fs, inode, &mut guard, run);
        }
    }
    (fs.protocol.end_io_failed)(fs, inode, error.clone());
}

/// Starts to write what a commit has to write of an inode: the dirty blocks in a range of bytes
/// that are mapped.
///
/// # Locking
/// Takes: one folio lock at a time, waiting for writeback under it. No handle.
///
/// # Errors
/// None: what fails is reported to who waits for the data.
pub fn submit_inode_data_buffers<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    bytes: Range<u64>,
) -> Result<(), DeviceError> {
    let blocks = Lblk::containing(bytes.start)..Lblk::round_up(bytes.end);
    write_mapped(fs, inode, blocks, true, Unmapped::LeaveBlocks);
    Ok(())
}

/// Waits for what is being written of an inode in a range of bytes.
///
/// # Locking
/// Requires: that ending I/O needs no handle. Waits for writeback.
pub fn finish_inode_data_buffers<D: Device>(fs: &Filesystem<D>, inode: &Inode, bytes: Range<u64>) {
    let blocks = Lblk::containing(bytes.start)..Lblk::round_up(bytes.end);
    for folio in inode.cache.lookup(blocks) {
        fs.wait_on_writeback(&folio);
    }
}

/// Before a truncate to `size` bytes drops folios: writes out, as far as it is mapped, data that
/// the committing transaction has ordered. Dropped, it could not be written, and the transaction
/// would commit blocks without their data.
///
/// That the question is asked inside a handle is what makes the answer last. The kernel asks before
/// its handle, and its comment says that one should ask after; in between, the transaction that was
/// running may have begun to commit.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, and a handle, in whose transaction the size will change, and has
/// not yet: what lies beyond it is not written. Takes: folio locks, one at a time.
pub fn begin_ordered_truncate<D: Device>(
    fs: &Filesystem<D>,
    handle: &Handle<'_>,
    inode: &Arc<Inode>,
    size: u64,
) {
    if inode.jinode.is_committing_before(handle.tid()) {
        trace::step("write out ordered data", || args([("from", size.into())]));
        let blocks = Lblk::containing(size)..Lblk(u32::MAX);
        write_mapped(fs, inode, blocks, true, Unmapped::LeaveBlocks);
    }
}

/// Before a hole drops folios: writes out, as far as it is mapped, data in a range of blocks that a
/// transaction has ordered, be it the committing one or the running one. The blocks go in a later
/// transaction, so until that commits they are the file's.
///
/// # Locking
/// Requires: `i_rwsem` and `invalidate_lock`, both exclusive, so that nothing becomes dirty again.
/// Takes: folio locks, one at a time.
///
/// # Source
/// linux until v6.14 fs/ext4/inode.c `ext4_punch_hole`, which writes all dirty data out.
pub fn write_out_ordered<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>, blocks: Range<Lblk>) {
    if inode.jinode.is_ordered() {
        trace::step("write out ordered data", || {
            args([("", trace::range(&blocks))])
        });
        write_mapped(fs, inode, blocks, true, Unmapped::LeaveBlocks);
    }
}

/// Orders data that has been submitted, or will be before the handle stops.
///
/// # Locking
/// As [`Handle::order_data`].
///
/// # Source
/// linux v7.0 fs/ext4/ext4_jbd2.h `ext4_jbd2_inode_add_wait`.
pub fn inode_add_wait(handle: &mut Handle<'_>, inode: &Inode, bytes: Range<u64>) {
    handle.order_data(&inode.jinode, Ordered::Wait, bytes);
}

/// Orders data that is dirty in the cache, and that the commit is to write.
///
/// # Locking
/// As [`Handle::order_data`].
///
/// # Source
/// linux v7.0 fs/ext4/ext4_jbd2.h `ext4_jbd2_inode_add_write`.
pub fn inode_add_write(handle: &mut Handle<'_>, inode: &Inode, bytes: Range<u64>) {
    handle.order_data(&inode.jinode, Ordered::Write, bytes);
}

/// Writes dirty folios without a handle. Says whether nothing is left that needs one.
fn write_mapped<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
    wait: bool,
    unmapped: Unmapped,
) -> bool {
    let mut gather = Gather::new(fs, inode);
    let mut is_done = true;
    let mut rest = range;
    while let Some(folio) = inode.cache.next(rest.clone()) {
        rest.start = folio.range().end;
        let mut guard = folio.lock();
        if !is_to_write(fs, &folio, &guard, wait) {
            continue;
        }
        let is_mapped = needed(inode, &guard).is_empty();
        is_done &= is_mapped;
        if is_mapped || unmapped == Unmapped::LeaveBlocks {
            submit_folio(&mut gather, &folio, &mut guard);
        }
    }
    gather.submit();
    is_done
}

/// Whether a locked folio has anything to write; waits for what is being written of it already,
/// or, without `wait`, leaves it alone.
fn is_to_write<D: Device>(
    fs: &Filesystem<D>,
    folio: &Folio,
    guard: &FolioGuard<'_>,
    wait: bool,
) -> bool {
    if !guard.is_attached() || !guard.has_dirty() {
        return false;
    }
    if wait {
        fs.wait_on_writeback(folio);
        return true;
    }
    !folio.is_under_writeback()
}

/// The runs of dirty blocks inside the file that have no written block under them.
///
/// # Locking
/// Requires: the folio lock, which `guard` is: then blocks may become allocated, but no more.
fn needed(inode: &Inode, guard: &FolioGuard<'_>) -> Vec<Range<Lblk>> {
    let inside = Lblk::round_up(inode.size.get());
    let range = guard.folio().range();
    let mut runs: Vec<Range<Lblk>> = Vec::new();
    let mut known: Option<Mapping> = None;
    let dirty = (range.start.0..range.end.min(inside).0).map(Lblk);
    for lblk in dirty.filter(|lblk| guard.is_dirty(*lblk)) {
        let mapping = *known
            .take_if(|mapping| mapping.contains(lblk))
            .get_or_insert_with(|| inode.query(lblk).0);
        known = Some(mapping);
        if matches!(mapping.status, Status::Delayed | Status::Unwritten(_)) {
            match runs.last_mut().filter(|run| run.end == lblk) {
                Some(run) => run.end = Lblk(lblk.0 + 1),
                None => runs.push(lblk..Lblk(lblk.0 + 1)),
            }
        }
    }
    runs
}

/// Puts the mapped dirty blocks of a locked folio under writeback. Returns the end in bytes of what
/// it has taken, 0 if that is nothing.
///
/// Dirty is cleared, and the page write-protected, before the size is sampled: a store that the
/// sample misses makes the folio dirty again.
fn submit_folio<D: Device>(
    gather: &mut Gather<'_, D>,
    folio: &Arc<Folio>,
    guard: &mut FolioGuard<'_>,
) -> u64 {
    let inode = gather.inode;
    let dirty = (gather.fs.protocol.clear_dirty_for_io)(guard);
    trace::step("lock folio", || args([("", dirty_range(&dirty).into())]));
    let size = inode.size.get();
    let inside = Lblk::round_up(size);
    folio.begin_writeback();
    let mut end = 0;
    // Beyond the end of the file: a truncate is on its way to drop the folio.
    for &lblk in dirty.iter().filter(|lblk| **lblk < inside) {
        let (mapping, _) = inode.query(lblk);
        match mapping.status {
            Status::Written(_) => {}
            Status::Delayed | Status::Unwritten(_) => {
                guard.redirty(lblk);
                continue;
            }
            Status::Hole => {
                crate::invariants::writeback::check_backed(inode, lblk, mapping);
                continue;
            }
        }
        if Lblk::containing(size) == lblk {
            guard.zero_from(lblk, (size % BLOCK_SIZE as u64) as usize);
        }
        crate::invariants::writeback::check_map_in_use(inode, lblk, mapping);
        let status = mapping.status_at(lblk).unwrap_or(Status::Hole);
        let pblk = status.pblk().expect("what is written has a block");
        gather.add(folio, guard, lblk, (pblk, false), size);
        end = (lblk.offset() + BLOCK_SIZE as u64).min(size);
    }
    folio.end_batch();
    end
}

/// One handle's worth of writeback: locks the next run of dirty folios, maps what they need, and
/// submits them. Returns where to go on.
///
/// # Errors
/// As [`super::writepages`]. What had been mapped before has been submitted, and the size on disk
/// covers it.
fn round<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
    wait: bool,
) -> Result<Lblk, FsError> {
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    let folios = inode.cache.lookup(range.clone());
    let (mut batch, next) = lock_batch(fs, inode, &folios, wait);
    let mut needs: Vec<Range<Lblk>> = Vec::new();
    for run in batch.iter().flat_map(|(_, guard)| needed(inode, guard)) {
        match needs.last_mut().filter(|last| last.end == run.start) {
            Some(last) => last.end = run.end,
            None => needs.push(run),
        }
    }
    let mapped = needs
        .into_iter()
        .try_for_each(|run| map_extents(fs, &mut handle, inode, run));
    let mut gather = Gather::new(fs, inode);
    let mut end = 0;
    for (folio, guard) in &mut batch {
        if mapped.is_ok() || (fs.protocol.submits_partial_folio)(inode, guard) {
            end = end.max(submit_folio(&mut gather, folio, guard));
        }
    }
    gather.submit();
    if end > inode.disksize.get() {
        (fs.protocol.update_disksize)(fs, &mut handle, inode, end)?;
    }
    drop(batch);
    handle.stop();
    mapped.map(|()| next.unwrap_or(range.end))
}

/// A folio with the hold on its lock.
type Locked<'f> = (&'f Arc<Folio>, FolioGuard<'f>);

/// Locks the first dirty folio, and those that follow on, as long as every block from where one
/// needs to be mapped to the next folio needs to be too. Returns them, and where to go on, unless
/// that is nowhere.
fn lock_batch<'f, D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    folios: &'f [Arc<Folio>],
    wait: bool,
) -> (Vec<Locked<'f>>, Option<Lblk>) {
    let mut batch: Vec<Locked<'f>> = Vec::new();
    for folio in folios {
        let range = folio.range();
        let follows = |last: &Locked<'_>| last.0.range().end == range.start;
        if !batch.is_empty() && !batch.last().is_some_and(follows) {
            break;
        }
        let guard = folio.lock();
        if !is_to_write(fs, folio, &guard, wait) {
            match batch.is_empty() {
                true => continue,
                false => break,
            }
        }
        let runs = needed(inode, &guard);
        let begins = runs.first().is_some_and(|run| run.start == range.start);
        if !batch.is_empty() && !begins {
            break;
        }
        let goes_on = runs.len() == 1 && runs[0].end == range.end;
        batch.push((folio, guard));
        if !goes_on {
            break;
        }
    }
    let next = batch.last().map(|(folio, _)| folio.range().end);
    (batch, next)
}

/// Maps every block of a run, extent by extent.
fn map_extents<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    run: Range<Lblk>,
) -> Result<(), FsError> {
    let mut at = run.start;
    while at < run.end {
        at = (fs.protocol.mpage_map_one_extent)(fs, handle, inode, at..run.end)?.end();
    }
    Ok(())
}

/// Maps the beginning of a range of blocks as written, and orders its data: what is delayed is
/// allocated, what is unwritten is converted.
///
/// # Locking
/// Requires: a handle, and the locks of the folios that hold the range. Takes: `i_data_sem`.
///
/// # Crash
/// The handle's transaction commits once the data is on disk, if that is submitted before the
/// handle stops.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooManyExtents`], [`FsError::Journal`].
pub fn mpage_map_one_extent<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    range: Range<Lblk>,
) -> Result<Mapping, FsError> {
    let mapping = {
        let mut data = inode.lock_data();
        let (mapping, _) = inode.query_locked(&data, range.start);
        trace::step("look up", || trace::mapping(&mapping));
        let wanted = mapping.clipped(range).unwrap_or(mapping);
        match wanted.status {
            Status::Written(_) | Status::Hole => return Ok(wanted),
            Status::Delayed => {
                create_blocks(fs, handle, inode, &mut data, wanted, Kind::Written)?.0
            }
            Status::Unwritten(_) => convert_to_initialized(fs, handle, inode, &mut data, wanted)?,
        }
    };
    let bytes = mapping.start.offset()..mapping.end().offset();
    (fs.protocol.inode_add_wait)(handle, inode, bytes);
    Ok(mapping)
}

/// Marks unwritten blocks written, before their data is.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Crash
/// The data must be ordered in the same handle.
///
/// # Source
/// linux v7.0 fs/ext4/extents.c `ext4_ext_convert_to_initialized`.
pub(crate) fn convert_to_initialized<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    unwritten: Mapping,
) -> Result<Mapping, FsError> {
    let blocks = unwritten.start..unwritten.end();
    let converted =
        allocate::change_tree(fs, handle, inode, data, |tree| tree.convert(blocks.clone()))?;
    trace::step("convert to written", || args([("", trace::range(&blocks))]));
    for mapping in converted {
        data.insert_status(mapping);
    }
    fs.mark_inode_dirty(handle, inode, data)?;
    let (mapping, _) = inode.query_locked(data, blocks.start);
    Ok(mapping.clipped(blocks).unwrap_or(mapping))
}

/// After mapping has failed midway: whether a folio is to be submitted as far as it is mapped. It
/// is if anything of it is: the transaction holds the blocks, so it must have their data.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `mpage_submit_partial_folio`.
pub fn submits_partial_folio(inode: &Inode, guard: &FolioGuard<'_>) -> bool {
    let range = guard.folio().range();
    let is_mapped = |lblk: Lblk| matches!(inode.query(lblk).0.status, Status::Written(_));
    (range.start.0..range.end.0)
        .map(Lblk)
        .any(|lblk| guard.is_dirty(lblk) && is_mapped(lblk))
}
