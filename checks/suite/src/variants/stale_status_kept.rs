//! # Source
//! "ext4: prevent stale extent cache entries caused by concurrent I/O writeback": what was read
//! before is cached after. Catalogue entry D12.
//!
//! # Breaks
//! I7: the extent status tree names blocks that are not the file's.
//!
//! What a lookup found before blocks were removed goes into the cache again.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::truncate;

/// Caches what was there before.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.remove_space = |fs, handle, inode, data, range| {
        let (before, _) = inode.query_locked(data, range.start);
        truncate::remove_space(fs, handle, inode, data, range)?;
        if before.status.pblk().is_some() {
            data.insert_status(before);
        }
        Ok(())
    };
}
