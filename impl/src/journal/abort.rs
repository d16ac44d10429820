//! Abort: the journal stops, for good. No handle starts any more, and no commit block is written.
//!
//! The flag is apart from everything that a commit holds, because who finds out that something has
//! failed may be who the commit waits for: the worker that ends the I/O of ordered data. So it is
//! set without waiting for anybody, and the commit looks at it before it writes its commit block.
//!
//! # Source
//! linux v7.0 fs/jbd2/journal.c `jbd2_journal_abort`, `jbd2_journal_update_sb_errno`;
//! fs/jbd2/commit.c `journal_submit_commit_record`, which does nothing once the journal is aborted.
//! The kernel writes the error number at once. Here whoever next holds the commit mutex does, as
//! the journal's superblock is that one's: until then a power cut leaves a log that is recovered
//! like any other.

use crate::lock::class;
use rt::sync::LeafMutex;
use rt::{Args, Key, Object, Op};

/// What the journal's superblock records: `EIO`, negative as in the kernel.
pub(super) const EIO: i32 = -5;

/// Whether the journal is aborted, and why.
#[derive(Debug)]
pub struct Abort {
    object: Object,
    /// Set once. Setting it is an operation, and so is asking for it where it may be set at any
    /// moment: where the device may fail, or where data that can not be written aborts the journal.
    /// Elsewhere nothing in the core sets it. Who does so from outside, by `Journal::abort`, closes
    /// the barrier, which orders it against those who start handles.
    reason: LeafMutex<Option<String>>,
}

impl Abort {
    /// Not aborted.
    pub(super) fn new() -> Abort {
        Abort {
            object: Object::new(&class::ABORT, Key::Only),
            reason: LeafMutex::new(None),
        }
    }

    /// Aborts. The first reason stays.
    pub(super) fn set(&self, reason: String) {
        rt::step("journal abort", Args::default);
        rt::op(
            &self.object,
            Op::Update,
            || true,
            || self.reason.with(|slot| slot.get_or_insert(reason).len()),
        );
    }

    /// Why the journal was aborted, if it was. An operation if it `may_happen` at any moment.
    pub(super) fn reason(&self, may_happen: bool) -> Option<String> {
        match may_happen {
            true => rt::op(&self.object, Op::Load, || true, || self.peek()),
            false => self.peek(),
        }
    }

    /// Why the journal was aborted, for invariants and messages: not an operation.
    pub(super) fn peek(&self) -> Option<String> {
        self.reason.with(|slot| slot.clone())
    }
}
