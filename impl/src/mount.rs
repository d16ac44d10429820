//! Mounting: superblock, recovery, orphan clean-up.
//!
//! # Source
//! linux v7.0 fs/ext4/super.c `__ext4_fill_super`, `ext4_load_journal`; fs/ext4/orphan.c
//! `ext4_orphan_cleanup`.

use crate::buffer::BufferCache;
use crate::delalloc::Delalloc;
use crate::design::Design;
use crate::device::{Device, DeviceError, Durability};
use crate::disk;
use crate::disk::bitmap::Bitmap;
use crate::disk::error::FormatError;
use crate::disk::geometry::{GROUP_DESCRIPTORS, Geometry, JOURNAL_INO, SUPERBLOCK};
use crate::disk::group::GroupDescriptor;
use crate::disk::inode::FileType;
use crate::disk::superblock::{STATE_ERROR, Superblock};
use crate::error::FsError;
use crate::fs::{Background, DataError, Filesystem, Mounted, read_tree};
use crate::inode::Inode;
use crate::journal::{
    self, CommitHooks, Journal, JournalError, JournalLocation, JournalOptions, Recovered,
    RecoveryError,
};
use crate::lock::{Key, Mutex, SpinLock, WorkList, class};
use crate::orphan::{self, OrphanList};
use crate::protocol::Protocol;
use crate::space::{GroupBuffers, Space};
use crate::trace::args;
use crate::units::{BLOCK_SIZE, Block, Ino, Lblk, Pblk, Tid};
use crate::{allocate, evict, trace, writeback};
use rt::sync::{Arc, LeafMutex, Weak};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// How to mount.
#[derive(Clone, Copy, Debug)]
pub struct MountOptions {
    /// Which design's protocols to run. The format on disk is the same, so it may be another one
    /// than at the last mount.
    pub design: Design,
    /// Whether allocation waits for writeback.
    pub delalloc: Delalloc,
    /// What becomes of the file system when writing data fails.
    pub data_error: DataError,
    /// Who runs background work.
    pub background: Background,
    /// Blocks in a folio, 1 to 32.
    pub blocks_per_folio: u32,
    /// How to use the log.
    pub journal: JournalOptions,
}

impl Default for MountOptions {
    fn default() -> MountOptions {
        MountOptions {
            design: Design::default(),
            delalloc: Delalloc::default(),
            data_error: DataError::default(),
            background: Background::Stepped,
            blocks_per_folio: 4,
            journal: JournalOptions::default(),
        }
    }
}

/// What mounting found to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountReport {
    /// What the log held, if the image was dirty.
    pub recovered: Option<Recovered>,
    /// The error with which the journal had been aborted, if it had. From then on the superblock
    /// says that the file system should be checked.
    pub journal_error: Option<i32>,
    /// Orphans whose truncate was finished.
    pub orphans_truncated: u32,
    /// Orphans that were deleted.
    pub orphans_deleted: u32,
}

/// Why mounting failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MountError {
    /// The device failed.
    #[error("can not mount: {0}")]
    Device(#[from] DeviceError),
    /// Something on disk is not as it must be.
    #[error("can not mount: {0}")]
    Format(#[from] FormatError),
    /// The journal can not be used.
    #[error("can not mount: {0}")]
    Journal(#[from] JournalError),
    /// The log can not be replayed.
    #[error("can not mount: {0}")]
    Recovery(#[from] RecoveryError),
    /// The journal's inode has holes or unwritten blocks.
    #[error("can not mount: the journal is not a contiguous file")]
    JournalFile,
    /// The group descriptor and a bitmap disagree.
    #[error("can not mount: the group has {counted} free {what}, its descriptor says {recorded}")]
    Count {
        /// "blocks" or "inodes".
        what: &'static str,
        /// Clear bits in the bitmap.
        counted: u32,
        /// What the descriptor says.
        recorded: u32,
    },
    /// The orphan list is not a list of inodes.
    #[error("can not mount: the orphan list is damaged at inode {ino}")]
    OrphanList {
        /// The member that is no inode, or is on the list twice.
        ino: Ino,
    },
    /// Finishing what the orphan list asks for failed.
    #[error("can not mount: orphan inode {ino}: {error}")]
    Orphan {
        /// The orphan.
        ino: Ino,
        /// What failed.
        error: FsError,
    },
    /// An inode needed for mounting can not be read.
    #[error("can not mount: {0}")]
    Inode(FsError),
}

/// What a commit needs of the file system. It knows the file system only once that is there;
/// before, there is nothing to commit.
struct Hooks<D: Device> {
    space: Arc<Space>,
    data_error: DataError,
    /// Set while the file system is being mounted and nobody else knows of it.
    mounted: LeafMutex<Weak<Mounted<D>>>,
}

impl<D: Device> Hooks<D> {
    /// The file system, if it is still there, and an inode that a transaction has: it does not
    /// leave memory before it has left the transaction (I33), which the commit keeps it from.
    fn inode(&self, ino: Ino) -> Option<(Filesystem<D>, Arc<Inode>)> {
        let fs = Filesystem::new(self.mounted.with(|mounted| mounted.upgrade())?);
        let inode = fs.inode_in_memory(ino);
        if inode.is_none() {
            rt::finding(
                "I33",
                || format!("inode {ino}: in memory while a commit works on its data"),
                || "it is gone".into(),
            );
        }
        Some((fs, inode?))
    }
}

impl<D: Device> CommitHooks for Hooks<D> {
    fn submit_inode_data(&self, ino: Ino, bytes: Range<u64>) -> Result<(), DeviceError> {
        match self.inode(ino) {
            Some((fs, inode)) => writeback::submit_inode_data_buffers(&fs, &inode, bytes),
            None => Ok(()),
        }
    }

    fn wait_inode_data(&self, ino: Ino, bytes: Range<u64>) {
        if let Some((fs, inode)) = self.inode(ino) {
            writeback::finish_inode_data_buffers(&fs, &inode, bytes);
        }
    }

    fn aborts_on_data_error(&self) -> bool {
        self.data_error == DataError::Abort
    }

    fn freed(&self, _tid: Tid, blocks: &[Pblk]) {
        self.space
            .committed(&blocks.iter().copied().collect::<BTreeSet<_>>());
    }
}

impl<D: Device> Filesystem<D> {
    /// Mounts an image: replays its log if it is dirty, and finishes what the orphan list asks for.
    ///
    /// # Errors
    /// [`MountError`], which says what is wrong. The image is at most partly recovered, which
    /// mounting it again continues.
    pub fn mount(
        device: Arc<D>,
        options: MountOptions,
    ) -> Result<(Filesystem<D>, MountReport), MountError> {
        Filesystem::mount_with_protocol(device, options, Protocol::correct())
    }

    /// As [`Filesystem::mount`], with other steps.
    ///
    /// # Crash
    /// Recovery and orphan clean-up can be cut short anywhere and done again.
    ///
    /// # Errors
    /// As [`Filesystem::mount`].
    pub fn mount_with_protocol(
        device: Arc<D>,
        options: MountOptions,
        protocol: Protocol<D>,
    ) -> Result<(Filesystem<D>, MountReport), MountError> {
        let mut report = MountReport::default();
        let (superblock, descriptor) = read_group(&*device)?;
        let geometry = Geometry::new(&superblock, &descriptor);
        let location = journal_location(&device, &geometry)?;
        if superblock.needs_recovery {
            report.recovered = Some(recover_log(&*device, &location, &protocol)?);
        }
        // Replay may have changed any of it.
        let (superblock, descriptor) = read_group(&*device)?;
        report.journal_error = journal::recorded_error(&*device, &location)?;
        mark_dirty(&*device, &superblock, report.journal_error.is_some())?;
        if report.journal_error.is_some() {
            journal::clear_recorded_error(&*device, &location)?;
        }
        let buffers = BufferCache::new(device.clone());
        let space = Arc::new(read_space(&buffers, &geometry, descriptor)?);
        let hooks = Arc::new(Hooks {
            space: space.clone(),
            data_error: options.data_error,
            mounted: LeafMutex::new(Weak::new()),
        });
        let journal = hooks.clone();
        let fs = Filesystem::new(Arc::new(Mounted {
            journal: Journal::open_with_steps(
                device.clone(),
                location,
                journal,
                options.journal,
                protocol.journal,
            )?,
            superblock: buffers.get(SUPERBLOCK)?,
            device,
            geometry,
            protocol,
            design: options.design,
            delalloc: options.delalloc,
            data_error: options.data_error,
            background: options.background,
            blocks_per_folio: options.blocks_per_folio,
            buffers,
            space,
            orphans: Mutex::new(&class::ORPHAN_LOCK, Key::Only, OrphanList::default()),
            directory: Mutex::new(&class::DIRECTORY, Key::Only, ()),
            in_flight: WorkList::new(&class::IN_FLIGHT, Key::Only),
            direct_in_flight: WorkList::new(&class::DIRECT_IN_FLIGHT, Key::Only),
            inodes: SpinLock::new(&class::INODE_HASH, Key::Only, BTreeMap::new()),
        }));
        hooks.mounted.with(|mounted| *mounted = fs.downgrade());
        fs.charge_owners()?;
        fs.clean_up_orphans(superblock.last_orphan, &mut report)?;
        Ok((fs, report))
    }

    /// Charges the quota with what the files in use own, and promises their extent trees what they
    /// may still need.
    fn charge_owners(&self) -> Result<(), MountError> {
        let (mut charged, mut promised) = (0, 0);
        for number in disk::geometry::FIRST_INO.0..=self.geometry.inodes {
            let Some(position) = self.geometry.locate(Ino(number)) else {
                break;
            };
            let buffer = self.buffers.get(position.block())?;
            let decoded = buffer.read(|b| disk::inode::Inode::decode(b, position, &self.geometry));
            if let Ok(inode) = decoded
                && self.space.peek_inode_in_use(Ino(number))
            {
                charged += inode.blocks_512 / 2;
                if FileType::of_mode(inode.mode) == Some(FileType::Regular) {
                    // What can not be read has no leaf to count.
                    let tree = read_tree(&self.buffers, &self.geometry, position, &inode);
                    let leaves = tree.map_or(0, |tree| tree.leaves().len() as u32);
                    promised += allocate::LEAVES_MAX - leaves.min(allocate::LEAVES_MAX);
                }
            }
        }
        self.space.charge(charged, promised);
        Ok(())
    }

    /// Finishes the truncate or the deletion of every inode on the list.
    ///
    /// # Crash
    /// Each inode leaves the list in the transaction that finishes it, so the rest is still there
    /// after a crash.
    fn clean_up_orphans(&self, head: Ino, report: &mut MountReport) -> Result<(), MountError> {
        let members = self.read_orphan_list(head)?;
        *self.orphans.lock() = OrphanList::from_members(members.clone());
        for ino in members {
            let deleted = self
                .clean_up_orphan(ino)
                .map_err(|error| MountError::Orphan { ino, error })?;
            match deleted {
                true => report.orphans_deleted += 1,
                false => report.orphans_truncated += 1,
            }
        }
        if head != Ino(0) {
            self.journal.commit_once()?;
        }
        Ok(())
    }

    fn read_orphan_list(&self, head: Ino) -> Result<Vec<Ino>, MountError> {
        let mut members = Vec::new();
        let mut next = head;
        while next != Ino(0) {
            let damaged = MountError::OrphanList { ino: next };
            if members.contains(&next) || next < disk::geometry::FIRST_INO {
                return Err(damaged);
            }
            let Some(position) = self.geometry.locate(next) else {
                return Err(damaged);
            };
            let buffer = self.buffers.get(position.block())?;
            let decoded = buffer.read(|b| disk::inode::Inode::decode(b, position, &self.geometry));
            members.push(next);
            next = Ino(decoded?.dtime);
        }
        Ok(members)
    }

    /// Finishes one orphan. Returns whether it was deleted.
    fn clean_up_orphan(&self, ino: Ino) -> Result<bool, FsError> {
        let inode = self.inode(ino)?;
        let is_linked = inode.links() > 0;
        trace::step("clean up orphan", || args([("ino", ino.0.into())]));
        if !is_linked {
            evict::delete(self, &inode)?;
            return Ok(true);
        }
        let mut handle = self.start_handle(orphan::CREDITS + allocate::CREDITS)?;
        let mut data = inode.lock_data();
        let keep = Lblk::round_up(inode.disksize.get());
        (self.protocol.remove_space)(self, &mut handle, &inode, &mut data, keep..Lblk(u32::MAX))?;
        self.mark_inode_dirty(&mut handle, &inode, &data)?;
        drop(data);
        (self.protocol.orphan_del)(self, &mut handle, &inode)?;
        handle.stop();
        Ok(false)
    }
}

/// Replays the log of a dirty image.
fn recover_log<D: Device>(
    device: &D,
    location: &JournalLocation,
    protocol: &Protocol<D>,
) -> Result<Recovered, RecoveryError> {
    let recovered = journal::recovery::recover_with_steps(device, location, &protocol.journal)?;
    trace::step("journal recovered", || {
        args([
            ("transactions", recovered.transactions.into()),
            ("blocks", recovered.blocks_replayed.into()),
        ])
    });
    Ok(recovered)
}

fn read_group<D: Device>(device: &D) -> Result<(Superblock, GroupDescriptor), MountError> {
    let mut block = [0; BLOCK_SIZE];
    device.read(SUPERBLOCK, &mut block)?;
    let superblock = Superblock::decode(&block, device.blocks())?;
    device.read(GROUP_DESCRIPTORS, &mut block)?;
    let descriptor = GroupDescriptor::decode(&block, &superblock)?;
    Ok((superblock, descriptor))
}

fn journal_location<D: Device>(
    device: &Arc<D>,
    geometry: &Geometry,
) -> Result<JournalLocation, MountError> {
    // Not the mounted file system's buffers: replay may change what these hold.
    let buffers = BufferCache::new(device.clone());
    let position = geometry
        .locate(JOURNAL_INO)
        .ok_or(MountError::JournalFile)?;
    let buffer = buffers.get(position.block())?;
    let inode = buffer.read(|block| disk::inode::Inode::decode(block, position, geometry))?;
    let tree = read_tree(&buffers, geometry, position, &inode).map_err(MountError::Inode)?;
    let mut expected = Lblk(0);
    for extent in tree.extents() {
        if extent.lblk != expected || extent.unwritten {
            return Err(MountError::JournalFile);
        }
        expected = extent.end();
    }
    let runs = tree
        .extents()
        .iter()
        .map(|extent| (extent.pblk, extent.len));
    JournalLocation::new(runs).ok_or(MountError::JournalFile)
}

fn read_space<D: Device>(
    buffers: &BufferCache<D>,
    geometry: &Geometry,
    descriptor: GroupDescriptor,
) -> Result<Space, MountError> {
    let group = GroupBuffers {
        blocks: buffers.get(geometry.block_bitmap)?,
        inodes: buffers.get(geometry.inode_bitmap)?,
        descriptor: buffers.get(GROUP_DESCRIPTORS)?,
    };
    let sum = descriptor.block_bitmap_checksum;
    let blocks = group
        .blocks
        .read(|block| Bitmap::decode_blocks(block, sum, geometry))?;
    let sum = descriptor.inode_bitmap_checksum;
    let inodes = group
        .inodes
        .read(|block| Bitmap::decode_inodes(block, sum, geometry))?;
    for (what, counted, recorded) in [
        ("blocks", blocks.count_clear(), descriptor.free_blocks),
        ("inodes", inodes.count_clear(), descriptor.free_inodes),
    ] {
        if counted != recorded {
            return Err(MountError::Count {
                what,
                counted,
                recorded,
            });
        }
    }
    Ok(Space::new(*geometry, blocks, inodes, descriptor, group))
}

/// Says on disk that the log may hold what the image lacks, before it ever does, and if there has
/// been an error, that the file system should be checked.
///
/// # Source
/// linux v7.0 fs/ext4/super.c `ext4_clear_journal_err`.
fn mark_dirty<D: Device>(
    device: &D,
    superblock: &Superblock,
    has_error: bool,
) -> Result<(), DeviceError> {
    let change = |on_disk: &mut Superblock| {
        on_disk.needs_recovery = true;
        if has_error {
            on_disk.state |= STATE_ERROR;
        }
    };
    write_superblock(device, change, superblock)
}

/// Says on disk that the image is complete without its log, and how much of it is free.
///
/// # Crash
/// The log must be empty before.
///
/// # Errors
/// [`FsError::Device`], [`FsError::Format`].
pub(crate) fn write_clean_superblock<D: Device>(fs: &Filesystem<D>) -> Result<(), FsError> {
    let blocks = fs.geometry.blocks;
    let superblock = fs
        .superblock
        .read(|block| Superblock::decode(block, blocks))?;
    let free_blocks = fs.space.peek_counters().free;
    let free_inodes = fs.space.peek_free_inodes();
    let change = |on_disk: &mut Superblock| {
        on_disk.needs_recovery = false;
        on_disk.free_blocks = free_blocks;
        on_disk.free_inodes = free_inodes;
    };
    Ok(write_superblock(fs.device(), change, &superblock)?)
}

fn write_superblock<D: Device>(
    device: &D,
    change: impl FnOnce(&mut Superblock),
    superblock: &Superblock,
) -> Result<(), DeviceError> {
    let mut block: Block = [0; BLOCK_SIZE];
    device.read(SUPERBLOCK, &mut block)?;
    let mut superblock = superblock.clone();
    change(&mut superblock);
    superblock.encode_into(&mut block);
    device.write(SUPERBLOCK, &block, Durability::Fua)
}
