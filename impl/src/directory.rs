//! The root directory: the only one besides the empty lost+found.
//!
//! # Source
//! linux v7.0 fs/ext4/namei.c `ext4_create`, `ext4_find_entry`; linear directories only.

use crate::device::Device;
use crate::disk;
use crate::disk::dir::{DirectoryBlock, InsertError};
use crate::disk::geometry::ROOT_INO;
use crate::disk::inode::FileType;
use crate::error::FsError;
use crate::extent::Status;
use crate::extent::tree::ExtentTree;
use crate::fs::Filesystem;
use crate::fsync::Sync;
use crate::inode::{Inode, InodeData};
use crate::journal::Handle;
use crate::units::{Lblk, Pblk};
use crate::{allocate, trace};
use rt::sync::Arc;

/// Credits for making a file: inode bitmap, descriptor, inode, directory block.
const CREATE_CREDITS: u32 = 4 + allocate::CREDITS;

/// The names in the root directory, `.` and `..` included, in the order they lie in.
///
/// # Locking
/// Takes: the directory lock.
///
/// # Errors
/// [`FsError::Format`], [`FsError::Device`].
pub fn entries<D: Device>(fs: &Filesystem<D>) -> Result<Vec<disk::dir::Entry>, FsError> {
    let _lock = fs.directory.lock();
    let mut entries = Vec::new();
    for (_, block) in blocks(fs)? {
        entries.extend(block.entries());
    }
    Ok(entries)
}

/// Opens the file of a name in the root directory: it counts one more user, until
/// [`crate::evict::iput`].
///
/// # Locking
/// Takes: the directory lock.
///
/// # Errors
/// [`FsError::NotFound`], [`FsError::Format`], [`FsError::Device`].
pub fn lookup<D: Device>(fs: &Filesystem<D>, name: &[u8]) -> Result<Arc<Inode>, FsError> {
    let _lock = fs.directory.lock();
    let found = blocks(fs)?.iter().find_map(|(_, block)| block.lookup(name));
    let inode = fs.inode(found.ok_or(FsError::NotFound)?.ino)?;
    inode.iget();
    Ok(inode)
}

/// The directory block that holds a name, and where it lies.
///
/// # Locking
/// Requires: the directory lock.
///
/// # Errors
/// [`FsError::NotFound`], [`FsError::Format`], [`FsError::Device`].
pub(crate) fn block_of<D: Device>(
    fs: &Filesystem<D>,
    name: &[u8],
) -> Result<(Pblk, DirectoryBlock), FsError> {
    let mut blocks = blocks(fs)?.into_iter();
    let found = blocks.find(|(_, block)| block.lookup(name).is_some());
    found.ok_or(FsError::NotFound)
}

/// Writes a directory block.
///
/// # Locking
/// Requires: the directory lock, and a handle.
///
/// # Errors
/// [`FsError::Journal`], [`FsError::Device`].
pub(crate) fn store<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    at: Pblk,
    directory: &DirectoryBlock,
) -> Result<(), FsError> {
    let root = fs.inode(ROOT_INO)?;
    let seed = root.attributes().seed(root.position, fs.geometry().seed);
    let buffer = fs.buffers().get(at)?;
    Ok(handle.modify(&buffer, |block| *block = directory.encode(seed))?)
}

/// Makes an empty file in the root directory, and opens it as [`lookup`] does.
///
/// # Locking
/// Takes: the directory lock, then a handle.
///
/// # Crash
/// The file is there, empty, or not there.
///
/// # Errors
/// [`FsError::Exists`], [`FsError::InvalidName`], [`FsError::DirectoryFull`], [`FsError::NoSpace`]
/// for the blocks that its extent tree may need, [`FsError::NoInodes`], [`FsError::Journal`],
/// [`FsError::Format`], [`FsError::Device`].
pub fn create<D: Device>(fs: &Filesystem<D>, name: &[u8]) -> Result<Arc<Inode>, FsError> {
    create_mapped(fs, name, ExtentTree::new())
}

/// As [`create`], but the file is mapped by pointers instead of extents, as ext2 and ext3 have it.
/// Only the BH design writes to such a file.
///
/// # Errors
/// As [`create`].
pub fn create_block_mapped<D: Device>(
    fs: &Filesystem<D>,
    name: &[u8],
) -> Result<Arc<Inode>, FsError> {
    create_mapped(fs, name, ExtentTree::block_map(Vec::new(), None))
}

fn create_mapped<D: Device>(
    fs: &Filesystem<D>,
    name: &[u8],
    tree: ExtentTree,
) -> Result<Arc<Inode>, FsError> {
    let _lock = fs.directory.lock();
    let blocks = blocks(fs)?;
    if blocks.iter().any(|(_, block)| block.lookup(name).is_some()) {
        return Err(FsError::Exists);
    }
    // The name is tried with a stand-in first, so that nothing has happened when it does not fit.
    let (at, directory) = room_for(blocks, name)?;
    fs.space().reserve_metadata(allocate::LEAVES_MAX)?;
    create_at(fs, name, at, directory, tree)
        .inspect_err(|_| fs.space().release_metadata(allocate::LEAVES_MAX))
}

/// Makes the file in directory block `at`, which has room for its name.
fn create_at<D: Device>(
    fs: &Filesystem<D>,
    name: &[u8],
    at: Pblk,
    mut directory: DirectoryBlock,
    tree: ExtentTree,
) -> Result<Arc<Inode>, FsError> {
    let mut handle = fs.start_handle(CREATE_CREDITS)?;
    let ino = fs.space().allocate_inode(&mut handle)?;
    let position = fs.geometry().locate(ino).ok_or(FsError::NoInodes)?;
    let mut on_disk = new_file();
    let data = InodeData {
        tree,
        ..InodeData::empty()
    };
    allocate::encode_root(&data, &mut on_disk);
    let buffer = fs.buffers().get(position.block())?;
    let seed = fs.geometry().seed;
    handle.modify(&buffer, |block| on_disk.encode_new(block, position, seed))?;
    directory
        .insert(name, ino, FileType::Regular)
        .map_err(insert_error)?;
    store(fs, &mut handle, at, &directory)?;
    let tid = handle.tid();
    handle.stop();
    trace::step("create", || trace::args([("ino", ino.0.into())]));
    let (design, folio) = (fs.design(), fs.blocks_per_folio);
    let inode = Inode::new(position, on_disk, data.tree, design, folio);
    // Without its inode, and its name, there is no data.
    inode.note_tid(tid, Sync::Data);
    inode.iget();
    let inode = Arc::new(inode);
    fs.inodes.write(|inodes| inodes.insert(ino, inode.clone()));
    Ok(inode)
}

/// The directory's blocks, with where they lie.
///
/// # Locking
/// Requires: the directory lock.
fn blocks<D: Device>(fs: &Filesystem<D>) -> Result<Vec<(Pblk, DirectoryBlock)>, FsError> {
    let root = fs.inode(ROOT_INO)?;
    let seed = root.attributes().seed(root.position, fs.geometry().seed);
    let mut blocks = Vec::new();
    for lblk in 0..Lblk::round_up(root.size.get()).0 {
        let (mapping, _) = root.query(Lblk(lblk));
        let Some(Status::Written(at)) = mapping.status_at(Lblk(lblk)) else {
            continue;
        };
        let buffer = fs.buffers().get(at)?;
        let decoded =
            buffer.read(|block| DirectoryBlock::decode(block, at, ROOT_INO, seed, fs.geometry()));
        blocks.push((at, decoded?));
    }
    Ok(blocks)
}

/// The first block with room for a name.
fn room_for(
    blocks: Vec<(Pblk, DirectoryBlock)>,
    name: &[u8],
) -> Result<(Pblk, DirectoryBlock), FsError> {
    for (at, block) in blocks {
        match block.clone().insert(name, ROOT_INO, FileType::Regular) {
            Ok(()) => return Ok((at, block)),
            Err(InsertError::Full) => {}
            Err(error) => return Err(insert_error(error)),
        }
    }
    Err(FsError::DirectoryFull)
}

fn insert_error(error: InsertError) -> FsError {
    match error {
        InsertError::Name => FsError::InvalidName,
        InsertError::Exists => FsError::Exists,
        InsertError::Full => FsError::DirectoryFull,
    }
}

/// The attributes of a new file. Its times are the epoch's: this core reads no clock.
fn new_file() -> disk::inode::Inode {
    disk::inode::Inode {
        mode: FileType::Regular.mode(0o644),
        uid: 0,
        gid: 0,
        size: 0,
        atime: 0,
        ctime: 0,
        mtime: 0,
        crtime: 0,
        dtime: 0,
        links: 1,
        blocks_512: 0,
        flags: disk::inode::FLAG_EXTENTS,
        generation: 0,
        i_block: [0; disk::inode::I_BLOCK_SIZE],
    }
}
