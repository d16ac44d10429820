//! # Source
//! The ext4-on-iomap series v2, on stopping the handle before the folio is written to. Catalogue
//! entry D92.
//!
//! # Breaks
//! I34: a handle waits for writeback, whose completion waits for the commit, which waits for the
//! handle. Where all three meet it is a deadlock.
//!
//! A writer is held up, while too much is dirty, with its handle open.

use super::extfs::delalloc;
use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::units::Lblk;

/// Waits for writeback under a handle.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.buffered_write_begin = |fs, inode, range| {
        let _handle = fs.start_handle(1)?;
        for folio in inode.cache.lookup(Lblk(0)..Lblk(u32::MAX)) {
            fs.wait_on_writeback(&folio);
        }
        delalloc::write_begin(fs, inode, range)
    };
}
