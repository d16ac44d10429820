//! Inodes: 256 bytes each, four to a block of the inode table.
//!
//! Times have seconds only; the bytes for fractions of a second stay as they are. Attributes,
//! which other implementations keep behind the extra fields, stay too.
//!
//! # Source
//! linux v6.18 fs/ext4/ext4.h `struct ext4_inode`; fs/ext4/inode.c `__ext4_iget`. Departs from it
//! in refusing flags that change what other fields mean: those features are not supported.

use crate::disk::bytes::{
    array, le16, le16_split, le32, le32_split, put_le16, put_le16_split, put_le32, put_le32_split,
};
use crate::disk::checksum::{InodeSeed, Seed};
use crate::disk::error::{FormatError, Place, Problem, Structure};
use crate::disk::geometry::{Geometry, InodePosition};
use crate::units::{BLOCK_SIZE, Block};
use std::ops::Range;

/// Bytes of an inode beyond the first 128 that hold fields.
pub const EXTRA_ISIZE: u16 = 32;
/// Bytes of an inode that hold its extent root, or the target of a short symbolic link.
pub const I_BLOCK_SIZE: usize = 60;
/// The largest file, in bytes: logical block numbers have 32 bits, and the last is never used.
pub const FILE_SIZE_MAX: u64 = u32::MAX as u64 * BLOCK_SIZE as u64;

/// [`Inode::flags`]: the file's blocks are mapped by extents.
pub const FLAG_EXTENTS: u32 = 0x8_0000;

/// Flags that can be set without changing what any field means: those of chattr that ask for
/// nothing of the format.
const FLAGS_HARMLESS: u32 = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x1_0000 | 0x2_0000;

mod at {
    pub const MODE: usize = 0x0;
    pub const UID: (usize, usize) = (0x2, 0x78);
    pub const SIZE: (usize, usize) = (0x4, 0x6c);
    pub const ATIME: usize = 0x8;
    pub const CTIME: usize = 0xc;
    pub const MTIME: usize = 0x10;
    pub const DTIME: usize = 0x14;
    pub const GID: (usize, usize) = (0x18, 0x7a);
    pub const LINKS: usize = 0x1a;
    pub const BLOCKS: usize = 0x1c;
    pub const FLAGS: usize = 0x20;
    pub const I_BLOCK: usize = 0x28;
    pub const GENERATION: usize = 0x64;
    pub const ATTRIBUTE_BLOCK: (usize, usize) = (0x68, 0x76);
    pub const CHECKSUM: (usize, usize) = (0x7c, 0x82);
    pub const EXTRA_ISIZE: usize = 0x80;
    pub const CRTIME: usize = 0x90;
}

/// What kind of file an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A symbolic link.
    Symlink,
}

impl FileType {
    /// Every type, its bits in an inode's mode, and its code in a directory record.
    const TABLE: [(FileType, u16, u8); 7] = [
        (FileType::Regular, 0o100_000, 1),
        (FileType::Directory, 0o040_000, 2),
        (FileType::CharacterDevice, 0o020_000, 3),
        (FileType::BlockDevice, 0o060_000, 4),
        (FileType::Fifo, 0o010_000, 5),
        (FileType::Socket, 0o140_000, 6),
        (FileType::Symlink, 0o120_000, 7),
    ];
    const MODE_MASK: u16 = 0o170_000;

    /// The type that a mode's upper bits stand for.
    pub fn of_mode(mode: u16) -> Option<FileType> {
        let bits = mode & FileType::MODE_MASK;
        FileType::TABLE
            .iter()
            .find(|row| row.1 == bits)
            .map(|row| row.0)
    }

    /// The type that a directory record's code stands for.
    pub fn of_code(code: u8) -> Option<FileType> {
        FileType::TABLE
            .iter()
            .find(|row| row.2 == code)
            .map(|row| row.0)
    }

    /// A mode of this type with these permission bits, of which there are 12.
    pub fn mode(self, permissions: u16) -> u16 {
        FileType::TABLE[self as usize].1 | permissions & !FileType::MODE_MASK
    }

    /// The code of this type in a directory record.
    pub fn code(self) -> u8 {
        FileType::TABLE[self as usize].2
    }
}

/// An inode. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// The type, always a known one, and the permissions.
    pub mode: u16,
    /// The owner.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
    /// Size in bytes, at most [`FILE_SIZE_MAX`]: the size that survives a crash, `i_disksize`. A
    /// directory's is a multiple of the block size and no larger than the file system.
    pub size: u64,
    /// When the file was last read.
    pub atime: u32,
    /// When the inode last changed.
    pub ctime: u32,
    /// When the content last changed.
    pub mtime: u32,
    /// When the file was made.
    pub crtime: u32,
    /// When the file was deleted; while it is on the orphan list, the number of the next inode on
    /// the list, unchecked.
    pub dtime: u32,
    /// Names of this inode. 0 on an inode that is deleted, or will be once it is closed.
    pub links: u16,
    /// Blocks that the file occupies, extent blocks included, counted in 512 bytes. At most twice
    /// the file system's blocks.
    pub blocks_512: u32,
    /// [`FLAG_EXTENTS`] and flags that ask for nothing of the format.
    pub flags: u32,
    /// Distinguishes successive uses of one inode number.
    pub generation: u32,
    /// The root of the extent tree, as bytes.
    pub i_block: [u8; I_BLOCK_SIZE],
}

impl Inode {
    /// Decodes one inode out of its block of the inode table.
    ///
    /// # Errors
    /// [`FormatError`] if the inode was never written, its checksum is wrong, its type unknown,
    /// its flags unsupported, or a size out of range.
    pub fn decode(
        block: &Block,
        at: InodePosition,
        geometry: &Geometry,
    ) -> Result<Inode, FormatError> {
        let place = Place {
            structure: Structure::Inode(at.ino()),
            block: at.block(),
        };
        let bytes = &block[at.bytes()];
        if bytes.iter().all(|&byte| byte == 0) {
            return Err(place.fail(Problem::Unused));
        }
        let generation = le32(bytes, at::GENERATION);
        let computed = checksum(bytes, at, generation, geometry.seed);
        place.checksum(le16_split(bytes, at::CHECKSUM.0, at::CHECKSUM.1), computed)?;
        let inode = Inode {
            mode: le16(bytes, at::MODE),
            uid: le16_split(bytes, at::UID.0, at::UID.1),
            gid: le16_split(bytes, at::GID.0, at::GID.1),
            size: le32_split(bytes, at::SIZE.0, at::SIZE.1),
            atime: le32(bytes, at::ATIME),
            ctime: le32(bytes, at::CTIME),
            mtime: le32(bytes, at::MTIME),
            crtime: le32(bytes, at::CRTIME),
            dtime: le32(bytes, at::DTIME),
            links: le16(bytes, at::LINKS),
            blocks_512: le32(bytes, at::BLOCKS),
            flags: le32(bytes, at::FLAGS),
            generation,
            i_block: array(bytes, at::I_BLOCK),
        };
        let extra = u64::from(EXTRA_ISIZE);
        place.range("extra size", le16(bytes, at::EXTRA_ISIZE), extra..=extra)?;
        let attributes = u64::from(le32(bytes, at::ATTRIBUTE_BLOCK.0))
            | u64::from(le16(bytes, at::ATTRIBUTE_BLOCK.1)) << 32;
        place.range("attribute block", attributes, 0..=0)?;
        inode.check(place, geometry)?;
        Ok(inode)
    }

    fn check(&self, place: Place, geometry: &Geometry) -> Result<(), FormatError> {
        let Some(kind) = FileType::of_mode(self.mode) else {
            return Err(place.fail(Problem::Mode { mode: self.mode }));
        };
        let unsupported = self.flags & !(FLAG_EXTENTS | FLAGS_HARMLESS);
        if unsupported != 0 {
            return Err(place.fail(Problem::Flags { bits: unsupported }));
        }
        let size_max = match kind {
            FileType::Directory => geometry.blocks * BLOCK_SIZE as u64,
            _ => FILE_SIZE_MAX,
        };
        place.range("size", self.size, 0..=size_max)?;
        if kind == FileType::Directory {
            place.multiple("size", self.size, BLOCK_SIZE as u64)?;
        }
        place.range(
            "number of 512-byte blocks",
            self.blocks_512,
            0..=2 * geometry.blocks,
        )
    }

    /// Writes every modelled field and a fresh checksum over the same inode's earlier bytes, of
    /// which the rest stays.
    pub fn encode_into(&self, block: &mut Block, at: InodePosition, seed: Seed) {
        let bytes = &mut block[at.bytes()];
        put_le16(bytes, at::MODE, self.mode);
        put_le16_split(bytes, at::UID.0, at::UID.1, self.uid);
        put_le16_split(bytes, at::GID.0, at::GID.1, self.gid);
        put_le32_split(bytes, at::SIZE.0, at::SIZE.1, self.size);
        put_le32(bytes, at::ATIME, self.atime);
        put_le32(bytes, at::CTIME, self.ctime);
        put_le32(bytes, at::MTIME, self.mtime);
        put_le32(bytes, at::CRTIME, self.crtime);
        put_le32(bytes, at::DTIME, self.dtime);
        put_le16(bytes, at::LINKS, self.links);
        put_le32(bytes, at::BLOCKS, self.blocks_512);
        put_le32(bytes, at::FLAGS, self.flags);
        put_le32(bytes, at::GENERATION, self.generation);
        put_le16(bytes, at::EXTRA_ISIZE, EXTRA_ISIZE);
        bytes[at::I_BLOCK..at::I_BLOCK + I_BLOCK_SIZE].copy_from_slice(&self.i_block);
        let sum = checksum(bytes, at, self.generation, seed);
        put_le16_split(bytes, at::CHECKSUM.0, at::CHECKSUM.1, sum);
    }

    /// Writes a new inode: as [`Inode::encode_into`], but zeroes what an earlier inode of this
    /// number left.
    pub fn encode_new(&self, block: &mut Block, at: InodePosition, seed: Seed) {
        block[at.bytes()].fill(0);
        self.encode_into(block, at, seed);
    }

    /// The type of the file, or `None` if the mode has been set to something else since decoding.
    pub fn file_type(&self) -> Option<FileType> {
        FileType::of_mode(self.mode)
    }

    /// The seed of the checksums of this inode's extent and directory blocks.
    pub fn seed(&self, at: InodePosition, seed: Seed) -> InodeSeed {
        seed.of_inode(at.ino(), self.generation)
    }
}

/// The bytes of its block that hold an inode's checksum, over the whole inode.
pub fn checksum_bytes(at: InodePosition) -> [Range<usize>; 2] {
    let (low, high) = at::CHECKSUM;
    [low, high].map(|half| at.offset() + half..at.offset() + half + size_of::<u16>())
}

fn checksum(bytes: &[u8], at: InodePosition, generation: u32, seed: Seed) -> u32 {
    seed.of_inode(at.ino(), generation)
        .inode(bytes, at::CHECKSUM.0, at::CHECKSUM.1)
}
