//! Dropping an inode from memory, and with it, if it has no name any more, from the disk.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_evict_inode`, fs/ext4/super.c `ext4_clear_inode`.

use crate::design::Design;
use crate::device::Device;
use crate::error::FsError;
use crate::fs::Filesystem;
use crate::inode::Inode;
use crate::journal::Handle;
use crate::trace::args;
use crate::units::Lblk;
use crate::{allocate, orphan, trace};
use rt::sync::Arc;

/// Every block of a file.
const ALL: std::ops::Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

/// Credits for deleting an inode: what removing its extents and leaving the orphan list take, and
/// the inode bitmap.
const DELETE_CREDITS: u32 = orphan::CREDITS + allocate::CREDITS + 1;

/// Closes a file. If it has no name any more, and nobody else has it open, it is deleted.
///
/// # Locking
/// Requires: no lock and no handle. Takes: what [`delete`] takes.
///
/// # Crash
/// As [`delete`].
///
/// # Errors
/// As [`delete`].
pub fn iput<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>) -> Result<(), FsError> {
    match inode.put() {
        true => delete(fs, inode),
        false => Ok(()),
    }
}

/// Deletes an inode that has no name: drops its folios, frees its blocks and its number, and takes
/// it off the orphan list.
///
/// # Locking
/// Requires: that nobody else uses the inode, and no handle. Takes: in the BH design a handle, and
/// folio locks under it; folio locks, waiting for writeback; then a handle, under which
/// `i_data_sem`, the orphan lock, the inode's `JI_COMMIT_RUNNING` and the group lock.
///
/// # Crash
/// One transaction: before it has committed, the inode is on the orphan list, and recovery does the
/// same.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`]. The inode has left memory all the same; on disk it
/// stays an orphan.
pub fn delete<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>) -> Result<(), FsError> {
    if fs.design() == Design::Bh {
        let handle = fs.start_handle(1)?;
        (fs.protocol.begin_ordered_truncate)(fs, &handle, inode, 0);
    }
    drop_folios(fs, inode);
    let started = fs.start_handle(DELETE_CREDITS);
    let mut handle = started.inspect_err(|_| clear_inode(fs, inode))?;
    let emptied = remove_content(fs, &mut handle, inode);
    // Before the number is free, or this might drop its next owner.
    clear_inode(fs, inode);
    emptied?;
    fs.space().free_inode(&mut handle, inode.ino)?;
    handle.stop();
    fs.space().release_metadata(allocate::LEAVES_MAX);
    Ok(())
}

/// Frees the blocks of a file without a name, and takes it off the orphan list.
///
/// # Locking
/// As [`delete`], of which it is the part under the handle.
fn remove_content<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
) -> Result<(), FsError> {
    {
        let mut data = inode.lock_data();
        trace::step("delete inode", || args([("ino", inode.ino.0.into())]));
        inode.disksize.set(0);
        inode.size.set(0);
        (fs.protocol.remove_space)(fs, handle, inode, &mut data, ALL)?;
        fs.mark_inode_dirty(handle, inode, &data)?;
    }
    (fs.protocol.orphan_del)(fs, handle, inode)?;
    // The time of deletion. This core reads no clock; and a time that could be an inode's number
    // would look like a link of the orphan list.
    let earliest = fs.geometry().inodes + 1;
    fs.modify_inode(handle, inode.ino, |on_disk| {
        on_disk.dtime = on_disk.mtime.max(earliest);
    })
}

/// Takes an inode out of memory: nobody finds it from then on, and no commit works on it.
///
/// # Locking
/// Requires: that nobody else uses the inode. Takes: what [`JournalInode::release`] takes, then
/// `inode_hash_lock`.
///
/// [`JournalInode::release`]: crate::journal::JournalInode::release
fn clear_inode<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>) {
    (fs.protocol.release_jbd_inode)(inode);
    if let Some(tid) = inode.jinode.peek().transaction {
        rt::finding(
            "I33",
            || format!("inode {}: with no transaction when it goes", inode.ino),
            || format!("transaction {tid} has its data ordered"),
        );
    }
    fs.inodes.write(|inodes| inodes.remove(&inode.ino));
}

/// Takes an inode that leaves memory out of the transactions that have its data ordered, waiting
/// for the commit that is working on it.
///
/// # Locking
/// As [`JournalInode::release`].
///
/// [`JournalInode::release`]: crate::journal::JournalInode::release
pub fn release_jbd_inode(inode: &Inode) {
    inode.jinode.release();
}

fn drop_folios<D: Device>(fs: &Filesystem<D>, inode: &Inode) {
    for folio in inode.cache.lookup(ALL) {
        let mut guard = folio.lock();
        fs.wait_on_writeback(&folio);
        inode.cache.detach(&mut guard);
    }
}

/// Drops the page cache and all that is known about the mapping of a linked file. Its dirty data
/// must have been written.
///
/// The *canary*: with the cache gone, a block that is still delayed was never going to be written,
/// so its reservation has leaked (invariant I2).
///
/// # Locking
/// Requires: that nobody else uses the inode. Takes: folio locks, `i_data_sem`; then what
/// [`delete`] takes for an inode that leaves memory.
pub fn evict<D: Device>(fs: &Filesystem<D>, inode: &Arc<Inode>) {
    drop_folios(fs, inode);
    release_delayed(fs, inode);
    clear_inode(fs, inode);
}

fn release_delayed<D: Device>(fs: &Filesystem<D>, inode: &Inode) {
    let mut data = inode.lock_data();
    let leaked = data.reserved;
    if leaked != 0 {
        rt::finding(
            "I2",
            || {
                format!(
                    "inode {}: no block is reserved once its cache is gone",
                    inode.ino
                )
            },
            || format!("{leaked} blocks are still reserved"),
        );
    }
    let delayed = data.remove_status(ALL);
    fs.space().release(delayed);
    data.reserved -= delayed;
    data.quota_reserved -= u64::from(delayed);
}
