//! What is wrong with bytes that do not decode: the structure, its block, and the problem, in one
//! sentence fit for a person who tried to mount an image.

use std::fmt;
use std::ops::RangeInclusive;

use crate::units::{Ino, Pblk};

/// Bytes that are not a valid structure of the supported format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{structure}, block {block}: {problem}")]
pub struct FormatError {
    /// What the bytes should have been.
    pub structure: Structure,
    /// The block that holds them.
    pub block: Pblk,
    /// Why they are not.
    pub problem: Problem,
}

/// A kind of on-disk structure, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// The file system's superblock.
    Superblock,
    /// The descriptor of the block group.
    GroupDescriptor,
    /// The bitmap of blocks in use.
    BlockBitmap,
    /// The bitmap of inodes in use.
    InodeBitmap,
    /// An inode.
    Inode(Ino),
    /// A node of an inode's extent tree.
    ExtentNode(Ino),
    /// The block map of an inode without extents.
    BlockMap(Ino),
    /// A block of a directory.
    Directory(Ino),
    /// The journal's superblock.
    JournalSuperblock,
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Structure::Superblock => f.write_str("superblock"),
            Structure::GroupDescriptor => f.write_str("group descriptor"),
            Structure::BlockBitmap => f.write_str("block bitmap"),
            Structure::InodeBitmap => f.write_str("inode bitmap"),
            Structure::Inode(ino) => write!(f, "inode {ino}"),
            Structure::ExtentNode(ino) => write!(f, "extent node of inode {ino}"),
            Structure::BlockMap(ino) => write!(f, "block map of inode {ino}"),
            Structure::Directory(ino) => write!(f, "directory {ino}"),
            Structure::JournalSuperblock => f.write_str("journal superblock"),
        }
    }
}

/// Why bytes are not the structure they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The number that marks the structure is another one.
    #[error("magic number is {found:#x}, not {expected:#x}")]
    Magic {
        /// What the structure carries.
        expected: u32,
        /// What was found.
        found: u32,
    },
    /// The checksum does not match: the bytes were damaged, torn, or never written.
    #[error("checksum is {stored:#010x}, but the content gives {computed:#010x}")]
    Checksum {
        /// What is stored.
        stored: u32,
        /// What the content gives.
        computed: u32,
    },
    /// Features that this file system does not know.
    #[error("unsupported {set} feature bits {bits:#x}")]
    UnknownFeatures {
        /// The feature word: "compat", "incompat" or "ro_compat".
        set: &'static str,
        /// The bits that are not known.
        bits: u32,
    },
    /// Features that this file system can not do without.
    #[error("required {set} feature bits {bits:#x} are not set")]
    MissingFeatures {
        /// The feature word: "compat", "incompat" or "ro_compat".
        set: &'static str,
        /// The bits that are missing.
        bits: u32,
    },
    /// A field holds a value outside its range.
    #[error("{field} is {value}, not within {min}..={max}")]
    Range {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The least value allowed.
        min: u64,
        /// The greatest value allowed.
        max: u64,
    },
    /// A number is not the multiple it must be.
    #[error("{field} is {value}, not a multiple of {of}")]
    Multiple {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What must divide it.
        of: u64,
    },
    /// A field points to blocks where it must not.
    #[error("{field} names blocks {start}..{end}, which {why}")]
    Blocks {
        /// The field.
        field: &'static str,
        /// The first block named.
        start: u64,
        /// The first block after those named.
        end: u64,
        /// What is wrong with them.
        why: &'static str,
    },
    /// A mode whose upper bits stand for no type of file.
    #[error("mode {mode:#o} has no known file type")]
    Mode {
        /// The mode.
        mode: u16,
    },
    /// Flags that change the meaning of other fields in ways that are not supported.
    #[error("unsupported flags {bits:#x}")]
    Flags {
        /// The flags.
        bits: u32,
    },
    /// Entry `index` begins before its predecessor ends, or lies outside its parent's range.
    #[error("extent entry {index} is out of order or outside the range of its parent")]
    Order {
        /// The position of the entry in its node.
        index: usize,
    },
    /// A record of a directory block is malformed.
    #[error("record at byte {offset}: {why}")]
    Record {
        /// Where the record begins in its block.
        offset: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A bit that must be set is clear.
    #[error("bit {bit} is clear although {why}")]
    ClearBit {
        /// The bit.
        bit: u32,
        /// Why it must be set.
        why: &'static str,
    },
    /// The inode was never written, yet something refers to it.
    #[error("the inode is not in use")]
    Unused,
    /// The inode's blocks are not mapped by extents.
    #[error("the inode has no extent tree")]
    NoExtents,
    /// An inode whose blocks are not mapped by pointers.
    #[error("the inode has an extent tree instead of a block map")]
    NoBlockMap,
}

/// A structure being decoded, from which its errors are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) structure: Structure,
    pub(crate) block: Pblk,
}

impl Place {
    pub(crate) fn fail(self, problem: Problem) -> FormatError {
        FormatError {
            structure: self.structure,
            block: self.block,
            problem,
        }
    }

    pub(crate) fn magic(self, expected: u32, found: u32) -> Result<(), FormatError> {
        if found == expected {
            return Ok(());
        }
        Err(self.fail(Problem::Magic { expected, found }))
    }

    pub(crate) fn checksum(self, stored: u32, computed: u32) -> Result<(), FormatError> {
        if stored == computed {
            return Ok(());
        }
        Err(self.fail(Problem::Checksum { stored, computed }))
    }

    pub(crate) fn range(
        self,
        field: &'static str,
        value: impl Into<u64>,
        allowed: RangeInclusive<u64>,
    ) -> Result<(), FormatError> {
        let value = value.into();
        if allowed.contains(&value) {
            return Ok(());
        }
        let (min, max) = allowed.into_inner();
        Err(self.fail(Problem::Range {
            field,
            value,
            min,
            max,
        }))
    }

    pub(crate) fn multiple(
        self,
        field: &'static str,
        value: impl Into<u64>,
        of: u64,
    ) -> Result<(), FormatError> {
        let value = value.into();
        if value.is_multiple_of(of) {
            return Ok(());
        }
        Err(self.fail(Problem::Multiple { field, value, of }))
    }

    /// Checks a feature word: all of `required` must be set, and nothing beyond `allowed`.
    pub(crate) fn features(
        self,
        set: &'static str,
        found: u32,
        required: u32,
        allowed: u32,
    ) -> Result<(), FormatError> {
        if found & !allowed != 0 {
            return Err(self.fail(Problem::UnknownFeatures {
                set,
                bits: found & !allowed,
            }));
        }
        if required & !found != 0 {
            return Err(self.fail(Problem::MissingFeatures {
                set,
                bits: required & !found,
            }));
        }
        Ok(())
    }
}
