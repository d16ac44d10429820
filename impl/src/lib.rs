//! A small real ext4: real locks, real journal, real image.
//!
//! # Locking
//! There are two designs of one core ([`design`]), each with its order of locks and waits. From
//! the outermost to the innermost ([`design::Design::lock_order`] is the same as data, and tests
//! hold the order of every explored execution against it):
//!
//! | IM | BH |
//! |---|---|
//! | directory lock | directory lock |
//! | `i_rwsem` | `i_rwsem` |
//! | `i_dio_count` | `i_dio_count` |
//! | `invalidate_lock` | `invalidate_lock` |
//! | **folio lock**, ascending | commit |
//! | **folio writeback** | transaction |
//! | commit | `JI_COMMIT_RUNNING` |
//! | transaction | **folio lock**, ascending |
//! | `JI_COMMIT_RUNNING` | **folio writeback** |
//! | `i_data_sem` | `i_data_sem` |
//! | `s_orphan_lock` | `s_orphan_lock` |
//! | device cache | device cache |
//!
//! Spinlocks, and the lists of work, come last.

pub mod protocol;

pub mod units;

pub mod error;

pub mod errseq;

pub mod design;

pub mod device;

pub mod disk;

pub mod mkfs;

pub mod lock;

pub mod buffer;

pub mod journal;

pub mod extent;

pub mod cache;

pub mod inode;

pub mod space;

pub mod allocate;

pub mod orphan;

pub mod fs;

pub mod mount;

pub mod directory;

pub mod delalloc;

pub mod write;

pub mod da_write;

pub mod read;

pub mod fault;

pub mod user;

pub mod ioend;

pub mod writeback;

pub mod completion;

pub mod zero_partial;

pub mod truncate;

pub mod setattr;

pub mod fallocate;

pub mod punch_hole;

pub mod zero_range;

pub mod unlink;

pub mod fsync;

pub mod direct;

pub mod evict;

pub mod invariants;

pub mod trace;

/// The runtime that the core is built on.
pub use rt;

#[cfg(test)]
mod tests;
