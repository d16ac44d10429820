//! What a direct write finds out before it begins: which lock it needs, and whether it may leave
//! before its I/O has ended.
//!
//! # Source
//! linux v7.0 fs/ext4/file.c `ext4_dio_write_checks`, `ext4_extending_io`, `ext4_overwrite_io`,
//! `ext4_unaligned_io`.

use crate::device::Device;
use crate::extent::Status;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::lock::{ReadGuard, WriteGuard};
use crate::trace::{self, args};
use crate::units::{BLOCK_SIZE, Lblk};
use std::ops::Range;

/// What holds of a write while `i_rwsem` is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteChecks {
    /// A size may have to be raised.
    pub extends: bool,
    /// Every block is allocated, in one extent.
    pub overwrites: bool,
    /// It begins or ends within a block.
    pub unaligned: bool,
}

/// The hold on `i_rwsem` under which a write runs.
#[must_use = "the lock is released when the hold is dropped"]
pub enum Hold<'a> {
    /// Others may write at the same time.
    Shared(ReadGuard<'a, ()>),
    /// Nobody else writes, and sizes may change.
    Exclusive(WriteGuard<'a, ()>),
}

/// Takes `i_rwsem` as the write of a range of bytes needs it. What was found out under the shared
/// lock is found out again under the exclusive one.
///
/// # Locking
/// Takes: `i_rwsem`, shared or exclusive, and what a lookup of the mapping takes. Drops and
/// retakes: `i_rwsem`, to take it exclusively.
pub fn lock_for_write<'a, D: Device>(
    fs: &Filesystem<D>,
    inode: &'a Inode,
    range: &Range<u64>,
) -> (Hold<'a>, WriteChecks) {
    if range.end <= inode.size.get() {
        let hold = Hold::Shared(inode.i_rwsem.read());
        let checks = write_checks(fs, inode, range);
        if !(fs.protocol.dio_needs_exclusive)(&checks) {
            return (hold, checks);
        }
    }
    let hold = Hold::Exclusive(inode.i_rwsem.write());
    let checks = write_checks(fs, inode, range);
    (hold, checks)
}

fn write_checks<D: Device>(fs: &Filesystem<D>, inode: &Inode, range: &Range<u64>) -> WriteChecks {
    let is_inside_block = |offset: u64| !offset.is_multiple_of(BLOCK_SIZE as u64);
    let checks = WriteChecks {
        extends: (fs.protocol.dio_extends)(inode, range.end),
        overwrites: overwrites(inode, range),
        unaligned: is_inside_block(range.start) || is_inside_block(range.end),
    };
    trace::step("check direct write", || {
        args([
            ("", range.clone().into()),
            ("extends", checks.extends.into()),
            ("overwrites", checks.overwrites.into()),
            ("unaligned", checks.unaligned.into()),
        ])
    });
    checks
}

/// Whether a write that ends at byte `end` may have to raise a size. The size on disk is asked too:
/// it may be the smaller one, while data before the write has not been written back.
///
/// # Locking
/// Requires: `i_rwsem`. Held shared, it keeps the answer true only if it is no: I/O in flight may
/// raise the size on disk meanwhile.
pub fn extends(inode: &Inode, end: u64) -> bool {
    end > inode.size.get() || end > inode.disksize.get()
}

/// Whether every block of a range inside the file is allocated, in one extent.
fn overwrites(inode: &Inode, range: &Range<u64>) -> bool {
    if range.end > inode.size.get() {
        return false;
    }
    let (mapping, _) = inode.query(Lblk::containing(range.start));
    let is_allocated = matches!(mapping.status, Status::Written(_) | Status::Unwritten(_));
    is_allocated && mapping.end() >= Lblk::round_up(range.end)
}

/// Whether a write must hold `i_rwsem` exclusively: to allocate, to raise a size, or because what
/// it does not cover of a block is written along with the rest.
pub fn needs_exclusive(checks: &WriteChecks) -> bool {
    checks.extends || !checks.overwrites || checks.unaligned
}

/// Before an unaligned write: waits for all direct I/O, or what is in flight to other parts of its
/// blocks would be overwritten with what they held before.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive.
pub fn drain_before<D: Device>(fs: &Filesystem<D>, inode: &Inode, checks: &WriteChecks) {
    if checks.unaligned {
        (fs.protocol.inode_dio_wait)(fs, inode);
    }
}

/// Whether a write must be waited for under `i_rwsem`: one that extends, because sizes and orphan
/// list change at its end, and an unaligned one, because a device may keep either of two writes to
/// one block that are in flight at once, and this one holds what others had written before.
pub fn must_wait(checks: &WriteChecks) -> bool {
    checks.extends || checks.unaligned
}
