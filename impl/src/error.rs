//! What can go wrong with a file operation.

use crate::device::DeviceError;
use crate::disk::error::FormatError;
use crate::extent::tree::TooManyExtents;
use crate::journal::JournalError;

/// Why a file operation failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FsError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The journal failed, or is aborted.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Something on disk is not as it must be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The journal has been aborted, and nothing is written any more: `EROFS`.
    #[error("the journal has been aborted, so the file system is read-only")]
    ReadOnly,
    /// There is no free space that is not promised to somebody else.
    #[error("no space left on the file system")]
    NoSpace,
    /// There is no free inode.
    #[error("no free inode left on the file system")]
    NoInodes,
    /// The file is too fragmented for its extent tree.
    #[error(transparent)]
    TooManyExtents(#[from] TooManyExtents),
    /// The file's extent tree has more than two levels, which this core does not make.
    #[error("the extent tree has more than two levels, which is not supported")]
    TreeTooDeep,
    /// The name is not there.
    #[error("there is no file of that name")]
    NotFound,
    /// The name is a directory's.
    #[error("the name is that of a directory")]
    IsDirectory,
    /// The name is already there.
    #[error("there is already a file of that name")]
    Exists,
    /// The name can not be used.
    #[error("a name is 1 to 255 bytes long and holds neither '/' nor a zero byte")]
    InvalidName,
    /// The directory has no room for another name.
    #[error("the directory is full")]
    DirectoryFull,
    /// The caller's buffer can not be read: `EFAULT`.
    #[error("the caller's buffer can not be read")]
    BadAddress,
    /// A store through a mapping of the file raced with direct I/O to the same bytes: `EIO`.
    #[error("a store through a mapping of the file raced with direct I/O to the same bytes")]
    RacedWithStore,
    /// The page lies beyond the end of the file: `SIGBUS`.
    #[error("the page lies beyond the end of the file")]
    BeyondEnd,
    /// The inode belongs to a file system of the other design: its locks are taken in another
    /// order.
    #[error("the inode is of the other design, whose locks are taken in another order")]
    MixedDesigns,
    /// The file is mapped by pointers, as ext2 has it, and what was asked for takes extents:
    /// `EOPNOTSUPP`.
    #[error("the file is mapped by pointers, and this takes extents")]
    NeedsExtents,
    /// The file would become larger than the file system supports.
    #[error(
        "the file would be larger than {} bytes, or than its pointers reach",
        crate::disk::inode::FILE_SIZE_MAX
    )]
    TooLarge,
}
