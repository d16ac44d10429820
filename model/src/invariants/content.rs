//! What the disk holds against what the mapping says of it.

use crate::file::{Content, Disk, Extent, Folio, Inode, Lblk};

/// I13: an extent is written only if the disk holds the file's data there.
pub fn i13_written_holds_data(inode: &Inode, disk: &Disk) -> bool {
    let size = inode.extents.len();
    (0..size).all(|index| written_holds_own_data(inode, disk, index))
}

/// I22: after recovery no byte of an earlier owner is readable.
///
/// Only blocks below the size are readable; those past it are the business of I14.
pub fn i22_no_garbage_readable(recovered: &Inode, disk: &Disk) -> bool {
    let size = usize::from(recovered.i_size);
    (0..size).all(|index| written_holds_own_data(recovered, disk, index))
}

/// I37: a clean folio equals the disk through the current mapping.
///
/// `busy` says whether someone holds the folio's lock; its flags are then in transition. A folio
/// which is dirty or under writeback is not judged. A clean one may be dropped at any moment
/// and read back, so a difference is lost data.
pub fn i37_clean_equals_disk(
    inode: &Inode,
    disk: &Disk,
    folios: &[Folio],
    busy: impl Fn(Lblk) -> bool,
) -> bool {
    let blocks = (0..inode.i_size).map(Lblk);
    blocks
        .filter(|block| !busy(*block))
        .all(|block| match folios[block.index()] {
            Folio::Present {
                version,
                dirty: false,
                writeback: false,
            } => match inode.extents[block.index()] {
                Extent::Written(pblk) => matches!(
                    disk.medium[pblk.index()],
                    Content::Data(data) if data.block == block && data.version == version
                ),
                _ => false,
            },
            _ => true,
        })
}

fn written_holds_own_data(inode: &Inode, disk: &Disk, index: usize) -> bool {
    let Extent::Written(pblk) = inode.extents[index] else {
        return true;
    };
    matches!(disk.medium[pblk.index()], Content::Data(data) if data.block.index() == index)
}
