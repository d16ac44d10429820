//! Unfinished truncates: the orphan record and what it protects.

use crate::file::{Extent, Inode, Metadata};

/// I14: after recovery no written extent lies at or past the size.
///
/// Growing the file would make its bytes readable. Unwritten extents there are legal: a crash
/// between the commit of an allocation and the commit of the size leaves them, and they read as
/// zeroes.
pub fn i14_no_written_past_size(recovered: &Inode) -> bool {
    !has_written_past(&recovered.extents, recovered.i_size)
}

/// I18: after recovery nothing is left on the orphan list.
pub fn i18_no_orphan_left(recovered: &Inode) -> bool {
    !recovered.orphan
}

/// I19: a committed state that needs repair has its orphan record in the same transaction or in
/// an earlier one.
///
/// A state needs repair if written extents lie past its size (I14).
pub fn i19_repair_has_its_orphan(committed: &Metadata) -> bool {
    committed.orphan || !has_written_past(&committed.extents, committed.size)
}

fn has_written_past(extents: &[Extent], size: u8) -> bool {
    extents[usize::from(size)..]
        .iter()
        .any(|extent| matches!(extent, Extent::Written(_)))
}
