//! Invariants of what the file system counts, while no call is in flight: each counter says what
//! the files and the bitmap say.

use super::Violation;
use super::quiescent::File;
use crate::allocate::LEAVES_MAX;
use crate::device::Device;
use crate::disk::geometry::FIRST_INO;
use crate::fs::Filesystem;
use crate::space::Counters;

/// Evaluates all of them, where the inodes in memory have reserved so many blocks.
pub(super) fn violations<D: Device>(
    fs: &Filesystem<D>,
    reserved: u64,
    files: &[File],
) -> impl Iterator<Item = Violation> {
    let counters = fs.space().peek_counters();
    let ordinary = || files.iter().filter(|file| file.ino >= FIRST_INO);
    let owned = ordinary().map(|file| file.blocks.len() as u64).sum();
    let regular = ordinary().filter(|file| file.is_regular);
    let for_trees = regular.map(|file| u64::from(LEAVES_MAX.saturating_sub(file.leaves)));
    let free = u64::from(fs.space().peek_bitmap().count_clear());
    let found = [
        i2(&counters, reserved, for_trees.sum()),
        i3(&counters, owned),
        i4(&counters, free),
    ];
    found.into_iter().flatten()
}

/// I2: what the inodes have reserved is what the file system has promised, and so is what their
/// extent trees may still need.
fn i2(counters: &Counters, reserved: u64, for_trees: u64) -> Option<Violation> {
    let is_promised = (counters.dirty, counters.quota_reserved) == (reserved, reserved)
        && counters.metadata == for_trees;
    (!is_promised).then(|| Violation {
        invariant: "I2",
        expected: format!(
            "{reserved} blocks are promised, as the inodes have reserved, and {for_trees} to \
             extent trees"
        ),
        observed: format!("{counters:?}"),
    })
}

/// I3: owners are charged for what the files own, taken together.
fn i3(counters: &Counters, owned: u64) -> Option<Violation> {
    (counters.quota_used != owned).then(|| Violation {
        invariant: "I3",
        expected: format!("quota used = blocks owned by files = {owned}"),
        observed: format!("{counters:?}"),
    })
}

/// I4: what counts as free is what the bitmap says is.
fn i4(counters: &Counters, free: u64) -> Option<Violation> {
    (counters.free != free).then(|| Violation {
        invariant: "I4",
        expected: format!("{free} blocks are free, as in the bitmap"),
        observed: format!("{counters:?}"),
    })
}
