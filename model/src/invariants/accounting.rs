//! Reservations and quota.

use crate::file::{Extent, Inode};

/// I1: the reserved count equals the number of delayed blocks.
///
/// A count that is too high makes the file system report itself full too early, and is found at
/// the latest when the inode is evicted; one that is too low lets writeback run out of space that
/// a write call was promised.
pub fn i1_reserved_equals_delayed(inode: &Inode) -> bool {
    let delayed = inode
        .extents
        .iter()
        .filter(|extent| **extent == Extent::Delayed)
        .count();
    usize::try_from(inode.reserved) == Ok(delayed)
}

/// I3: quota used equals the number of allocated blocks, quota reserved equals the reserved count,
/// and neither is negative.
pub fn i3_quota_equals_blocks(inode: &Inode) -> bool {
    let allocated = inode
        .extents
        .iter()
        .filter(|extent| extent.pblk().is_some())
        .count();
    usize::try_from(inode.quota_used) == Ok(allocated)
        && inode.quota_reserved == inode.reserved
        && inode.quota_reserved >= 0
}
