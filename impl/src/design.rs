//! The two designs of the core. One core, and a switch that is set when a file system is mounted.
//!
//! | | BH | IM |
//! |---|---|---|
//! | lock order | transaction, then folio | folio, then transaction |
//! | new blocks | written, and their data ordered | unwritten until their I/O has completed |
//! | `i_disksize` | raised with the allocation | raised once the I/O has completed |
//! | ordered data | yes: the commit waits for it | none: a commit never waits for a folio |
//!
//! The designs differ in what a lock may be waited for under, so they do not mix: a task of one
//! design that holds a folio and waits for a transaction, and one of the other that is inside the
//! transaction and waits for the folio, wait for each other. A file system has one design, and an
//! inode that of its file system; the steps that belong to one design refuse inodes of the other.
//!
//! # Source
//! BH: linux v7.0 fs/ext4 with `data=ordered`, and `dioread_nolock` off. IM: the ext4-on-iomap
//! series v4.

use crate::error::FsError;
use crate::inode::Inode;
use crate::lock::class;
use rt::Class;
use std::fmt;

/// A design of the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Design {
    /// Folio before handle, always unwritten, size raised at I/O completion.
    #[default]
    Im,
    /// Handle before folio, ordered data.
    Bh,
}

impl Design {
    /// Both of them.
    pub const ALL: [Design; 2] = [Design::Im, Design::Bh];

    /// Its short name.
    pub fn name(self) -> &'static str {
        match self {
            Design::Im => "im",
            Design::Bh => "bh",
        }
    }

    /// The classes that tasks wait for, in the order in which one task may wait for them. A class
    /// may be waited for while holding one of the same class only where objects of it have an
    /// order: folios by index.
    ///
    /// The designs differ in where folios stand. IM puts them before the transaction, and so the
    /// writeback flag, which is held until a handle has seen to the I/O. BH puts both after it: a
    /// commit waits for them, and ending I/O of writeback takes nothing more.
    pub fn lock_order(self) -> [&'static Class; 14] {
        match self {
            Design::Im => [
                &class::DIRECTORY,
                &class::I_RWSEM,
                &class::I_DIO_COUNT,
                &class::DIRECT_IN_FLIGHT,
                &class::INVALIDATE_LOCK,
                &class::FOLIO_LOCK,
                &class::FOLIO_WRITEBACK,
                &class::IN_FLIGHT,
                &class::COMMIT,
                &class::TRANSACTION,
                &class::COMMIT_RUNNING,
                &class::I_DATA_SEM,
                &class::ORPHAN_LOCK,
                &class::DEVICE_CACHE,
            ],
            Design::Bh => [
                &class::DIRECTORY,
                &class::I_RWSEM,
                &class::I_DIO_COUNT,
                &class::DIRECT_IN_FLIGHT,
                &class::INVALIDATE_LOCK,
                &class::COMMIT,
                &class::TRANSACTION,
                &class::COMMIT_RUNNING,
                &class::FOLIO_LOCK,
                &class::FOLIO_WRITEBACK,
                &class::IN_FLIGHT,
                &class::I_DATA_SEM,
                &class::ORPHAN_LOCK,
                &class::DEVICE_CACHE,
            ],
        }
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Refuses an inode to a step of another design than the inode's.
///
/// # Errors
/// [`FsError::MixedDesigns`].
pub fn expect(inode: &Inode, design: Design) -> Result<(), FsError> {
    match inode.design == design {
        true => Ok(()),
        false => Err(FsError::MixedDesigns),
    }
}
