//! Invariants of writeback, evaluated where it uses a mapping.

use crate::extent::Mapping;
use crate::inode::Inode;
use crate::units::Lblk;

/// I8: the mapping that is used for a block is the block's true mapping.
///
/// # Locking
/// Requires: the lock of the folio that holds `lblk`, so that the true mapping does not change.
pub fn check_map_in_use(inode: &Inode, lblk: Lblk, mapping: Mapping) {
    if !rt::CHECKED {
        return;
    }
    let used = mapping.status_at(lblk).and_then(|status| status.pblk());
    let known = inode.peek_status(lblk);
    let is_true = known.is_some_and(|status| status.pblk() == used);
    if !is_true {
        rt::finding(
            "I8",
            || {
                let word = known.map_or("unknown", |status| status.word());
                format!(
                    "inode {}: block {lblk} is written where it is mapped: {word}",
                    inode.ino
                )
            },
            || format!("writeback uses {mapping:?}"),
        );
    }
}

/// I6: a dirty block inside the file is never over a hole when it is written.
///
/// # Locking
/// As [`check_map_in_use`].
pub fn check_backed(inode: &Inode, lblk: Lblk, mapping: Mapping) {
    // Whoever calls this has found the violation, so it costs nothing where there is none.
    rt::finding(
        "I6",
        || {
            format!(
                "inode {}: dirty block {lblk} is delayed or allocated",
                inode.ino
            )
        },
        || format!("writeback finds {mapping:?}"),
    );
}
