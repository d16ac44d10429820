//! Removing a file's name. Its inode and blocks stay until the last user has closed it.
//!
//! # Source
//! linux v7.0 fs/ext4/namei.c `ext4_unlink`, `__ext4_unlink`; fs/namei.c `vfs_unlink`.

use crate::device::Device;
use crate::directory;
use crate::disk;
use crate::disk::inode::FileType;
use crate::error::FsError;
use crate::evict;
use crate::fs::Filesystem;
use crate::fsync::Sync;
use crate::orphan;
use crate::trace;

/// Credits for removing a name: the directory block, and what the orphan list takes.
const CREDITS: u32 = 1 + orphan::CREDITS;

/// Removes the name of a file in the root directory. If nobody has the file open it is deleted,
/// else by who closes it last.
///
/// # Locking
/// Takes: the directory lock, then `i_rwsem` of the file, then a handle. What deleting the file
/// takes, it takes after all of these.
///
/// # Crash
/// The file is there, or its name is gone and it is on the orphan list, in one transaction, so that
/// recovery deletes it.
///
/// # Errors
/// [`FsError::NotFound`], [`FsError::IsDirectory`], [`FsError::Journal`], [`FsError::Format`],
/// [`FsError::Device`].
pub fn unlink<D: Device>(fs: &Filesystem<D>, name: &[u8]) -> Result<(), FsError> {
    let inode = {
        let _lock = fs.directory.lock();
        let (at, mut directory) = directory::block_of(fs, name)?;
        let ino = directory.remove(name).ok_or(FsError::NotFound)?;
        let inode = fs.inode(ino)?;
        if FileType::of_mode(inode.attributes().mode) == Some(FileType::Directory) {
            return Err(FsError::IsDirectory);
        }
        let _rwsem = inode.i_rwsem.write();
        let mut handle = fs.start_handle(CREDITS)?;
        trace::step("unlink", || trace::args([("ino", ino.0.into())]));
        directory::store(fs, &mut handle, at, &directory)?;
        fs.modify_inode(&mut handle, ino, |on_disk: &mut disk::inode::Inode| {
            on_disk.links = 0
        })?;
        (fs.protocol.orphan_add)(fs, &mut handle, &inode)?;
        inode.note_tid(handle.tid(), Sync::All);
        // Counted while there is a name still, or who closes it last would delete it under us.
        inode.iget();
        inode.set_links(0);
        handle.stop();
        inode.clone()
    };
    evict::iput(fs, &inode)
}
