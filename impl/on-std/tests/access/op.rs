//! The operations of a history on one file.

use extfs_std::user::UserBuffer;

/// What a copy from the caller's buffer meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Bytes from here on can not be read.
    BadFrom(usize),
    /// One copy stops here.
    PagedOut(usize),
}

impl Fault {
    /// A buffer with this fault.
    pub fn buffer(self, bytes: &[u8]) -> UserBuffer<'_> {
        match self {
            Fault::None => UserBuffer::new(bytes),
            Fault::BadFrom(at) => UserBuffer::bad_from(bytes, at),
            Fault::PagedOut(at) => UserBuffer::paged_out(bytes, at),
        }
    }

    /// How many of `len` bytes can be written.
    pub fn readable(self, len: usize) -> usize {
        match self {
            Fault::BadFrom(at) => at.min(len),
            _ => len,
        }
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes into the page cache.
    Write {
        offset: u64,
        len: usize,
        fault: Fault,
    },
    /// Writes directly.
    Direct {
        offset: u64,
        len: usize,
        fault: Fault,
    },
    /// Writes directly, and waits only if it must.
    Async { offset: u64, len: usize },
    /// Ends the oldest direct write that nobody waits for.
    StepDirect,
    /// Stores through a mapping.
    Store { offset: u64, len: usize },
    /// Loads through a mapping, and compares.
    Load { offset: u64, len: usize },
    /// Reads, and compares.
    Read { offset: u64, len: usize },
    /// Reads directly, and compares.
    DirectRead { offset: u64, len: usize },
    /// Makes the file end at `size`.
    SetSize { size: u64 },
    /// Punches a hole.
    Punch { offset: u64, len: u64 },
    /// Zeroes a range; unless `keep`, the file reaches to its end then.
    ZeroRange { offset: u64, len: u64, keep: bool },
    /// Allocates a range; unless `keep`, the file reaches to its end then.
    Fallocate { offset: u64, len: u64, keep: bool },
    /// Drops clean folios.
    Reclaim,
    /// Makes the file durable.
    Fsync,
    /// Submits dirty blocks; with `wait`, past those that are being written already.
    Writeback { wait: bool },
    /// Completes the oldest I/O of writeback.
    StepIo,
    /// Commits the running transaction.
    Commit,
    /// Unmounts and mounts again.
    Remount,
    /// Makes everything durable and mounts again without unmounting, so that the log is replayed.
    RemountDirty,
}

impl Op {
    /// Whether what it does to bytes depends on direct writes in flight to the same bytes: callers
    /// do not mix these.
    pub fn mixes_badly(&self) -> bool {
        matches!(
            self,
            Op::Write { .. }
                | Op::Store { .. }
                | Op::Load { .. }
                | Op::Read { .. }
                | Op::DirectRead { .. }
                | Op::Remount
                | Op::RemountDirty
        )
    }
}
