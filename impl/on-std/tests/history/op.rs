//! The operations of a history.

/// Files that a history works on.
pub const FILES: usize = 3;

/// One operation. It does nothing where its file does not exist, so that every history, and every
/// part of one that a shrinking search tries, can be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Makes an empty file, unless it exists.
    Create { file: usize },
    /// Writes `len` bytes at `offset`.
    Write {
        file: usize,
        offset: u64,
        len: usize,
    },
    /// Writes `len` bytes at `offset`, and makes them durable.
    SyncWrite {
        file: usize,
        offset: u64,
        len: usize,
    },
    /// Writes `len` bytes at `offset` past the page cache; with `sync`, durably; `queued`, without
    /// waiting for what need not be waited for.
    Direct {
        file: usize,
        offset: u64,
        len: usize,
        sync: bool,
        queued: bool,
    },
    /// Stores `len` bytes at `offset` through a mapping, as far as the pages of the file reach.
    Store {
        file: usize,
        offset: u64,
        len: usize,
    },
    /// Drops the file's clean folios.
    Reclaim { file: usize },
    /// Makes the file end at `size`, if it is longer.
    Truncate { file: usize, size: u64 },
    /// Makes the file end at `size`, if it is shorter.
    Extend { file: usize, size: u64 },
    /// Punches a hole.
    Punch { file: usize, offset: u64, len: u64 },
    /// Zeroes a range; unless `keep`, the file reaches to its end then.
    ZeroRange {
        file: usize,
        offset: u64,
        len: u64,
        keep: bool,
    },
    /// Allocates a range; unless `keep`, the file reaches to its end then.
    Fallocate {
        file: usize,
        offset: u64,
        len: u64,
        keep: bool,
    },
    /// Removes the file's name. The file stays open.
    Unlink { file: usize },
    /// Closes the file, and opens it again if it still has a name.
    Close { file: usize },
    /// Reads, and compares with the reference.
    Read {
        file: usize,
        offset: u64,
        len: usize,
    },
    /// Makes the file durable.
    Fsync { file: usize },
    /// Submits the file's dirty blocks; with `wait`, past those that are being written already.
    Writeback { file: usize, wait: bool },
    /// Commits the running transaction.
    Commit,
    /// Writes committed transactions home and empties the log.
    Checkpoint,
    /// Completes the oldest I/O in flight.
    StepIo,
    /// Unmounts and mounts again.
    Remount,
    /// Makes everything durable and mounts again without unmounting, so that the log is replayed.
    RemountDirty,
}

impl Op {
    /// Whether it may run out of space.
    pub fn allocates(&self) -> bool {
        matches!(self, Op::ZeroRange { .. } | Op::Fallocate { .. })
    }

    /// Whether direct writes of which nobody knows whether they have ended may be in flight around
    /// it: it neither depends on what they write nor waits for them.
    pub fn goes_beside_direct(&self) -> bool {
        matches!(
            self,
            Op::Commit | Op::Checkpoint | Op::StepIo | Op::Reclaim { .. }
        )
    }

    /// The file that it works on, if it is one.
    pub fn file(&self) -> Option<usize> {
        match *self {
            Op::Create { file }
            | Op::Write { file, .. }
            | Op::SyncWrite { file, .. }
            | Op::Direct { file, .. }
            | Op::Store { file, .. }
            | Op::Reclaim { file }
            | Op::Truncate { file, .. }
            | Op::Extend { file, .. }
            | Op::Punch { file, .. }
            | Op::ZeroRange { file, .. }
            | Op::Fallocate { file, .. }
            | Op::Unlink { file }
            | Op::Close { file }
            | Op::Read { file, .. }
            | Op::Fsync { file }
            | Op::Writeback { file, .. } => Some(file),
            Op::Commit | Op::Checkpoint | Op::StepIo | Op::Remount | Op::RemountDirty => None,
        }
    }
}
