//! A mounted file system: its parts, and what every operation needs of them.

use crate::allocate;
use crate::buffer::{Buffer, BufferCache};
use crate::cache::Folio;
use crate::delalloc::Delalloc;
use crate::design::Design;
use crate::device::Device;
use crate::direct::DirectIo;
use crate::disk;
use crate::disk::extent::{ExtentNode, NodePlace, WHOLE_FILE};
use crate::disk::geometry::Geometry;
use crate::disk::indirect;
use crate::disk::inode::{FLAG_EXTENTS, FileType};
use crate::error::FsError;
use crate::extent::tree::ExtentTree;
use crate::fsync::Sync;
use crate::inode::{Inode, InodeData};
use crate::ioend::Ioend;
use crate::journal::{Handle, Journal};
use crate::lock::{Mutex, MutexGuard, SpinLock, WorkList};
use crate::orphan::OrphanList;
use crate::protocol::Protocol;
use crate::space::Space;
use crate::units::{Ino, Lblk, Pblk};
use crate::{completion, evict, fsync};
use rt::sync::{Arc, Weak};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

/// Who runs background work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Whoever waits for it: there is no other thread.
    #[default]
    Stepped,
    /// Threads of their own, in [`Filesystem::io_worker`].
    Threads,
}

/// What becomes of the file system when writing data fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataError {
    /// Who syncs the file is told: `data_err=ignore`. In the BH design a commit goes on, so that
    /// new blocks may become part of a file without their data, and show what they held before.
    #[default]
    Report,
    /// The journal is aborted too, so that no transaction commits that relies on the data:
    /// `data_err=abort`.
    Abort,
}

/// A mounted file system.
pub struct Filesystem<D: Device>(Arc<Mounted<D>>);

/// What a mounted file system consists of. The journal's hooks refer to it too, without keeping it.
pub struct Mounted<D: Device> {
    pub(crate) device: Arc<D>,
    pub(crate) geometry: Geometry,
    /// The steps that its operations take.
    pub(crate) protocol: Protocol<D>,
    pub(crate) design: Design,
    pub(crate) delalloc: Delalloc,
    pub(crate) background: Background,
    pub(crate) blocks_per_folio: u32,
    pub(crate) journal: Journal<D>,
    pub(crate) buffers: BufferCache<D>,
    pub(crate) superblock: Arc<Buffer>,
    pub(crate) space: Arc<Space>,
    pub(crate) orphans: Mutex<OrphanList>,
    pub(crate) directory: Mutex<()>,
    pub(crate) in_flight: WorkList<Ioend>,
    pub(crate) direct_in_flight: WorkList<DirectIo>,
    /// The inodes in memory. An inode leaves before its number can be given to another file.
    pub(crate) inodes: SpinLock<BTreeMap<Ino, Arc<Inode>>>,
    pub(crate) data_error: DataError,
}

impl<D: Device> Deref for Filesystem<D> {
    type Target = Mounted<D>;

    fn deref(&self) -> &Mounted<D> {
        &self.0
    }
}

impl<D: Device> Filesystem<D> {
    pub(crate) fn new(mounted: Arc<Mounted<D>>) -> Filesystem<D> {
        Filesystem(mounted)
    }

    pub(crate) fn downgrade(&self) -> Weak<Mounted<D>> {
        Arc::downgrade(&self.0)
    }

    /// Which design's protocols run on it.
    pub fn design(&self) -> Design {
        self.design
    }

    /// The steps that its operations take.
    pub fn protocol(&self) -> &Protocol<D> {
        &self.protocol
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Where everything lies.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The journal.
    pub fn journal(&self) -> &Journal<D> {
        &self.journal
    }

    /// Free space and quota.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Metadata in memory.
    pub(crate) fn buffers(&self) -> &BufferCache<D> {
        &self.buffers
    }

    pub(crate) fn superblock_buffer(&self) -> &Arc<Buffer> {
        &self.superblock
    }

    /// I/O that the device has not completed.
    pub fn in_flight(&self) -> &WorkList<Ioend> {
        &self.in_flight
    }

    /// The orphan list.
    ///
    /// # Locking
    /// Takes: `s_orphan_lock`.
    pub fn orphans(&self) -> MutexGuard<'_, OrphanList> {
        self.orphans.lock()
    }

    /// Starts a handle that may change `credits` blocks.
    ///
    /// # Locking
    /// Takes: a place in the running transaction. Waits while a commit gathers it.
    ///
    /// # Errors
    /// [`FsError::Journal`].
    pub fn start_handle(&self, credits: u32) -> Result<Handle<'_>, FsError> {
        Ok(self.journal.start(credits)?)
    }

    /// The inode of a number, read from disk if it is not in memory.
    ///
    /// # Errors
    /// [`FsError::NotFound`] if there is no such inode or it is not in use; [`FsError::Format`],
    /// [`FsError::Device`].
    pub fn inode(&self, ino: Ino) -> Result<Arc<Inode>, FsError> {
        if let Some(inode) = self.inode_in_memory(ino) {
            return Ok(inode);
        }
        let position = self.geometry.locate(ino).ok_or(FsError::NotFound)?;
        let buffer = self.buffers.get(position.block())?;
        let decoded = buffer.read_bytes(position.bytes(), |block| {
            disk::inode::Inode::decode(block, position, &self.geometry)
        });
        let on_disk = decoded?;
        let tree = read_tree(&self.buffers, &self.geometry, position, &on_disk)?;
        let inode = Inode::new(position, on_disk, tree, self.design, self.blocks_per_folio);
        let inode = Arc::new(inode);
        Ok(self
            .inodes
            .write(|inodes| inodes.entry(ino).or_insert(inode).clone()))
    }

    /// Writes an inode's size, blocks and extents into its block of the inode table.
    ///
    /// # Locking
    /// Requires: `i_data_sem`, exclusive, which `data` comes from, and a handle.
    ///
    /// # Errors
    /// [`FsError::Journal`], [`FsError::Device`].
    pub fn mark_inode_dirty(
        &self,
        handle: &mut Handle<'_>,
        inode: &Inode,
        data: &InodeData,
    ) -> Result<(), FsError> {
        let wanted = inode.to_disk(data);
        self.modify_inode(handle, inode.ino, |on_disk| {
            on_disk.size = wanted.size;
            on_disk.blocks_512 = wanted.blocks_512;
            allocate::encode_root(data, on_disk);
        })?;
        inode.note_tid(handle.tid(), Sync::Data);
        Ok(())
    }

    /// Changes some fields of an inode on disk. Changes to different fields commute.
    ///
    /// # Locking
    /// Requires: the lock that protects those fields, and a handle.
    ///
    /// # Errors
    /// [`FsError::NotFound`], [`FsError::Journal`], [`FsError::Device`].
    pub fn modify_inode(
        &self,
        handle: &mut Handle<'_>,
        ino: Ino,
        change: impl FnOnce(&mut disk::inode::Inode),
    ) -> Result<(), FsError> {
        let position = self.geometry.locate(ino).ok_or(FsError::NotFound)?;
        let buffer = self.buffers.get(position.block())?;
        handle.modify_sealed(&buffer, &disk::inode::checksum_bytes(position), |block| {
            let mut on_disk = disk::inode::Inode::decode(block, position, &self.geometry)?;
            change(&mut on_disk);
            on_disk.encode_into(block, position, self.geometry.seed);
            Ok(())
        })?
    }

    /// Waits until a folio's I/O has been completed and seen to. Where there are no background
    /// threads the caller does that work.
    ///
    /// # Locking
    /// Takes, where there are no background threads: what completion takes.
    pub fn wait_on_writeback(&self, folio: &Folio) {
        if self.background == Background::Stepped {
            while folio.peek_writeback() && self.step_io() {}
        }
        folio.wait_for_writeback();
    }

    /// Completes the oldest I/O in flight. Returns whether there was one.
    pub fn step_io(&self) -> bool {
        match self.in_flight.try_pop() {
            Some(ioend) => {
                completion::end_bio(self, ioend);
                true
            }
            None => false,
        }
    }

    /// Completes I/O until [`WorkList::close`] is called on [`Filesystem::in_flight`] and none is
    /// left. The body of the completion thread.
    pub fn io_worker(&self) {
        while let Some(ioend) = self.in_flight.pop() {
            completion::end_bio(self, ioend);
        }
    }

    /// Refuses to change anything once the journal has been aborted: what is changed from then on
    /// would never reach the disk.
    ///
    /// # Errors
    /// [`FsError::ReadOnly`].
    ///
    /// # Source
    /// linux v7.0 fs/ext4/ext4.h `ext4_emergency_state`, for `errors=remount-ro`.
    pub fn expect_writable(&self) -> Result<(), FsError> {
        match self.journal.aborted() {
            Some(_) => Err(FsError::ReadOnly),
            None => Ok(()),
        }
    }

    /// Makes everything durable, for every file in memory.
    ///
    /// # Errors
    /// As [`fsync::fsync`].
    pub fn sync(&self) -> Result<(), FsError> {
        for inode in self.inodes_in_memory() {
            fsync::write_and_wait(self, &inode, Lblk(0)..Lblk(u32::MAX))?;
        }
        self.journal.commit_once()?;
        self.journal.flush_device()?;
        Ok(())
    }

    /// Syncs, drops every inode from memory, empties the log, and marks the image clean.
    ///
    /// # Crash
    /// Until the superblock has been written the image is dirty, and mounting it recovers it.
    ///
    /// # Errors
    /// As [`Filesystem::sync`].
    pub fn unmount(&self) -> Result<(), FsError> {
        self.sync()?;
        for inode in self.inodes_in_memory() {
            match inode.links() {
                // Whoever has it open still: there is no file system to come back to.
                0 => evict::delete(self, &inode)?,
                _ => evict::evict(self, &inode),
            }
        }
        self.journal.commit_once()?;
        self.journal.checkpoint_all()?;
        crate::mount::write_clean_superblock(self)
    }

    /// The inode of a number, if it is in memory.
    pub(crate) fn inode_in_memory(&self, ino: Ino) -> Option<Arc<Inode>> {
        self.inodes.read(|inodes| inodes.get(&ino).cloned())
    }

    /// The inodes in memory, in order of their numbers.
    pub fn inodes_in_memory(&self) -> Vec<Arc<Inode>> {
        self.inodes
            .read(|inodes| inodes.values().cloned().collect())
    }
}

/// Reads a file's extent tree: the root, and one level of leaves; or its block map.
///
/// # Errors
/// [`FsError::Format`] also for a deeper tree or one that does not begin where its parent says;
/// [`FsError::Device`].
pub(crate) fn read_tree<D: Device>(
    buffers: &BufferCache<D>,
    geometry: &Geometry,
    position: disk::geometry::InodePosition,
    on_disk: &disk::inode::Inode,
) -> Result<ExtentTree, FsError> {
    let has_blocks = matches!(
        on_disk.file_type(),
        Some(FileType::Regular | FileType::Directory)
    );
    if on_disk.flags & FLAG_EXTENTS == 0 && has_blocks {
        return read_block_map(buffers, geometry, position, on_disk);
    }
    let root = ExtentNode::decode_root(on_disk, position, geometry)?;
    let children = match &root {
        ExtentNode::Leaf(extents) => {
            return Ok(ExtentTree::from_parts(extents.clone(), Vec::new()));
        }
        ExtentNode::Index { children, .. } => children.clone(),
    };
    let mut extents = Vec::new();
    let mut leaves: Vec<Pblk> = Vec::new();
    for (i, child) in children.iter().enumerate() {
        let place = NodePlace {
            block: child.child,
            ino: position.ino(),
            seed: on_disk.seed(position, geometry.seed),
            depth: root.depth() - 1,
            range: root.child_range(i, &WHOLE_FILE).unwrap_or(WHOLE_FILE),
        };
        let buffer = buffers.get(child.child)?;
        match buffer.read(|block| ExtentNode::decode_block(block, &place, geometry))? {
            ExtentNode::Leaf(leaf) => extents.extend(leaf),
            ExtentNode::Index { .. } => return Err(FsError::TreeTooDeep),
        }
        leaves.push(child.child);
    }
    Ok(ExtentTree::from_parts(extents, leaves))
}

fn read_block_map<D: Device>(
    buffers: &BufferCache<D>,
    geometry: &Geometry,
    position: disk::geometry::InodePosition,
    on_disk: &disk::inode::Inode,
) -> Result<ExtentTree, FsError> {
    let (mut extents, pointers) = indirect::decode_root(on_disk, position, geometry)?;
    if let Some(at) = pointers {
        let buffer = buffers.get(at)?;
        buffer
            .read(|block| indirect::decode_block(block, (position, at), geometry, &mut extents))?;
    }
    Ok(ExtentTree::block_map(extents, pointers))
}

impl<D: Device> fmt::Debug for Filesystem<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filesystem")
            .field("geometry", &self.geometry)
            .finish_non_exhaustive()
    }
}
