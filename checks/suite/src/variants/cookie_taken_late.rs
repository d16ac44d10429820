//! # Source
//! "ext4: pass out extent seq counter when mapping da blocks". Catalogue entry D25.
//!
//! # Breaks
//! I8: a block is written where it is not mapped any more.
//!
//! The mapping comes from under i_data_sem, its cookie from after: a truncate between the two makes
//! a stale mapping look current.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::writeback;

/// Reads the sequence number outside the critical section.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.map_one_extent = |fs, inode, range| {
        let (mapping, _) = writeback::map_one_extent(fs, inode, range)?;
        let (_, cookie) = inode.query(mapping.start);
        Ok((mapping, cookie))
    };
}
