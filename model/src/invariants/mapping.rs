//! Maps in use, and the ownership of disk blocks.

use crate::file::{Extent, Inode, IoStage, Ioend, Lblk, Pblk};

/// I8: a map equals the true mapping at the moment of its use.
///
/// `used` is what the user of the map believes about `block`. The moment of use begins when the
/// map was found valid under the folio lock and ends when the I/O has been submitted.
pub fn i8_map_is_true(inode: &Inode, block: Lblk, used: Extent) -> bool {
    inode.extents[block.index()] == used
}

/// I15: no disk block has two owners, and none is written to without an owner.
///
/// P0: no two blocks of the file share a disk block. P1: the target of every write that the
/// device has not finished is mapped by the file; otherwise the allocator may hand it to another
/// file, whose data the write would destroy.
pub fn i15_blocks_have_one_owner(inode: &Inode, ioends: &[Ioend]) -> bool {
    let mut owned: Vec<Pblk> = inode
        .extents
        .iter()
        .filter_map(|extent| extent.pblk())
        .collect();
    let count = owned.len();
    owned.sort_unstable();
    owned.dedup();
    let p0 = owned.len() == count;
    let mut in_flight = ioends
        .iter()
        .filter(|ioend| ioend.stage == IoStage::InFlight);
    let p1 = in_flight.all(|ioend| owned.contains(&ioend.pblk));
    p0 && p1
}

/// I16: no block that the running transaction has freed is mapped again.
///
/// Until that transaction commits, a crash brings the old owner back.
pub fn i16_freed_not_reused(inode: &Inode) -> bool {
    inode
        .extents
        .iter()
        .filter_map(|extent| extent.pblk())
        .all(|pblk| !inode.freed.contains(&pblk))
}
