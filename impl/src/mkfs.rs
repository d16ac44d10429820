//! Makes an empty file system: one block group, `/`, `/lost+found`, and an empty journal at the
//! end.
//!
//! | block | content |
//! |---|---|
//! | 0 | zeroes, left to boot loaders |
//! | 1, 2 | superblock, group descriptor |
//! | 3, 4 | block bitmap, inode bitmap |
//! | 5.. | inode table |
//! | then | `/`, `/lost+found`, free blocks |
//! | end | journal |
//!
//! Free blocks keep what the device held: nothing reads a free block. Every other block is
//! written, or, where it must be zero, read and zeroed only if it is not. So an image on a fresh
//! sparse device stays sparse. The old journal must be zeroed, because a log of the same UUID
//! could pass for a continuation of the new one.
//!
//! `/lost+found` is always made: a checker that has to create it changes the image.

use crate::device::{Device, DeviceError, Durability};
use crate::disk::bitmap::Bitmap;
use crate::disk::dir::{DirectoryBlock, InsertError};
use crate::disk::extent::{Extent, ExtentNode};
use crate::disk::geometry::{
    BLOCKS_MAX, FIRST_INO, GROUP_DESCRIPTORS, Geometry, INODES_MAX, JOURNAL_BLOCKS_MIN,
    JOURNAL_INO, ROOT_INO, SUPERBLOCK,
};
use crate::disk::group::GroupDescriptor;
use crate::disk::inode::{FLAG_EXTENTS, FileType, I_BLOCK_SIZE, Inode};
use crate::disk::superblock::{FLAG_SIGNED_HASH, JournalBackup, STATE_CLEAN, Superblock};
use crate::journal::superblock::JournalSuperblock;
use crate::units::{BLOCK_SIZE, Block, Ino, Lblk, Pblk, Tid};

const BLOCK_BITMAP: Pblk = Pblk(3);
const INODE_BITMAP: Pblk = Pblk(4);
const INODE_TABLE: Pblk = Pblk(5);
/// The directories that are made, of one block each.
const DIRECTORIES: u32 = 2;
const ZEROES: Block = [0; BLOCK_SIZE];

/// What to make. The default is the smallest file system that the kernel mounts, with 64 blocks
/// free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkfsOptions {
    /// Size in blocks: room for the metadata and the journal, and at most 8193.
    pub blocks: u64,
    /// The number of inodes, 11 of which are taken: a multiple of 8, 16..=8192.
    pub inodes: u32,
    /// Length of the journal in blocks, at least 1024.
    pub journal_blocks: u32,
    /// The identity of the file system and of its journal.
    pub uuid: [u8; 16],
    /// The volume's name: at most 16 bytes, none of them NUL.
    pub label: String,
    /// The time of creation, in seconds since 1970. Nothing here reads a clock.
    pub time: u32,
}

impl Default for MkfsOptions {
    fn default() -> MkfsOptions {
        let (inodes, journal_blocks) = (16, JOURNAL_BLOCKS_MIN);
        MkfsOptions {
            blocks: MkfsOptions::blocks_for(64, inodes, journal_blocks),
            inodes,
            journal_blocks,
            uuid: *b"\xc0\x70\x01\x47default-uuid",
            label: String::new(),
            time: 1_700_000_000,
        }
    }
}

impl MkfsOptions {
    /// The size in blocks of a file system with `free` blocks free.
    pub fn blocks_for(free: u64, inodes: u32, journal_blocks: u32) -> u64 {
        let table = Geometry::inode_table_blocks(inodes);
        let fixed = INODE_TABLE.0 + u64::from(DIRECTORIES) + u64::from(journal_blocks);
        fixed.saturating_add(table).saturating_add(free)
    }
}

/// Why a file system can not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MkfsError {
    /// The size is out of range.
    #[error("{blocks} blocks asked for; with this journal and these inodes it takes {min}..={max}")]
    Blocks {
        /// The size asked for.
        blocks: u64,
        /// The least size.
        min: u64,
        /// The greatest size: one block group.
        max: u64,
    },
    /// The device is smaller than the file system.
    #[error("{blocks} blocks asked for, but the device has {device_blocks}")]
    DeviceTooSmall {
        /// The size asked for.
        blocks: u64,
        /// The size of the device.
        device_blocks: u64,
    },
    /// The number of inodes is out of range.
    #[error("{inodes} inodes asked for; it takes a multiple of 8 within 16..={INODES_MAX}")]
    Inodes {
        /// The number asked for.
        inodes: u32,
    },
    /// The journal is too short.
    #[error("a journal of {blocks} blocks asked for; it takes at least {JOURNAL_BLOCKS_MIN}")]
    Journal {
        /// The length asked for.
        blocks: u32,
    },
    /// The label does not fit.
    #[error("label {label:?} is longer than 16 bytes or contains NUL")]
    Label {
        /// The label asked for.
        label: String,
    },
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Makes a file system on a device, which may hold other data.
///
/// # Crash
/// Until the last write, which is the superblock's, the device has no valid superblock, so a
/// half-made file system is never mounted.
///
/// # Errors
/// [`MkfsError`]. Options are checked before anything is written.
pub fn mkfs<D: Device>(device: &D, options: &MkfsOptions) -> Result<(), MkfsError> {
    let plan = Plan::new(options, device.blocks())?;
    zero(device, SUPERBLOCK)?;
    device.flush()?;
    zero(device, Pblk(0))?;
    plan.write_bitmaps_and_descriptor(device)?;
    plan.write_inodes(device)?;
    plan.write_directories(device)?;
    plan.write_journal(device)?;
    device.flush()?;
    let mut block = ZEROES;
    plan.superblock().encode_into(&mut block);
    put(device, SUPERBLOCK, &block)?;
    device.flush()?;
    Ok(())
}

/// Where everything goes.
struct Plan<'a> {
    options: &'a MkfsOptions,
    label: [u8; 16],
    geometry: Geometry,
    root: Pblk,
    lost_found: Pblk,
    journal: Pblk,
}

impl<'a> Plan<'a> {
    fn new(options: &'a MkfsOptions, device_blocks: u64) -> Result<Plan<'a>, MkfsError> {
        let MkfsOptions {
            blocks,
            inodes,
            journal_blocks,
            ref uuid,
            ref label,
            ..
        } = *options;
        if !(16..=INODES_MAX).contains(&inodes) || !inodes.is_multiple_of(8) {
            return Err(MkfsError::Inodes { inodes });
        }
        if journal_blocks < JOURNAL_BLOCKS_MIN {
            return Err(MkfsError::Journal {
                blocks: journal_blocks,
            });
        }
        let (min, max) = (
            MkfsOptions::blocks_for(0, inodes, journal_blocks),
            BLOCKS_MAX,
        );
        if !(min..=max).contains(&blocks) {
            return Err(MkfsError::Blocks { blocks, min, max });
        }
        if blocks > device_blocks {
            return Err(MkfsError::DeviceTooSmall {
                blocks,
                device_blocks,
            });
        }
        let mut padded = [0; 16];
        if label.len() > padded.len() || label.contains('\0') {
            return Err(MkfsError::Label {
                label: label.clone(),
            });
        }
        padded[..label.len()].copy_from_slice(label.as_bytes());
        let root = INODE_TABLE.0 + Geometry::inode_table_blocks(inodes);
        let geometry = Geometry {
            blocks,
            inodes,
            block_bitmap: BLOCK_BITMAP,
            inode_bitmap: INODE_BITMAP,
            inode_table: INODE_TABLE,
            seed: crate::disk::checksum::Seed::of_uuid(uuid),
        };
        Ok(Plan {
            options,
            label: padded,
            geometry,
            root: Pblk(root),
            lost_found: Pblk(root + 1),
            journal: Pblk(blocks - u64::from(journal_blocks)),
        })
    }

    fn free_blocks(&self) -> u32 {
        (self.journal.0 - self.lost_found.0 - 1) as u32
    }

    fn free_inodes(&self) -> u32 {
        self.options.inodes - FIRST_INO.0
    }

    fn superblock(&self) -> Superblock {
        let MkfsOptions {
            blocks,
            inodes,
            uuid,
            time,
            ..
        } = *self.options;
        let journal = self.journal_inode();
        Superblock {
            inodes,
            blocks,
            reserved_blocks: 0,
            free_blocks: u64::from(self.free_blocks()),
            free_inodes: self.free_inodes(),
            mount_time: 0,
            write_time: time,
            check_time: time,
            make_time: time,
            mount_count: 0,
            state: STATE_CLEAN,
            needs_recovery: false,
            uuid,
            label: self.label,
            last_orphan: Ino(0),
            hash_seed: uuid,
            hash_version: 1,
            flags: FLAG_SIGNED_HASH,
            journal_backup: Some(JournalBackup {
                i_block: journal.i_block,
                size: journal.size,
            }),
        }
    }

    fn write_bitmaps_and_descriptor<D: Device>(&self, device: &D) -> Result<(), DeviceError> {
        let mut blocks = Bitmap::new(self.geometry.block_bits());
        for block in (1..=self.lost_found.0).chain(self.journal.0..self.options.blocks) {
            let fresh = blocks.set(self.geometry.block_bit(Pblk(block)));
            assert!(fresh, "block {block} is planned twice");
        }
        let mut inodes = Bitmap::new(self.options.inodes);
        for ino in 1..=FIRST_INO.0 {
            let fresh = inodes.set(ino - 1);
            assert!(fresh, "inode {ino} is planned twice");
        }
        assert_eq!(blocks.count_clear(), self.free_blocks());
        assert_eq!(inodes.count_clear(), self.free_inodes());
        put(device, BLOCK_BITMAP, &blocks.encode())?;
        put(device, INODE_BITMAP, &inodes.encode())?;
        let descriptor = GroupDescriptor {
            block_bitmap: BLOCK_BITMAP,
            inode_bitmap: INODE_BITMAP,
            inode_table: INODE_TABLE,
            free_blocks: self.free_blocks(),
            free_inodes: self.free_inodes(),
            directories: DIRECTORIES,
            unused_inodes: 0,
            inode_table_zeroed: true,
            block_bitmap_checksum: blocks.blocks_checksum(self.geometry.seed),
            inode_bitmap_checksum: inodes.inodes_checksum(self.geometry.seed),
        };
        let mut block = ZEROES;
        descriptor.encode_into(&mut block, self.geometry.seed);
        put(device, GROUP_DESCRIPTORS, &block)
    }

    /// An inode whose content is one run of blocks.
    fn inode(&self, file_type: FileType, permissions: u16, start: Pblk, len: u32) -> Inode {
        let time = self.options.time;
        let mut inode = Inode {
            mode: file_type.mode(permissions),
            uid: 0,
            gid: 0,
            size: u64::from(len) * BLOCK_SIZE as u64,
            atime: time,
            ctime: time,
            mtime: time,
            crtime: time,
            dtime: 0,
            links: 1,
            blocks_512: len * (BLOCK_SIZE / 512) as u32,
            flags: FLAG_EXTENTS,
            generation: 0,
            i_block: [0; I_BLOCK_SIZE],
        };
        let extent = Extent {
            lblk: Lblk(0),
            len,
            pblk: start,
            unwritten: false,
        };
        ExtentNode::Leaf(vec![extent]).encode_root(&mut inode);
        inode
    }

    fn journal_inode(&self) -> Inode {
        self.inode(
            FileType::Regular,
            0o600,
            self.journal,
            self.options.journal_blocks,
        )
    }

    fn write_inodes<D: Device>(&self, device: &D) -> Result<(), DeviceError> {
        // A directory is linked by its parent, by its own "." and by each child's "..".
        let mut root = self.inode(FileType::Directory, 0o755, self.root, 1);
        root.links = 3;
        let mut lost_found = self.inode(FileType::Directory, 0o700, self.lost_found, 1);
        lost_found.links = 2;
        let made = [
            (ROOT_INO, root),
            (JOURNAL_INO, self.journal_inode()),
            (FIRST_INO, lost_found),
        ];
        for table_block in INODE_TABLE.0..self.root.0 {
            let mut block = ZEROES;
            for (ino, inode) in &made {
                if let Some(at) = self.geometry.locate(*ino)
                    && at.block() == Pblk(table_block)
                {
                    inode.encode_new(&mut block, at, self.geometry.seed);
                }
            }
            put(device, Pblk(table_block), &block)?;
        }
        Ok(())
    }

    fn write_directories<D: Device>(&self, device: &D) -> Result<(), DeviceError> {
        let mut root = DirectoryBlock::init(ROOT_INO, ROOT_INO);
        let inserted = root.insert(b"lost+found", FIRST_INO, FileType::Directory);
        assert_eq!(
            inserted,
            Ok::<(), InsertError>(()),
            "an empty directory has room"
        );
        let lost_found = DirectoryBlock::init(FIRST_INO, ROOT_INO);
        let seed = |ino| self.geometry.seed.of_inode(ino, 0);
        put(device, self.root, &root.encode(seed(ROOT_INO)))?;
        put(device, self.lost_found, &lost_found.encode(seed(FIRST_INO)))
    }

    fn write_journal<D: Device>(&self, device: &D) -> Result<(), DeviceError> {
        let superblock = JournalSuperblock {
            maxlen: self.options.journal_blocks,
            first: 1,
            sequence: Tid(1),
            start: 0,
            errno: 0,
            uuid: self.options.uuid,
            users: 1,
        };
        let mut block = ZEROES;
        superblock.encode_into(&mut block);
        put(device, self.journal, &block)?;
        for log_block in self.journal.0 + 1..self.options.blocks {
            zero(device, Pblk(log_block))?;
        }
        Ok(())
    }
}

/// Writes a block, unless it is zero and already so on the device.
fn put<D: Device>(device: &D, at: Pblk, block: &Block) -> Result<(), DeviceError> {
    if *block == ZEROES {
        zero(device, at)
    } else {
        device.write(at, block, Durability::Volatile)
    }
}

/// Zeroes a block that is not zero.
fn zero<D: Device>(device: &D, at: Pblk) -> Result<(), DeviceError> {
    let mut found = ZEROES;
    device.read(at, &mut found)?;
    if found == ZEROES {
        Ok(())
    } else {
        device.write(at, &ZEROES, Durability::Volatile)
    }
}
