//! # Source
//! Constructed from the rule that blocks become allocatable when the commit has called back.
//! Catalogue entry D75.
//!
//! # Breaks
//! I22: after a crash the old owner reads the data of the new one.
//!
//! Blocks can be handed out again as soon as they are freed, before that has committed.

use super::extfs::device::Device;
use super::extfs::protocol::Protocol;
use super::extfs::truncate;
use super::extfs::units::Pblk;

/// Forgets that a commit has to come first.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.remove_space = |fs, handle, inode, data, range| {
        let extents = data.tree.extents().iter();
        let freed = extents.flat_map(|e| (e.pblk.0..e.pblk.0 + u64::from(e.len)).map(Pblk));
        let freed = freed.collect();
        truncate::remove_space(fs, handle, inode, data, range)?;
        fs.space().committed(&freed);
        Ok(())
    };
}
