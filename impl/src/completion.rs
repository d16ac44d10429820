//! I/O completion: what the device's interrupt does, and what is left to the worker because it
//! needs a handle.
//!
//! # Source
//! The ext4-on-iomap series v4 09/23 `ext4_iomap_end_bio`, `ext4_iomap_end_io`; XFS's
//! fs/xfs/xfs_aops.c `xfs_end_ioend` is the model.

use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::fs::{DataError, Filesystem};
use crate::inode::Inode;
use crate::ioend::Ioend;
use crate::journal::Handle;
use crate::trace::args;
use crate::units::Lblk;
use crate::{allocate, trace};
use std::ops::Range;

/// The device reports that an I/O has completed. A pure overwrite inside the size on disk ends
/// here; everything else, and every error, goes to the worker. In the BH design the size on disk
/// has been raised before, so that an I/O of writeback ends here unless it has failed.
///
/// # Locking
/// Interrupt context: takes only `i_completed_io_lock`.
pub fn end_bio<D: Device>(fs: &Filesystem<D>, mut ioend: Ioend) {
    for ticket in std::mem::take(&mut ioend.tickets) {
        if let Err(error) = fs.device().complete(ticket) {
            ioend.error = Some(error);
        }
    }
    trace::step("I/O completes", || {
        args([
            ("", trace::range(&ioend.blocks)),
            (
                "",
                if ioend.error.is_none() {
                    "ok".into()
                } else {
                    "failed".into()
                },
            ),
        ])
    });
    if !ioend.is_bound {
        if let Some(error) = ioend.error.take() {
            ioend.inode.errors.set(error.into());
        }
        return end_writeback(&ioend);
    }
    if ioend.error.is_none() && (fs.protocol.ends_in_interrupt)(fs.design(), &ioend) {
        end_writeback(&ioend);
    } else {
        let inode = ioend.inode.clone();
        inode.completed.write(|completed| completed.push(ioend));
        end_io_work(fs, &inode);
    }
}

/// Whether an I/O was a pure overwrite: then nothing is left to do that takes a handle. In the IM
/// design it must also lie inside the size on disk.
pub fn ends_in_interrupt(design: Design, ioend: &Ioend) -> bool {
    let is_append = design == Design::Im && ioend.end > ioend.inode.disksize.get();
    !ioend.unwritten && !is_append
}

/// The worker: ends every I/O of a file that completed and could not be ended in the interrupt.
///
/// # Locking
/// Takes: a handle, then `i_data_sem`, for each I/O. No folio lock.
pub fn end_io_work<D: Device>(fs: &Filesystem<D>, inode: &Inode) {
    let mut batch = inode.completed.write(std::mem::take);
    batch.sort_by_key(|ioend| ioend.blocks.start);
    for mut ioend in batch {
        if (fs.protocol.end_io_converts)(&ioend)
            && let Err(error) = allocate::retry_after_commit(fs, || end_io(fs, &ioend))
        {
            // What was written stays unwritten, or beyond the end of the file: it is lost.
            (fs.protocol.end_io_failed)(fs, inode, error);
        }
        if let Some(error) = ioend.error.take() {
            (fs.protocol.end_io_failed)(fs, inode, error.into());
        }
        end_writeback(&ioend);
    }
}

/// Whether the worker makes an I/O part of the file. Not one that has failed: its blocks hold what
/// they held before.
pub fn end_io_converts(ioend: &Ioend) -> bool {
    ioend.error.is_none()
}

/// Sees to data of a file that could not be written, or not be made part of it. Who syncs the file
/// is told; and with [`DataError::Abort`] no transaction commits any more.
///
/// It is the worker's, not the interrupt's, because recording an abort sleeps. The worker does not
/// wait for the commit under way, which may be waiting for the very I/O that has failed.
///
/// # Locking
/// Takes and waits for nothing. The folios are still under writeback, so that a commit, or an
/// fsync, that waits for them finds the error.
///
/// # Source
/// linux v7.0 fs/ext4/page-io.c `ext4_end_io_end`; include/linux/pagemap.h `mapping_set_error`.
pub fn end_io_failed<D: Device>(fs: &Filesystem<D>, inode: &Inode, error: FsError) {
    trace::step("note writeback error", || {
        args([("ino", inode.ino.0.into())])
    });
    if fs.data_error == DataError::Abort {
        fs.journal()
            .mark_aborted(format!("data of inode {}: {error}", inode.ino));
    }
    inode.errors.set(error);
}

/// Converts what was written and raises the size on disk, in one handle.
///
/// # Locking
/// Takes: a handle, then `i_data_sem`. Truncate waits for the folios' writeback, so the blocks are
/// still the file's.
///
/// # Crash
/// The data may be in the volatile cache still. The commit that makes this handle durable flushes
/// the device first.
fn end_io<D: Device>(fs: &Filesystem<D>, ioend: &Ioend) -> Result<(), FsError> {
    let inode = &ioend.inode;
    let mut handle = fs.start_handle(allocate::CREDITS)?;
    if ioend.unwritten {
        convert_unwritten(fs, &mut handle, inode, ioend.blocks.clone())?;
    }
    (fs.protocol.update_disksize)(fs, &mut handle, inode, ioend.end)?;
    handle.stop();
    Ok(())
}

/// Marks the unwritten blocks of a range written. Who does not change the inode otherwise marks it
/// dirty.
///
/// # Locking
/// Requires: a handle. Takes: `i_data_sem`.
///
/// # Crash
/// Requires that the blocks have been written.
///
/// # Errors
/// [`FsError::TooManyExtents`], and [`FsError::NoSpace`] if a leaf is needed that only a commit
/// makes available: then nothing has changed. [`FsError::Journal`].
pub fn convert_unwritten<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    blocks: Range<Lblk>,
) -> Result<(), FsError> {
    let mut data = inode.lock_data();
    let converted = allocate::change_tree(fs, handle, inode, &mut data, |tree| {
        tree.convert(blocks.clone())
    })?;
    trace::step("convert to written", || args([("", trace::range(&blocks))]));
    for mapping in converted {
        data.insert_status(mapping);
    }
    Ok(())
}

/// Raises the size on disk to `end`, but no further than the file reaches, and writes the inode.
///
/// # Locking
/// Requires: a handle. Takes: `i_data_sem`.
///
/// # Crash
/// Requires that the data below the new size have been written: the commit makes both durable.
///
/// # Errors
/// [`FsError::Journal`].
pub fn update_disksize<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    end: u64,
) -> Result<(), FsError> {
    let data = inode.lock_data();
    let end = end.min(inode.size.get());
    if end > inode.disksize.get() {
        trace::step("raise i_disksize", || args([("to", end.into())]));
        inode.disksize.set(end);
    }
    fs.mark_inode_dirty(handle, inode, &data)
}

fn end_writeback(ioend: &Ioend) {
    for folio in &ioend.folios {
        folio.end_batch();
    }
}
