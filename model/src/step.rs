//! Who acts in the models, and the names of the steps that they take.
//!
//! The names are those of the protocol and of the code under test, and one step may occur in
//! several models. An [`Action`] is one step of one actor on at most one block; together with the
//! state before it, it determines the state after it.

use crate::file::Lblk;
use std::fmt;

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The thread that writes dirty folios back.
    Writeback,
    /// The task in a truncate call, which may write to the file afterwards.
    Truncate,
    /// The completion worker.
    Worker,
    /// The device under the file system.
    Device,
    /// The journal's commit thread.
    Journal,
    /// The mount after a power cut.
    Mount,
    /// The power supply.
    Power,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Writeback => "writeback",
            Self::Truncate => "truncate",
            Self::Worker => "worker",
            Self::Device => "device",
            Self::Journal => "journal",
            Self::Mount => "mount",
            Self::Power => "power",
        })
    }
}

/// A step of a protocol. The variant's name is the step's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Pass over a folio that needs no writeback.
    SkipFolio,
    /// Take the folio lock; writeback also clears the dirty flag and sets the writeback flag.
    LockFolio,
    /// Take the cached map because its cookie is current.
    ReuseMap,
    /// Ask for the mapping without a handle.
    QueryMap,
    /// Join the running transaction.
    StartHandle,
    /// Look the mapping up again and allocate, in one critical section.
    LookUpAndAllocate,
    /// Only look the mapping up: the first half of a split [`Step::LookUpAndAllocate`].
    LookUp,
    /// Only allocate: the second half of a split [`Step::LookUpAndAllocate`].
    Allocate,
    /// Leave the transaction.
    StopHandle,
    /// Hand the folio's data to the device, or nothing if the map is a hole.
    SubmitIo,
    /// Release the folio lock.
    UnlockFolio,
    /// The data is on the device.
    CompleteIo,
    /// Turn the unwritten extent written and raise `i_disksize`, in one handle.
    ConvertAndRaiseSize,
    /// Clear the folio's writeback flag.
    EndWriteback,
    /// Put the file on the orphan list.
    OrphanAdd,
    /// Set `i_size` and `i_disksize`.
    SetSizes,
    /// Wait until the folio is not under writeback.
    WaitWriteback,
    /// Take the folio out of the page cache and release its lock.
    DropFolio,
    /// Take the extents past the new size out of the mapping and free their blocks.
    RemoveExtents,
    /// Take the file off the orphan list.
    OrphanDel,
    /// Reserve space for a delayed block.
    InsertDelayed,
    /// Copy data into a folio, and raise `i_size` if it ends past it.
    CopyIn,
    /// Make the running transaction durable.
    Commit,
    /// The power fails.
    Crash,
    /// Replay the journal.
    ReplayJournal,
    /// Finish the truncate of the file that the orphan list names.
    CleanUpOrphan,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The derived `Debug` is the variant's name, which is the step's name.
        f.pad(&format!("{self:?}"))
    }
}

/// One step of one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action {
    /// Who takes the step.
    pub actor: Actor,
    /// The step.
    pub step: Step,
    /// The block it concerns, unless it concerns the whole file.
    pub block: Option<Lblk>,
}

impl Action {
    /// A step that concerns the whole file.
    pub fn new(actor: Actor, step: Step) -> Self {
        Self {
            actor,
            step,
            block: None,
        }
    }

    /// A step that concerns one block.
    pub fn on(actor: Actor, step: Step, block: Lblk) -> Self {
        Self {
            actor,
            step,
            block: Some(block),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.actor, self.step)?;
        self.block.map_or(Ok(()), |block| write!(f, " {}", block.0))
    }
}
