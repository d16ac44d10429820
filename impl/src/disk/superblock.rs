//! The superblock: sizes, features, identity, and the head of the orphan list.
//!
//! One set of features is supported, exactly; a superblock with more or fewer is refused with the
//! bits named. The one feature that comes and goes is `recover`, which says that the journal must
//! be replayed before anything else is believed; it is [`Superblock::needs_recovery`].
//!
//! Fields that have one supported value only are not in the type: decoding checks them against
//! one table, encoding writes them from it.
//!
//! # Source
//! linux v6.18 fs/ext4/ext4.h `struct ext4_super_block`; fs/ext4/super.c `__ext4_fill_super`.

use crate::disk::bytes::{array, le16, le32, le32_split, put_le16, put_le32, put_le32_split};
use crate::disk::checksum::{self, Seed};
use crate::disk::error::{FormatError, Place, Structure};
use crate::disk::geometry::{
    BLOCKS_MAX, BLOCKS_PER_GROUP, FIRST_DATA_BLOCK, FIRST_INO, INODE_SIZE, INODES_MAX, JOURNAL_INO,
    SUPERBLOCK,
};
use crate::disk::inode::{EXTRA_ISIZE, I_BLOCK_SIZE};
use crate::units::{BLOCK_SIZE, Block, Ino};

/// Compatible features: `has_journal`.
pub const COMPAT: u32 = 0x4;
/// Incompatible features: `filetype`, `extents`, `64bit`.
pub const INCOMPAT: u32 = 0x2 | 0x40 | 0x80;
/// The incompatible feature `recover`: the journal holds transactions that must be replayed.
pub const INCOMPAT_RECOVER: u32 = 0x4;
/// Features that only writers must know: `extra_isize`, `metadata_csum`.
pub const RO_COMPAT: u32 = 0x40 | METADATA_CSUM;
const METADATA_CSUM: u32 = 0x400;

/// [`Superblock::state`]: unmounted cleanly. With a journal it stays set while mounted.
pub const STATE_CLEAN: u16 = 1;
/// [`Superblock::state`]: errors were found.
pub const STATE_ERROR: u16 = 2;
/// [`Superblock::state`]: orphans are being processed.
pub const STATE_ORPHANS: u16 = 4;

/// [`Superblock::flags`]: directory hashes treat characters as signed. Nothing here hashes names,
/// but a checker that finds neither this nor its opposite sets one.
pub const FLAG_SIGNED_HASH: u32 = 1;

const MAGIC: u32 = 0xef53;

/// Byte offsets of the fields that the type models.
mod at {
    pub const INODES: usize = 0x0;
    pub const BLOCKS: (usize, usize) = (0x4, 0x150);
    pub const RESERVED_BLOCKS: (usize, usize) = (0x8, 0x154);
    pub const FREE_BLOCKS: (usize, usize) = (0xc, 0x158);
    pub const FREE_INODES: usize = 0x10;
    pub const INODES_PER_GROUP: usize = 0x28;
    pub const MOUNT_TIME: usize = 0x2c;
    pub const WRITE_TIME: usize = 0x30;
    pub const MOUNT_COUNT: usize = 0x34;
    pub const MAGIC: usize = 0x38;
    pub const STATE: usize = 0x3a;
    pub const CHECK_TIME: usize = 0x40;
    pub const COMPAT: usize = 0x5c;
    pub const INCOMPAT: usize = 0x60;
    pub const RO_COMPAT: usize = 0x64;
    pub const UUID: usize = 0x68;
    pub const LABEL: usize = 0x78;
    pub const LAST_ORPHAN: usize = 0xe8;
    pub const HASH_SEED: usize = 0xec;
    pub const HASH_VERSION: usize = 0xfc;
    pub const BACKUP_TYPE: usize = 0xfd;
    pub const MAKE_TIME: usize = 0x108;
    pub const BACKUP: usize = 0x10c;
    pub const BACKUP_SIZE_HIGH: usize = 0x148;
    pub const BACKUP_SIZE_LOW: usize = 0x14c;
    pub const FLAGS: usize = 0x160;
    pub const CHECKSUM: usize = 0x3fc;
}

/// A field with one supported value.
struct Fixed {
    field: &'static str,
    at: usize,
    /// Bytes: 1, 2 or 4.
    width: u8,
    value: u32,
}

const fn fixed(field: &'static str, at: usize, width: u8, value: u32) -> Fixed {
    Fixed {
        field,
        at,
        width,
        value,
    }
}

/// The fields with one supported value. Block and cluster sizes are logarithms over 1 KiB.
const FIXED: [Fixed; 15] = [
    fixed("first data block", 0x14, 4, FIRST_DATA_BLOCK.0 as u32),
    fixed(
        "logarithm of the block size",
        0x18,
        4,
        BLOCK_SIZE.ilog2() - 10,
    ),
    fixed(
        "logarithm of the cluster size",
        0x1c,
        4,
        BLOCK_SIZE.ilog2() - 10,
    ),
    fixed("blocks per group", 0x20, 4, BLOCKS_PER_GROUP),
    fixed("clusters per group", 0x24, 4, BLOCKS_PER_GROUP),
    fixed("revision", 0x4c, 4, 1),
    fixed("first unreserved inode", 0x54, 4, FIRST_INO.0),
    fixed("inode size", 0x58, 2, INODE_SIZE as u32),
    fixed("group of this superblock", 0x5a, 2, 0),
    fixed("journal inode", 0xe0, 4, JOURNAL_INO.0),
    fixed("journal device", 0xe4, 4, 0),
    fixed("descriptor size", 0xfe, 2, 64),
    fixed("least extra inode size", 0x15c, 2, EXTRA_ISIZE as u32),
    fixed("wanted extra inode size", 0x15e, 2, EXTRA_ISIZE as u32),
    fixed("checksum type", 0x175, 1, 1),
];

impl Fixed {
    fn read(&self, block: &Block) -> u32 {
        match self.width {
            1 => u32::from(block[self.at]),
            2 => u32::from(le16(block, self.at)),
            _ => le32(block, self.at),
        }
    }

    fn write(&self, block: &mut Block) {
        match self.width {
            1 => block[self.at] = self.value as u8,
            2 => put_le16(block, self.at, self.value as u16),
            _ => put_le32(block, self.at, self.value),
        }
    }
}

/// A copy of where the journal lies, for repair tools that can not read its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalBackup {
    /// The extent root of the journal's inode.
    pub i_block: [u8; I_BLOCK_SIZE],
    /// The journal's size in bytes.
    pub size: u64,
}

/// The superblock. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The number of inodes: a multiple of 8 of at least 16, at most [`INODES_MAX`].
    pub inodes: u32,
    /// Size in blocks, at most [`BLOCKS_MAX`] and no larger than the device.
    pub blocks: u64,
    /// Blocks kept back for the superuser, at most [`Superblock::blocks`].
    pub reserved_blocks: u64,
    /// Free blocks, at most [`Superblock::blocks`]. Only a hint after a crash: the descriptor's
    /// count is in the journal, this one need not be.
    pub free_blocks: u64,
    /// Free inodes, at most [`Superblock::inodes`]; a hint, as the free blocks are.
    pub free_inodes: u32,
    /// When the file system was last mounted.
    pub mount_time: u32,
    /// When the superblock was last written.
    pub write_time: u32,
    /// When the file system was last checked.
    pub check_time: u32,
    /// When the file system was made.
    pub make_time: u32,
    /// Mounts since the last check.
    pub mount_count: u16,
    /// [`STATE_CLEAN`], [`STATE_ERROR`], [`STATE_ORPHANS`] and no other bits.
    pub state: u16,
    /// Whether the journal must be replayed: the feature `recover`.
    pub needs_recovery: bool,
    /// The file system's identity, from which its checksums are seeded.
    pub uuid: [u8; 16],
    /// The volume's name, padded with zeroes.
    pub label: [u8; 16],
    /// Head of the list of orphans, linked through [`Inode::dtime`]; 0 if there are none.
    ///
    /// [`Inode::dtime`]: crate::disk::inode::Inode::dtime
    pub last_orphan: Ino,
    /// The seed of directory hashes. Kept for other implementations.
    pub hash_seed: [u8; 16],
    /// The kind of directory hash. Kept for other implementations.
    pub hash_version: u8,
    /// Various: [`FLAG_SIGNED_HASH`] and others that do not matter here.
    pub flags: u32,
    /// Where the journal lies, if recorded.
    pub journal_backup: Option<JournalBackup>,
}

impl Superblock {
    /// Decodes the superblock of a device of `device_blocks` blocks.
    ///
    /// # Errors
    /// [`FormatError`] if the magic number, the checksum, the features or any field is wrong.
    pub fn decode(block: &Block, device_blocks: u64) -> Result<Superblock, FormatError> {
        let place = Place {
            structure: Structure::Superblock,
            block: SUPERBLOCK,
        };
        place.magic(MAGIC, u32::from(le16(block, at::MAGIC)))?;
        // Without metadata_csum there is no checksum to verify, and the feature check says why
        // the image is refused. With it, a damaged feature word is reported as damage.
        if le32(block, at::RO_COMPAT) & METADATA_CSUM != 0 {
            place.checksum(le32(block, at::CHECKSUM), checksum::superblock(block))?;
        }
        let incompat = le32(block, at::INCOMPAT);
        place.features("incompat", incompat, INCOMPAT, INCOMPAT | INCOMPAT_RECOVER)?;
        place.features(
            "ro_compat",
            le32(block, at::RO_COMPAT),
            RO_COMPAT,
            RO_COMPAT,
        )?;
        place.features("compat", le32(block, at::COMPAT), COMPAT, COMPAT)?;
        for fixed in &FIXED {
            let value = u64::from(fixed.value);
            place.range(fixed.field, fixed.read(block), value..=value)?;
        }
        let superblock = Superblock {
            inodes: le32(block, at::INODES),
            blocks: le32_split(block, at::BLOCKS.0, at::BLOCKS.1),
            reserved_blocks: le32_split(block, at::RESERVED_BLOCKS.0, at::RESERVED_BLOCKS.1),
            free_blocks: le32_split(block, at::FREE_BLOCKS.0, at::FREE_BLOCKS.1),
            free_inodes: le32(block, at::FREE_INODES),
            mount_time: le32(block, at::MOUNT_TIME),
            write_time: le32(block, at::WRITE_TIME),
            check_time: le32(block, at::CHECK_TIME),
            make_time: le32(block, at::MAKE_TIME),
            mount_count: le16(block, at::MOUNT_COUNT),
            state: le16(block, at::STATE),
            needs_recovery: incompat & INCOMPAT_RECOVER != 0,
            uuid: array(block, at::UUID),
            label: array(block, at::LABEL),
            last_orphan: Ino(le32(block, at::LAST_ORPHAN)),
            hash_seed: array(block, at::HASH_SEED),
            hash_version: block[at::HASH_VERSION],
            flags: le32(block, at::FLAGS),
            journal_backup: decode_backup(block, place)?,
        };
        superblock.check(place, device_blocks, le32(block, at::INODES_PER_GROUP))?;
        Ok(superblock)
    }

    /// Checks the ranges that the type documents.
    fn check(
        &self,
        place: Place,
        device_blocks: u64,
        inodes_per_group: u32,
    ) -> Result<(), FormatError> {
        let inodes = u64::from(self.inodes);
        place.range("number of inodes", self.inodes, 16..=u64::from(INODES_MAX))?;
        place.multiple("number of inodes", self.inodes, 8)?;
        place.range("inodes per group", inodes_per_group, inodes..=inodes)?;
        place.range(
            "size in blocks",
            self.blocks,
            8..=BLOCKS_MAX.min(device_blocks),
        )?;
        place.range(
            "number of reserved blocks",
            self.reserved_blocks,
            0..=self.blocks,
        )?;
        place.range("number of free blocks", self.free_blocks, 0..=self.blocks)?;
        place.range("number of free inodes", self.free_inodes, 0..=inodes)?;
        let states = u64::from(STATE_CLEAN | STATE_ERROR | STATE_ORPHANS);
        place.range("state", self.state, 0..=states)?;
        if self.last_orphan != Ino(0) {
            let allowed = u64::from(FIRST_INO.0)..=inodes;
            place.range("head of the orphan list", self.last_orphan.0, allowed)?;
        }
        if let Some(backup) = &self.journal_backup {
            let size_max = self.blocks * BLOCK_SIZE as u64;
            place.range(
                "size of the journal in its backup",
                backup.size,
                0..=size_max,
            )?;
        }
        Ok(())
    }

    /// Writes every modelled field and a fresh checksum into a block. In a block that held a
    /// superblock, the rest stays; for a new superblock pass a block of zeroes.
    pub fn encode_into(&self, block: &mut Block) {
        for fixed in &FIXED {
            fixed.write(block);
        }
        put_le16(block, at::MAGIC, MAGIC as u16);
        put_le32(block, at::COMPAT, COMPAT);
        let recover = if self.needs_recovery {
            INCOMPAT_RECOVER
        } else {
            0
        };
        put_le32(block, at::INCOMPAT, INCOMPAT | recover);
        put_le32(block, at::RO_COMPAT, RO_COMPAT);
        put_le32(block, at::INODES, self.inodes);
        put_le32(block, at::INODES_PER_GROUP, self.inodes);
        put_le32_split(block, at::BLOCKS.0, at::BLOCKS.1, self.blocks);
        put_le32_split(
            block,
            at::RESERVED_BLOCKS.0,
            at::RESERVED_BLOCKS.1,
            self.reserved_blocks,
        );
        put_le32_split(
            block,
            at::FREE_BLOCKS.0,
            at::FREE_BLOCKS.1,
            self.free_blocks,
        );
        put_le32(block, at::FREE_INODES, self.free_inodes);
        put_le32(block, at::MOUNT_TIME, self.mount_time);
        put_le32(block, at::WRITE_TIME, self.write_time);
        put_le32(block, at::CHECK_TIME, self.check_time);
        put_le32(block, at::MAKE_TIME, self.make_time);
        put_le16(block, at::MOUNT_COUNT, self.mount_count);
        put_le16(block, at::STATE, self.state);
        block[at::UUID..at::UUID + 16].copy_from_slice(&self.uuid);
        block[at::LABEL..at::LABEL + 16].copy_from_slice(&self.label);
        put_le32(block, at::LAST_ORPHAN, self.last_orphan.0);
        block[at::HASH_SEED..at::HASH_SEED + 16].copy_from_slice(&self.hash_seed);
        block[at::HASH_VERSION] = self.hash_version;
        put_le32(block, at::FLAGS, self.flags);
        encode_backup(self.journal_backup.as_ref(), block);
        let sum = checksum::superblock(block);
        put_le32(block, at::CHECKSUM, sum);
    }

    /// The seed of this file system's checksums.
    pub fn seed(&self) -> Seed {
        Seed::of_uuid(&self.uuid)
    }
}

fn decode_backup(block: &Block, place: Place) -> Result<Option<JournalBackup>, FormatError> {
    let kind = block[at::BACKUP_TYPE];
    place.range("type of the journal backup", kind, 0..=1)?;
    if kind == 0 {
        return Ok(None);
    }
    Ok(Some(JournalBackup {
        i_block: array(block, at::BACKUP),
        size: le32_split(block, at::BACKUP_SIZE_LOW, at::BACKUP_SIZE_HIGH),
    }))
}

fn encode_backup(backup: Option<&JournalBackup>, block: &mut Block) {
    block[at::BACKUP_TYPE] = u8::from(backup.is_some());
    if let Some(backup) = backup {
        block[at::BACKUP..at::BACKUP + I_BLOCK_SIZE].copy_from_slice(&backup.i_block);
        put_le32_split(
            block,
            at::BACKUP_SIZE_LOW,
            at::BACKUP_SIZE_HIGH,
            backup.size,
        );
    }
}
