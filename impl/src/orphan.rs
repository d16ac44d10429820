//! The orphan list: inodes whose truncate or delete recovery must finish.
//!
//! The head is in the superblock, each link in the deletion-time field of the inode before. An
//! inode that is being truncated is put on the list in the transaction that changes its size, so
//! that no crash leaves blocks past the end of a file with nobody to free them.
//!
//! # Source
//! linux v7.0 fs/ext4/orphan.c `ext4_orphan_add`, `ext4_orphan_del`, `ext4_orphan_cleanup`; the
//! orphan *file* is not supported.

use crate::device::Device;
use crate::disk;
use crate::disk::superblock::Superblock;
use crate::error::FsError;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::journal::Handle;
use crate::trace;
use crate::units::Ino;

/// Credits for adding to or deleting from the list: the superblock, the inode, and the inode
/// before it.
pub const CREDITS: u32 = 3;

/// The list in memory, newest first. Protected by `s_orphan_lock`.
#[derive(Debug, Default)]
pub struct OrphanList {
    members: Vec<Ino>,
}

impl OrphanList {
    /// The list as read from disk.
    pub fn from_members(members: Vec<Ino>) -> OrphanList {
        OrphanList { members }
    }

    /// The members, newest first.
    pub fn members(&self) -> &[Ino] {
        &self.members
    }
}

/// Puts an inode at the head of the list. Nothing happens if it is on the list already.
///
/// # Locking
/// Requires: `i_rwsem` of the inode, exclusive, unless the inode is new; and a handle. Takes:
/// `s_orphan_lock`.
///
/// # Crash
/// Once the handle's transaction has committed, recovery finishes what the caller begins.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn add<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
) -> Result<(), FsError> {
    let mut list = fs.orphans();
    if list.members.contains(&inode.ino) {
        return Ok(());
    }
    trace::step("orphan add", || trace::args([("ino", inode.ino.0.into())]));
    let next = list.members.first().copied().unwrap_or_default();
    set_link(fs, handle, inode.ino, next)?;
    set_head(fs, handle, inode.ino)?;
    list.members.insert(0, inode.ino);
    Ok(())
}

/// Takes an inode off the list. Nothing happens if it is not on it.
///
/// # Locking
/// As [`add`].
///
/// # Crash
/// The handle's transaction must hold, or follow, everything that recovery would have had to do.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub fn del<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
) -> Result<(), FsError> {
    let mut list = fs.orphans();
    let Some(at) = list.members.iter().position(|member| *member == inode.ino) else {
        return Ok(());
    };
    trace::step("orphan del", || trace::args([("ino", inode.ino.0.into())]));
    let next = list.members.get(at + 1).copied().unwrap_or_default();
    match at.checked_sub(1) {
        None => set_head(fs, handle, next)?,
        Some(before) => set_link(fs, handle, list.members[before], next)?,
    }
    set_link(fs, handle, inode.ino, Ino(0))?;
    list.members.remove(at);
    Ok(())
}

/// Takes an inode off the list in memory only, where no handle can be had: the list on disk stays
/// as it is, for the next mount.
///
/// # Locking
/// As [`add`], without a handle.
///
/// # Source
/// linux v7.0 fs/ext4/orphan.c `ext4_orphan_del` without a handle, which `ext4_setattr` calls when
/// truncating has failed.
pub fn forget<D: Device>(fs: &Filesystem<D>, inode: &Inode) {
    let mut list = fs.orphans();
    list.members.retain(|member| *member != inode.ino);
}

fn set_head<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    head: Ino,
) -> Result<(), FsError> {
    let buffer = fs.superblock_buffer();
    let blocks = fs.geometry().blocks;
    handle.modify(buffer, |block| {
        let mut superblock = Superblock::decode(block, blocks)?;
        superblock.last_orphan = head;
        superblock.encode_into(block);
        Ok::<(), FsError>(())
    })?
}

fn set_link<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    ino: Ino,
    next: Ino,
) -> Result<(), FsError> {
    fs.modify_inode(handle, ino, |on_disk: &mut disk::inode::Inode| {
        on_disk.dtime = next.0
    })
}
