//! What a file may hold after a power cut in a history, and what it must.
//!
//! The reference is the list of models: what the files hold after every operation. A power cut lies
//! after some operations and within at most one more. What recovery shows of a file is judged as a
//! *version of its metadata*, the same for all of it, and a version of each block's *data*:
//!
//! - Metadata is journaled, so it is as it was at one point in the history: at or after the last
//!   operation that promised the file's metadata (commit, fsync, a synchronous write, a mount), at
//!   or before the cut.
//! - Names are promised by a commit, fsync or a mount, and not by a synchronous write, which makes
//!   durable what is needed to read its data.
//! - Data is written in place. A block, or a sector where writes tear, is what it was at some point
//!   between two bounds. No earlier than the last operation that made it durable (fsync, a
//!   synchronous write to it, a mount), and than the last one, among those that the metadata shows,
//!   that took the block from the file or cut it off: what was there before must not come back. No
//!   later than the cut. A block of which nothing was promised may also be a hole, even where a
//!   truncate has left a part of it in the file.
//! - The size on disk follows data as their I/O completes. So a size that is neither what a call
//!   has asked for nor promised is the end of data that was written: its last block is not
//!   padding. In the BH design that holds for blocks that have been allocated for the data.
//!
//! # What it does not say
//! That one block's data is older than another's: nothing promises an order. That a directory's
//! names are of one point in the history: files are judged one by one.

use crate::history::{Model, Op};
use cutpoint::crash::CrashFinding;
use extfs_std::design::Design;

const BLOCK_SIZE: u64 = 1024;

/// A history that has been played.
#[derive(Clone, Debug)]
pub struct Played {
    /// In which design.
    pub design: Design,
    /// The operations.
    pub ops: Vec<Op>,
    /// What the files hold before the first, and after each operation.
    pub models: Vec<Model>,
}

/// Where in a history the power was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Operations that had begun.
    pub begun: usize,
    /// Operations that had returned.
    pub returned: usize,
}

/// What a file may be: the point of the history that its metadata shows.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// The metadata lies within this operation, by number, counted from 1; or, if it is the floor,
    /// right after it.
    at: usize,
    /// No block is older than after this operation, if it was promised then.
    data_floor: usize,
    /// The size that data must have reached, because nobody asked for it; 0 if somebody did.
    grown_to: u64,
}

impl Played {
    /// The size of a file after operation `at`, counted from 1. No file has no bytes.
    fn size(&self, at: usize, file: usize) -> u64 {
        self.models[at]
            .content(file)
            .map_or(0, |bytes| bytes.len() as u64)
    }

    /// The operation that leads from model `at - 1` to model `at`, if it changed or promised
    /// anything of the file.
    fn op(&self, at: usize, file: usize) -> Option<&Op> {
        let op = &self.ops[at - 1];
        op.file().is_none_or(|of| of == file).then_some(op)
    }

    /// The last operation that had returned and for which `promises` holds; 0 if there is none.
    fn last(&self, progress: Progress, file: usize, promises: impl Fn(&Op) -> bool) -> usize {
        let mut at = (1..=progress.returned).rev();
        // An operation on a file that did not exist did nothing.
        at.find(|at| {
            let op = self.op(*at, file);
            op.is_some_and(|op| {
                let is_on_file = op.file().is_none() || self.models[*at].content(file).is_some();
                is_on_file && promises(op)
            })
        })
        .unwrap_or(0)
    }

    /// The last operation that promised the file's data.
    fn data_floor(&self, progress: Progress, file: usize) -> usize {
        self.last(progress, file, |op| {
            matches!(op, Op::Fsync { .. } | Op::Remount | Op::RemountDirty)
        })
    }

    /// The last operation that promised the file's metadata.
    fn metadata_floor(&self, progress: Progress, file: usize) -> usize {
        let floor = self.last(progress, file, |op| matches!(op, Op::Commit));
        let written = self.last_synced(progress, file, |_| true);
        floor.max(written).max(self.data_floor(progress, file))
    }

    /// The last synchronous write that had returned, with a success, and to whose blocks `touches`
    /// applies; 0 if there is none.
    fn last_synced(
        &self,
        progress: Progress,
        file: usize,
        touches: impl Fn(std::ops::Range<u64>) -> bool,
    ) -> usize {
        let mut at = (1..=progress.returned).rev();
        at.find(|at| {
            let end = self.synced_to(*at, file);
            let Some((offset, _)) = self.op(*at, file).and_then(syncs) else {
                return false;
            };
            end.is_some_and(|end| touches(offset / BLOCK_SIZE..end.div_ceil(BLOCK_SIZE)))
        })
        .unwrap_or(0)
    }

    /// The end of what operation `at` has written synchronously, if it was such a write and had
    /// space for all of it.
    fn synced_to(&self, at: usize, file: usize) -> Option<u64> {
        let op = self.op(at, file)?;
        let (offset, len) = syncs(op)?;
        let before = &self.models[at - 1];
        let mut after = before.clone();
        after.apply(at - 1, op);
        let is_whole = before.content(file).is_some() && after == self.models[at] && len > 0;
        is_whole.then_some(offset + len as u64)
    }

    /// Whether the file may have its name still: it has had it since the last operation that
    /// promised names too, which a synchronous write does not.
    fn may_be_named(&self, progress: Progress, at: usize, file: usize) -> bool {
        let commit = self.last(progress, file, |op| matches!(op, Op::Commit));
        let floor = commit.max(self.data_floor(progress, file));
        (floor..=at).any(|at| self.models[at].is_linked(file))
    }

    /// Whether the file may be missing.
    fn may_be_missing(&self, at: usize, floor: usize, file: usize) -> bool {
        let before = at.saturating_sub(1).max(floor);
        [before, at]
            .into_iter()
            .any(|at| !self.models[at].is_linked(file))
    }

    /// Judges that the file is not there.
    pub fn judge_absence(&self, progress: Progress, file: usize) -> Result<(), CrashFinding> {
        let floor = self.metadata_floor(progress, file);
        let mut versions = floor..=progress.begun;
        match versions.any(|at| self.may_be_missing(at, floor, file)) {
            true => Ok(()),
            false => Err(CrashFinding {
                invariant: "I20",
                expected: format!("file {file} exists, as operation {floor} has promised"),
                observed: "it does not".into(),
            }),
        }
    }

    /// Judges the size of a file that is there, and finds the version that its blocks are to be
    /// judged by: the earliest that fits, because it is the one that allows most.
    pub fn judge_size(
        &self,
        progress: Progress,
        file: usize,
        size: u64,
    ) -> Result<Version, CrashFinding> {
        let data_floor = self.data_floor(progress, file);
        let floor = self.metadata_floor(progress, file);
        // The least size on disk, from the promised one on.
        let mut least = self.size(data_floor, file);
        for at in data_floor + 1..=floor {
            least = self.least_after(at, file, least);
        }
        for at in floor..=progress.begun {
            let next = match at > floor {
                true => self.least_after(at, file, least),
                false => least,
            };
            let before = at.saturating_sub(1).max(floor);
            let most = self.size(before, file).max(self.size(at, file));
            let fits =
                (least.min(next)..=most).contains(&size) && self.may_be_named(progress, at, file);
            if fits && self.is_an_end(progress, data_floor, file, size) {
                let asked_for = self.asked_for(progress, data_floor, file, size);
                return Ok(Version {
                    at,
                    data_floor,
                    grown_to: if asked_for { 0 } else { size },
                });
            }
            least = next;
        }
        Err(CrashFinding {
            invariant: "I20",
            expected: format!(
                "file {file} has one of the sizes since operation {data_floor}, which promised {}",
                self.size(data_floor, file)
            ),
            observed: format!("{size} bytes"),
        })
    }

    /// The least size on disk after operation `at`, if it was `least` before.
    fn least_after(&self, at: usize, file: usize, least: u64) -> u64 {
        let (before, size) = (self.size(at - 1, file), self.size(at, file));
        match self.op(at, file) {
            Some(Op::Create { .. }) if !self.models[at - 1].is_linked(file) => 0,
            Some(op) if sets_size(op) && size != before => size,
            Some(op) => {
                let raised = punched_to(op, size).or_else(|| self.synced_to(at, file));
                raised.map_or(least, |end| least.max(end))
            }
            None => least,
        }
    }

    /// Whether somebody has asked for this size, or it was promised.
    fn asked_for(&self, progress: Progress, floor: usize, file: usize, size: u64) -> bool {
        self.size(floor, file) == size
            || (floor + 1..=progress.begun).any(|at| {
                let after = self.size(at, file);
                self.op(at, file).is_some_and(|op| {
                    (sets_size(op) && after == size)
                        || punched_to(op, after) == Some(size)
                        || (matches!(op, Op::Create { .. }) && size == 0)
                })
            })
    }

    /// Whether I/O or a call may have ended there: sizes grow by whole blocks, up to the size that
    /// the file had, and a write past the cache that ends beyond the size on disk raises that to
    /// its end. In the BH design so does one through the cache, over a block on disk.
    fn is_an_end(&self, progress: Progress, floor: usize, file: usize, size: u64) -> bool {
        size.is_multiple_of(BLOCK_SIZE)
            || (floor..=progress.begun).any(|at| self.size(at, file) == size)
            || (floor + 1..=progress.begun).any(|at| self.write_end(at, file) == Some(size))
            || self.asked_for(progress, floor, file, size)
    }

    /// Where operation `at` ends, if it is a write that may raise the size on disk to its end.
    fn write_end(&self, at: usize, file: usize) -> Option<u64> {
        match self.op(at, file)? {
            Op::Direct { offset, len, .. } => Some(offset + *len as u64),
            Op::Write { offset, len, .. } | Op::SyncWrite { offset, len, .. }
                if self.design == Design::Bh =>
            {
                Some(offset + *len as u64)
            }
            _ => None,
        }
    }

    /// Judges a part of a block: `bytes` lie at byte `offset` of the file, which has `size` bytes.
    pub fn judge_part(
        &self,
        progress: Progress,
        version: Version,
        file: usize,
        (offset, size): (u64, u64),
        bytes: &[u8],
    ) -> Result<(), CrashFinding> {
        if offset >= size {
            return Ok(());
        }
        let inside = bytes.len().min((size - offset) as usize);
        let bytes = &bytes[..inside];
        let block = offset / BLOCK_SIZE;
        let synced = self.last_synced(progress, file, |blocks| blocks.contains(&block));
        let oldest = self.oldest_data(version, file, block).max(synced);
        let is_last = offset + inside as u64 == version.grown_to;
        let mut versions = oldest..=progress.begun;
        let held = |at: usize| self.part(at, file, offset, inside) == bytes;
        // A truncate zeroes the end of the last block on disk before it lowers the size.
        let zeroed = |at: usize| {
            let op = (at > 0).then(|| self.op(at, file)).flatten();
            matches!(op, Some(Op::Truncate { .. }))
        };
        // In the BH design the end moves within a block that is on disk already without waiting
        // for the block: that is an overwrite, which nothing orders.
        let begins = block * BLOCK_SIZE;
        let overwritten = |at: usize| self.design == Design::Bh && self.size(at, file) > begins;
        let has_grown = |at: usize| {
            let size = self.size(at, file);
            !is_last || zeroed(at) || size >= version.grown_to || overwritten(at)
        };
        if versions.clone().any(|at| held(at) && has_grown(at)) {
            return Ok(());
        }
        let is_zero = bytes.iter().all(|byte| *byte == 0);
        if is_zero
            && !is_last
            && self.leaves_hole(version.data_floor.max(synced), oldest, file, block)
        {
            return Ok(());
        }
        let is_padding = versions.any(held);
        Err(CrashFinding {
            invariant: match (is_padding, oldest <= version.data_floor.max(synced)) {
                (true, _) => "I23",
                (false, true) => "I22",
                (false, false) => "I12",
            },
            expected: format!(
                "file {file} at byte {offset} holds what it held after one of operations {oldest} \
                 to {} (its metadata is of operation {})",
                progress.begun, version.at
            ),
            observed: describe(bytes),
        })
    }

    /// The first operation after which a block's data may be from.
    fn oldest_data(&self, version: Version, file: usize, block: u64) -> usize {
        let shown = version.data_floor + 1..version.at;
        let cuts = |at: &usize| {
            self.op(*at, file)
                .is_some_and(|op| self.cuts(op, *at, file, block))
        };
        shown.rev().find(cuts).unwrap_or(version.data_floor)
    }

    /// Whether operation `cut` is a truncate that has left a part of a block in the file, of which
    /// nothing was promised before: what had been written to it may never have been allocated. If
    /// the file grows over it later, it is a hole.
    fn leaves_hole(&self, floor: usize, cut: usize, file: usize, block: u64) -> bool {
        let begins = block * BLOCK_SIZE;
        let is_truncate = cut > floor && matches!(self.ops[cut - 1], Op::Truncate { .. });
        is_truncate && self.size(cut, file) > begins && self.size(floor, file) <= begins
    }

    /// Whether an operation took a block from the file, or a part of it by moving the end.
    fn cuts(&self, op: &Op, at: usize, file: usize, block: u64) -> bool {
        let (start, end) = (block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE);
        let (before, after) = (self.size(at - 1, file), self.size(at, file));
        match *op {
            Op::Truncate { .. } => after < end && after < before,
            Op::Create { .. } => !self.models[at - 1].is_linked(file),
            Op::Punch { offset, len, .. } => {
                offset < before && offset <= start && (end <= offset + len || before < offset + len)
            }
            Op::ZeroRange { offset, len, .. } => offset <= start && end <= offset + len,
            _ => false,
        }
    }

    /// Bytes of a file after an operation; beyond its end they are zero.
    fn part(&self, at: usize, file: usize, offset: u64, len: usize) -> Vec<u8> {
        let content = self.models[at].content(file).unwrap_or_default();
        let bytes = content.iter().skip(offset as usize).take(len);
        let mut part: Vec<u8> = bytes.copied().collect();
        part.resize(len, 0);
        part
    }
}

/// What an operation makes durable by itself when it returns: `len` bytes from `offset` on.
fn syncs(op: &Op) -> Option<(u64, usize)> {
    match *op {
        Op::SyncWrite { offset, len, .. }
        | Op::Direct {
            offset,
            len,
            sync: true,
            queued: false,
            ..
        } => Some((offset, len)),
        _ => None,
    }
}

/// Whether a call asks for a size, which then holds whatever data is on disk below it.
fn sets_size(op: &Op) -> bool {
    matches!(
        op,
        Op::Truncate { .. }
            | Op::Extend { .. }
            | Op::ZeroRange { keep: false, .. }
            | Op::Fallocate { keep: false, .. }
    )
}

/// How far a call that drops dirty data raises the size on disk first.
fn punched_to(op: &Op, size: u64) -> Option<u64> {
    match *op {
        Op::Punch { offset, len, .. } if offset < size => Some(size.min(offset + len)),
        Op::ZeroRange { offset, len, .. } => Some(size.min(offset + len)),
        _ => None,
    }
}

/// The runs of equal bytes.
fn describe(bytes: &[u8]) -> String {
    let is_zero = bytes.iter().all(|byte| *byte == 0);
    match is_zero {
        true => format!("{} zero bytes", bytes.len()),
        false => {
            let at = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
            let end = bytes.len().min(at + 8);
            format!("{at} zero bytes, then {:02x?}", &bytes[at..end])
        }
    }
}
