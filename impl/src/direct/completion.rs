//! The end of a direct write: converting, raising sizes, dropping stale folios.
//!
//! # Source
//! linux v7.0 fs/iomap/direct-io.c `iomap_dio_complete`, `iomap_dio_complete_work`;
//! fs/ext4/file.c `ext4_dio_write_end_io`. The kernel's interrupt and its worker are one here: the
//! worker waits for the device itself.

use super::submit::DirectIo;
use crate::completion::convert_unwritten;
use crate::device::Device;
use crate::error::FsError;
use crate::fs::{Background, Filesystem};
use crate::inode::Inode;
use crate::lock::{Flag, Key, WorkList, class};
use crate::trace::{self, args};
use crate::{allocate, fsync, orphan};
use rt::sync::LeafMutex;

/// A direct write that nobody waits for yet, as its caller sees it.
#[derive(Debug)]
pub struct AsyncWrite {
    /// Raised until the write has ended.
    pending: Flag,
    /// Set once, before the flag is cleared, and read by who has waited for that.
    outcome: LeafMutex<Option<Result<usize, FsError>>>,
}

impl AsyncWrite {
    /// A write to inode `ino` that has not ended.
    pub fn new(ino: u32) -> AsyncWrite {
        let pending = Flag::new(&class::DIRECT_DONE, Key::One(u64::from(ino)));
        pending.raise();
        AsyncWrite {
            pending,
            outcome: LeafMutex::new(None),
        }
    }

    fn end(&self, outcome: Result<usize, FsError>) {
        self.outcome.with(|slot| *slot = Some(outcome));
        self.pending.clear();
    }
}

/// Ends a direct write whose blocks have been submitted. Returns the number of bytes written.
///
/// # Locking
/// Requires: `i_dio_count`, which it gives back; and `i_rwsem`, exclusive, if the write extends
/// the file. Takes: what [`write_end_io`] takes, and then folio locks; where the write is
/// synchronous, what [`fsync::fsync_range`] takes.
///
/// # Errors
/// What the I/O failed with, or what [`write_end_io`] or [`fsync::fsync_range`] fails with.
pub fn complete<D: Device>(fs: &Filesystem<D>, mut dio: DirectIo) -> Result<usize, FsError> {
    for ticket in std::mem::take(&mut dio.tickets) {
        if let Err(error) = fs.device().complete(ticket) {
            dio.error.get_or_insert(error.into());
        }
    }
    trace::step("direct I/O completes", || {
        args([
            ("", (dio.offset..dio.end()).into()),
            ("ok", dio.error.is_none().into()),
        ])
    });
    let outcome = match dio.error.take() {
        Some(error) => Err(error),
        None if dio.submitted == 0 => Ok(0),
        None => {
            let outcome = (fs.protocol.dio_write_end_io)(fs, &dio);
            (fs.protocol.dio_invalidate_after)(fs, &dio.inode, dio.blocks());
            outcome.map(|()| dio.submitted)
        }
    };
    dio.inode.dio_count.end();
    let written = outcome?;
    if let Some(sync) = dio.sync.filter(|_| written > 0 && !dio.is_through) {
        // After the sizes, which are part of it.
        fsync::fsync_range(fs, &dio.inode, dio.blocks(), sync)?;
    }
    Ok(written)
}

/// Says that what a synchronous write has written is durable.
pub(super) fn acknowledge(inode: &Inode, offset: u64, written: usize) {
    if written > 0 {
        rt::acknowledged("synchronous write", || {
            let end = offset + written as u64;
            args([("ino", inode.ino.0.into()), ("", (offset..end).into())])
        });
    }
}

/// Makes what was submitted part of the file: converts its blocks, and raises the sizes if it
/// ends beyond one of them. What was mapped but not submitted is not its business.
///
/// # Locking
/// Takes: handles, each with `i_data_sem`. Requires: `i_rwsem`, exclusive, if the write extends the
/// file.
///
/// # Crash
/// The data may be in the volatile cache still. The commit that makes a handle durable flushes the
/// device first.
///
/// # Errors
/// [`FsError::TooManyExtents`], because converting splits extents; [`FsError::Journal`],
/// [`FsError::Device`].
pub fn write_end_io<D: Device>(fs: &Filesystem<D>, dio: &DirectIo) -> Result<(), FsError> {
    let inode = &dio.inode;
    if dio.unwritten {
        allocate::retry_after_commit(fs, || convert(fs, dio))?;
    }
    if dio.end() <= inode.disksize.get() && dio.end() <= inode.size.get() {
        return Ok(());
    }
    (fs.protocol.handle_inode_extension)(fs, inode, dio.end(), dio.submitted == dio.asked)
}

fn convert<D: Device>(fs: &Filesystem<D>, dio: &DirectIo) -> Result<(), FsError> {
    let mut handle = fs.start_handle(orphan::CREDITS + allocate::CREDITS)?;
    convert_unwritten(fs, &mut handle, &dio.inode, dio.blocks())?;
    let data = dio.inode.lock_data();
    fs.mark_inode_dirty(&mut handle, &dio.inode, &data)
}

impl<D: Device> Filesystem<D> {
    /// Direct writes that have been submitted and that nobody waits for under a lock.
    pub fn direct_in_flight(&self) -> &WorkList<DirectIo> {
        &self.direct_in_flight
    }

    /// Ends the oldest such write. Returns whether there was one.
    pub fn step_direct_io(&self) -> bool {
        match self.direct_in_flight.try_pop() {
            Some(dio) => {
                end_async(self, dio);
                true
            }
            None => false,
        }
    }

    /// Ends such writes until [`WorkList::close`] is called on [`Filesystem::direct_in_flight`] and
    /// none is left. The body of the worker thread, which is another than that of writeback: this
    /// one waits for writeback.
    pub fn direct_io_worker(&self) {
        while let Some(dio) = self.direct_in_flight.pop() {
            end_async(self, dio);
        }
    }

    /// Waits until a direct write has ended. Returns the number of bytes written.
    ///
    /// # Errors
    /// As [`complete`].
    pub fn wait_direct_io(&self, write: &AsyncWrite) -> Result<usize, FsError> {
        if self.background == Background::Stepped {
            while write.pending.peek() && self.step_direct_io() {}
        }
        write.pending.wait_clear();
        write.outcome.with(|slot| slot.clone()).unwrap_or(Ok(0))
    }
}

fn end_async<D: Device>(fs: &Filesystem<D>, mut dio: DirectIo) {
    let kiocb = dio.kiocb.take();
    let (inode, offset, sync) = (dio.inode.clone(), dio.offset, dio.sync);
    let outcome = complete(fs, dio);
    if let (Ok(written), Some(_)) = (&outcome, sync) {
        acknowledge(&inode, offset, *written);
    }
    if let Some(kiocb) = kiocb {
        kiocb.end(outcome);
    }
}
