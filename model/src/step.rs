//! Who acts in the models, and the names of the steps that they take.
//!
//! The names are those of the protocol and of the code under test, and one step may occur in
//! several models. An [`Action`] is one step of one actor at one place at most; together with the
//! state before it, it determines the state after it.
//!
//! A step of a model is as large as nobody can look into it: a whole critical section is one step.
//! The code under test announces finer ones, and [`Step::covers`] says which, so that an execution
//! of the code can be read as a path of the model.

use crate::file::Lblk;
use std::fmt::{self, Debug};

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The thread that writes dirty folios back.
    Writeback,
    /// The task in a truncate call, which may write to the file afterwards.
    Truncate,
    /// A task in a buffered write.
    Writer,
    /// A task in a direct write; several are told apart by their number.
    DirectWriter(u8),
    /// A task that stores to a mapped page, and faults.
    Fault,
    /// A task that reads through the page cache.
    Reader,
    /// Memory reclaim.
    Reclaim,
    /// A task that changes the address space.
    Mapper,
    /// A task that allocates, and forces a commit for lack of space.
    Fallocate,
    /// The worker that completes direct I/O.
    DirectWorker,
    /// A task that changes metadata through handles.
    Updater,
    /// The completion worker.
    Worker,
    /// The device under the file system.
    Device,
    /// The journal's commit thread.
    Journal,
    /// The checkpoint thread.
    Checkpoint,
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
            Self::Writer => "writer",
            Self::DirectWriter(number) => return f.pad(&format!("direct writer {number}")),
            Self::Fault => "fault",
            Self::Reader => "reader",
            Self::Reclaim => "reclaim",
            Self::Mapper => "mapper",
            Self::Fallocate => "fallocate",
            Self::DirectWorker => "direct worker",
            Self::Updater => "updater",
            Self::Worker => "worker",
            Self::Device => "device",
            Self::Journal => "journal",
            Self::Checkpoint => "checkpoint",
            Self::Mount => "mount",
            Self::Power => "power",
        })
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident $words:literal [$($part:literal),*],)*) => {
        /// A step of a protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Step {
            $($(#[$doc])* $name,)*
        }

        impl Step {
            /// Every step of every model.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The step's name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }

            /// The steps that the code under test announces while it takes this one, in order.
            /// Empty for steps that it announces as operations on a lock or on the device, or
            /// not at all.
            pub fn covers(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($part),*],)*
                }
            }
        }
    };
}

steps! {
    /// Pass over a folio that needs no writeback.
    SkipFolio "skip folio" [],
    /// Take the folio lock; writeback also clears the dirty flag and sets the writeback flag.
    LockFolio "lock folio" ["lock folio"],
    /// Take the cached map because its cookie is current.
    ReuseMap "reuse map" [],
    /// Ask for the mapping without a handle.
    QueryMap "look up" ["look up"],
    /// Join the running transaction.
    StartHandle "handle start" ["handle start"],
    /// Look the mapping up again and allocate, in one critical section.
    LookUpAndAllocate "look up again and allocate" ["look up again", "allocate", "claim"],
    /// Only look the mapping up: the first half of a split [`Step::LookUpAndAllocate`].
    LookUp "look up again" ["look up again"],
    /// Only allocate: the second half of a split [`Step::LookUpAndAllocate`].
    Allocate "allocate" ["allocate", "claim"],
    /// Leave the transaction.
    StopHandle "handle stop" ["handle stop"],
    /// Hand the folio's data to the device, or nothing if the map is a hole.
    SubmitIo "submit" ["submit"],
    /// Release the folio lock.
    UnlockFolio "unlock folio" [],
    /// The data is on the device.
    CompleteIo "I/O completes" ["I/O completes"],
    /// The device could not write the data.
    FailIo "I/O fails" ["I/O completes"],
    /// Turn the unwritten extent written and raise `i_disksize`, in one handle.
    ConvertAndRaiseSize "convert to written and raise i_disksize"
        ["convert to written", "raise i_disksize"],
    /// Raise `i_disksize` over what writeback has written.
    RaiseDisksize "raise i_disksize" ["raise i_disksize"],
    /// Clear the folio's writeback flag.
    EndWriteback "end writeback" [],
    /// Put the file on the orphan list.
    OrphanAdd "orphan add" ["orphan add"],
    /// Set `i_size` and `i_disksize`.
    SetSizes "set i_disksize and i_size" ["set i_disksize and i_size"],
    /// Wait until the folio is not under writeback.
    WaitWriteback "wait for writeback" [],
    /// Take the folio out of the page cache and release its lock.
    DropFolio "drop folio" ["drop folio"],
    /// Take the extents past the new size out of the mapping and free their blocks.
    RemoveExtents "remove extents" ["remove extents"],
    /// Take the file off the orphan list.
    OrphanDel "orphan del" ["orphan del"],
    /// Reserve space for a delayed block.
    InsertDelayed "reserve" ["reserve"],
    /// Copy data into a folio, and raise `i_size` if it ends past it.
    CopyIn "write" ["write"],
    /// Make the running transaction durable.
    Commit "commit" ["commit"],
    /// The power fails.
    Crash "power cut" [],
    /// Replay the journal.
    ReplayJournal "journal recovered" ["journal recovered"],
    /// Finish the truncate of the file that the orphan list names.
    CleanUpOrphan "clean up orphan" ["clean up orphan"],
    /// A call begins.
    Begin "begin" [],
    /// Take `i_rwsem` shared.
    LockShared "lock i_rwsem shared" [],
    /// Take `i_rwsem` exclusively.
    LockExclusive "lock i_rwsem" [],
    /// Release `i_rwsem`.
    UnlockInode "unlock i_rwsem" [],
    /// Take `invalidate_lock`.
    LockInvalidate "lock invalidate_lock" [],
    /// Release `invalidate_lock`.
    UnlockInvalidate "unlock invalidate_lock" [],
    /// Decide under `i_rwsem` whether a direct write extends the file, and whether it needs the
    /// lock exclusively.
    CheckDirectWrite "check direct write" ["check direct write"],
    /// Wait until no direct I/O to the file is under way.
    WaitDio "wait for direct I/O" [],
    /// Take the folios of the written range out of the page cache.
    InvalidateCache "drop folio before direct I/O" ["drop folio"],
    /// Take the folios of the written range out of the page cache once more.
    InvalidateCacheAgain "drop folio after direct I/O" ["drop folio"],
    /// Find or allocate the blocks of a direct write.
    MapDirect "map" ["map"],
    /// The work after the I/O of a direct write inside the file: conversion.
    EndDirectIo "direct I/O completes" ["direct I/O completes", "convert to written"],
    /// Turn the extents of a direct write written.
    Convert "convert to written" ["convert to written"],
    /// Raise both sizes to the end of a direct write.
    RaiseSizes "raise i_disksize and i_size" ["raise i_disksize and i_size"],
    /// Raise both sizes and take the file off the orphan list, in one handle.
    ExtendInode "raise i_disksize and i_size, orphan del"
        ["raise i_disksize and i_size", "orphan del"],
    /// Free what a direct write mapped past the size and did not write.
    TruncateFailedWrite "truncate failed write" ["truncate failed write", "remove extents"],
    /// A call that promised durability returns.
    Acknowledge "return from O_SYNC write" [],
    /// Let go of a map that is out of date, and of the folio lock.
    DropMap "find map stale" [],
    /// Copy less than a write wants of a block.
    ShortCopy "write, short" ["write"],
    /// Copy nothing of what a write wants of a block.
    FailCopy "write, nothing copied" [],
    /// Go on without releasing the folio lock.
    KeepFolio "keep folio locked" [],
    /// Look whether a folio is dirty.
    ScanFolio "scan folio" [],
    /// Remove a delayed block and release its reservation.
    PunchDelayed "punch delayed blocks" ["punch delayed blocks"],
    /// Store to a mapped page.
    Store "store" ["make page writable", "store"],
    /// Take a clean folio out of the page cache.
    ReclaimFolio "reclaim folio" ["reclaim folio"],
    /// Take a lock exclusively.
    Lock "lock" [],
    /// Take a lock shared.
    LockForReading "lock shared" [],
    /// Join the running transaction with credits that were reserved earlier.
    StartReservedHandle "reserved handle start" ["handle start"],
    /// Wait until the commit has finished.
    WaitCommit "wait for commit" [],
    /// Wait until there are fewer dirty pages.
    Throttle "throttle" [],
    /// Count a direct I/O.
    BeginDio "begin direct I/O" [],
    /// Read a block into the page cache.
    ReadFolio "read folio" [],
    /// Begin a handle that changes a metadata block.
    UpdateBlock "handle start, modify" ["handle start"],
    /// Begin a handle that frees a block.
    FreeBlock "handle start, revoke" ["handle start", "revoke"],
    /// Begin a handle that allocates a block for metadata.
    NewMetadata "handle start, allocate for metadata" ["handle start"],
    /// Begin a handle that allocates a block for data, and submit the data.
    NewData "handle start, allocate for data, submit" ["handle start", "submit"],
    /// Let no further handle join the running transaction.
    LockTransaction "lock transaction" [],
    /// The running transaction becomes the committing one.
    SwitchTransaction "commit" ["commit"],
    /// Submit the descriptor, the revoke records and the copies.
    WriteLog "write log" [],
    /// Wait until ordered data has completed.
    WaitOrderedData "wait for ordered data" [],
    /// Wait until the log blocks have completed.
    WaitLog "wait for log" [],
    /// Flush the device before the commit block.
    Preflush "preflush" [],
    /// Write the commit block; the transaction is then committed.
    WriteCommitBlock "write commit block" [],
    /// Submit the home locations of a committed transaction.
    WriteHome "checkpoint" ["checkpoint"],
    /// Wait for them and make them durable.
    FlushHome "checkpoint flush" ["checkpoint flush"],
    /// Write the superblock of the log with a new tail.
    UpdateLogTail "update log tail" ["update log tail"],
    /// Stop the journal because of an error.
    Abort "journal abort" ["journal abort"],
    /// After a power cut: this write survives in the device.
    Keep "keep" [],
    /// After a power cut: the writes to this place that were not durable are lost.
    Lose "lose" [],
    /// Scan the log and write its copies home.
    Replay "replay" [],
    /// Make the replayed blocks durable.
    FlushReplay "flush replay" [],
    /// Mark the log empty.
    MarkLogEmpty "journal recovered" ["journal recovered"],
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One step of one actor, at one place at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action<P = Lblk> {
    /// Who takes the step.
    pub actor: Actor,
    /// The step.
    pub step: Step,
    /// The block or other place it concerns, unless it concerns the whole file.
    pub block: Option<P>,
}

impl<P> Action<P> {
    /// A step that concerns the whole file.
    pub fn new(actor: Actor, step: Step) -> Self {
        Self {
            actor,
            step,
            block: None,
        }
    }

    /// A step that concerns one block or other place.
    pub fn on(actor: Actor, step: Step, block: P) -> Self {
        Self {
            actor,
            step,
            block: Some(block),
        }
    }
}

impl<P: fmt::Display> fmt::Display for Action<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.actor, self.step)?;
        self.place().map_or(Ok(()), |place| write!(f, " {place}"))
    }
}

/// An action as data, for exporters that know no model.
pub trait Named {
    /// Who takes the step.
    fn actor(&self) -> String;
    /// The step's name.
    fn step(&self) -> &'static str;
    /// The place that it concerns, if it concerns one.
    fn place(&self) -> Option<String>;
}

impl<P: fmt::Display> Named for Action<P> {
    fn actor(&self) -> String {
        self.actor.to_string()
    }

    fn step(&self) -> &'static str {
        self.step.name()
    }

    fn place(&self) -> Option<String> {
        let place = self.block.as_ref().map(P::to_string);
        place.filter(|place| !place.is_empty())
    }
}
