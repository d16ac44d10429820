//! Invariants of one inode that hold whenever `i_data_sem` is free.

use super::Violation;
use crate::extent::Status;
use crate::inode::{DataGuard, Inode};

/// Evaluates them and reports those that do not hold. Called when `i_data_sem` is released.
pub fn check(inode: &Inode, data: &DataGuard<'_>) {
    for violation in violations(inode, data) {
        let Violation {
            invariant,
            expected,
            observed,
        } = violation;
        rt::finding(invariant, || expected, || observed);
    }
}

/// Those that do not hold.
///
/// # Locking
/// Requires: `i_data_sem`, exclusive, which `data` is.
pub fn violations(inode: &Inode, data: &DataGuard<'_>) -> Vec<Violation> {
    [i1(inode, data), i3(inode, data), i7(inode, data), i9(inode)]
        .into_iter()
        .flatten()
        .collect()
}

/// I1: as many blocks are reserved as are delayed.
fn i1(inode: &Inode, data: &DataGuard<'_>) -> Option<Violation> {
    let delayed = data.peek_status_tree(|tree| tree.delayed());
    (data.reserved != delayed).then(|| Violation {
        invariant: "I1",
        expected: format!(
            "inode {}: {delayed} blocks are delayed and reserved",
            inode.ino
        ),
        observed: format!("{} blocks are reserved", data.reserved),
    })
}

/// I3: the owner is charged for what the file owns, and has reserved what the file has.
fn i3(inode: &Inode, data: &DataGuard<'_>) -> Option<Violation> {
    let owned = data.tree.data_blocks() + data.tree.leaves().len() as u64;
    if data.quota_used != owned {
        let (used, stale) = (data.quota_used, owned.abs_diff(data.quota_used));
        return Some(Violation {
            invariant: "I3",
            expected: format!(
                "inode {}: quota used = blocks allocated = {owned}",
                inode.ino
            ),
            observed: format!("quota used = {used}: {stale} blocks are stale"),
        });
    }
    (data.quota_reserved != u64::from(data.reserved)).then(|| Violation {
        invariant: "I3",
        expected: format!(
            "inode {}: quota reserved = {} blocks",
            inode.ino, data.reserved
        ),
        observed: format!("quota reserved = {}", data.quota_reserved),
    })
}

/// I7: what is cached of the mapping is what the extent tree says; delayed blocks lie over holes.
fn i7(inode: &Inode, data: &DataGuard<'_>) -> Option<Violation> {
    let known = data.peek_status_tree(|tree| tree.iter().collect::<Vec<_>>());
    for cached in known {
        let mut at = cached.start;
        while at < cached.end() {
            let on_disk = data.tree.lookup(at);
            let status = cached.status_at(at).unwrap_or(Status::Hole);
            let agrees = match status {
                Status::Delayed => on_disk.status == Status::Hole,
                _ => on_disk.status == status,
            };
            if !agrees {
                return Some(Violation {
                    invariant: "I7",
                    expected: format!("inode {}: {on_disk:?}, as in the extent tree", inode.ino),
                    observed: format!("{cached:?} in the extent status tree"),
                });
            }
            at = on_disk.end().min(cached.end());
        }
    }
    None
}

/// I9: the size on disk is no larger than the size.
fn i9(inode: &Inode) -> Option<Violation> {
    let (size, disksize) = (inode.size.peek(), inode.disksize.peek());
    (disksize > size).then(|| Violation {
        invariant: "I9",
        expected: format!("inode {}: i_disksize <= i_size = {size}", inode.ino),
        observed: format!("i_disksize = {disksize}"),
    })
}
