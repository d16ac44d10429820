//! The two sizes, and the data below the size on disk.

use crate::file::{Content, Disk, Extent, Inode, Lblk, Metadata};

/// I9: `i_disksize` never exceeds `i_size`.
pub fn i9_disksize_within_size(inode: &Inode) -> bool {
    inode.i_disksize <= inode.i_size
}

/// I11: a size is committed only after the data below it is durable.
///
/// Blocks that a truncate call brought below the size are excepted: that call promises a size and
/// no data.
pub fn i11_size_after_data(disk: &Disk) -> bool {
    appended_blocks_hold_data(&disk.committed, &disk.medium)
}

/// I23: after recovery the appended blocks hold data that was written, not unexplained zeroes.
///
/// The same demand as I11, made of the recovered file and with the same exception.
pub fn i23_no_unexplained_zeroes(recovered: &Inode, disk: &Disk) -> bool {
    appended_blocks_hold_data(&recovered.metadata(), &disk.medium)
}

fn appended_blocks_hold_data(metadata: &Metadata, medium: &[Content]) -> bool {
    let mut appended = (0..metadata.size).filter(|block| !metadata.explicit.contains(block));
    appended.all(|block| {
        let Extent::Written(pblk) = metadata.extents[usize::from(block)] else {
            return false;
        };
        matches!(medium[pblk.index()], Content::Data(data) if data.block == Lblk(block))
    })
}
