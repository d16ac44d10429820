//! # Source
//! Constructed from jbd2's recovery, its REVOKE pass. Catalogue entry D73.
//!
//! # Breaks
//! I22: recovery replays an old leaf over data that has been written.
//!
//! The log says that the block was revoked, and recovery does not ask.

use super::extfs::journal::JournalSteps;
use super::extfs::journal::recovery::revoke::RevokeTable;
use super::extfs::protocol::Protocol;
use super::extfs::units::{Pblk, Tid};

/// Replays every copy.
pub enum RevokeIgnored {}

impl JournalSteps for RevokeIgnored {
    fn is_revoked(_: &RevokeTable, _: Pblk, _: Tid) -> bool {
        false
    }
}

impl Protocol for RevokeIgnored {}
