//! # Source
//! "ext4: add a missing data flush during file and fs synchronization". Catalogue entry D69.
//!
//! # Breaks
//! I20: data that fsync promised lie in the volatile cache.
//!
//! Somebody else's commit flushed before the data were complete; fsync takes it for its own.

use super::extfs::journal::JournalSteps;
use super::extfs::protocol::Protocol;

/// Never flushes besides committing.
pub enum FsyncTrustsCommit {}

impl JournalSteps for FsyncTrustsCommit {}

impl Protocol for FsyncTrustsCommit {
    fn fsync_needs_flush(_: bool) -> bool {
        false
    }
}
