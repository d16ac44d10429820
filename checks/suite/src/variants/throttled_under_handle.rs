//! # Source
//! The ext4-on-iomap series v2, on stopping the handle before the folio is written to. Catalogue
//! entry D92.
//!
//! # Breaks
//! I34: a handle waits for writeback, whose completion waits for the commit, which waits for the
//! handle. Where all three meet it is a deadlock.
//!
//! A writer is held up, while too much is dirty, with its handle open.

use super::extfs::delalloc::{self, Iomap};
use super::extfs::device::Device;
use super::extfs::error::FsError;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;
use std::ops::Range;

/// Waits for writeback under a handle.
pub enum ThrottledUnderHandle {}

impl JournalSteps for ThrottledUnderHandle {}

impl Protocol for ThrottledUnderHandle {
    fn buffered_write_begin<D: Device>(
        fs: &Filesystem<D, Self>,
        inode: &Inode,
        range: Range<Lblk>,
    ) -> Result<Iomap, FsError> {
        let _handle = fs.start_handle(1)?;
        for folio in inode.cache.lookup(Lblk(0)..Lblk(u32::MAX)) {
            fs.wait_on_writeback(&folio);
        }
        delalloc::write_begin(fs, inode, range)
    }
}
