//! Invariants of a mounted file system while no call is in flight. Caches may be dirty.

use super::{Violation, counters};
use crate::device::Device;
use crate::disk::geometry::{FIRST_INO, JOURNAL_INO, ROOT_INO};
use crate::disk::inode::FileType;
use crate::error::FsError;
use crate::extent::Status;
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::units::{Ino, Lblk, Pblk};

/// Evaluates all of them.
///
/// # Locking
/// Requires: that no call is in flight. Takes: locks, one at a time.
///
/// # Errors
/// [`FsError`] if an inode can not be read.
pub fn violations<D: Device>(fs: &Filesystem<D>) -> Result<Vec<Violation>, FsError> {
    let mut found = Vec::new();
    let mut reserved = 0;
    for inode in fs.inodes_in_memory() {
        reserved += u64::from(inode.read_data().reserved);
        found.extend(i5(&inode));
        found.extend(i10(&inode));
        found.extend(i33(&inode));
        found.extend(i33_ordered(fs, &inode));
        let data = inode.lock_data();
        found.extend(i6(&inode, &data));
        found.extend(super::instant::violations(&inode, &data));
    }
    let files = files_in_use(fs)?;
    found.extend(counters::violations(fs, reserved, &files));
    found.extend(i15(fs, &files));
    found.extend(i17(fs)?);
    Ok(found)
}

/// I5: every delayed block lies under a dirty block of the page cache.
fn i5(inode: &Inode) -> Option<Violation> {
    let dirty: Vec<_> = inode
        .cache
        .peek()
        .iter()
        .flat_map(|folio| folio.peek_dirty())
        .collect();
    let delayed = inode.peek_delayed();
    let clean = delayed
        .iter()
        .flat_map(|mapping| mapping.blocks())
        .find(|block| !dirty.iter().any(|lblk| lblk.0 == *block))?;
    Some(Violation {
        invariant: "I5",
        expected: format!(
            "inode {}: delayed block {clean} is dirty in the cache",
            inode.ino
        ),
        observed: "it is clean, so nothing will ever write it".into(),
    })
}

/// I6: a dirty block inside the file has somewhere to go.
fn i6(inode: &Inode, data: &DataGuard<'_>) -> Option<Violation> {
    let inside = Lblk::round_up(inode.size.peek());
    let dirty = inode.cache.peek().into_iter().flat_map(|f| f.peek_dirty());
    let is_backed = |lblk: &Lblk| {
        inode.peek_status(*lblk) == Some(Status::Delayed)
            || data.tree.lookup(*lblk).status != Status::Hole
    };
    let homeless = dirty
        .filter(|lblk| *lblk < inside)
        .find(|l| !is_backed(l))?;
    Some(Violation {
        invariant: "I6",
        expected: format!("inode {}: dirty block {homeless} is backed", inode.ino),
        observed: "it lies over a hole".into(),
    })
}

/// I10: without dirty data or I/O in flight, the size on disk is the size. Not once writing the
/// file's data has failed: what is lost may have been its end.
fn i10(inode: &Inode) -> Option<Violation> {
    let folios = inode.cache.peek();
    let busy = folios
        .iter()
        .any(|f| !f.peek_dirty().is_empty() || f.peek_writeback());
    let (size, disksize) = (inode.size.peek(), inode.disksize.peek());
    let is_lost = inode.errors.peek_any();
    (!busy && !is_lost && size != disksize).then(|| Violation {
        invariant: "I10",
        expected: format!("inode {}: i_disksize = i_size = {size}", inode.ino),
        observed: format!("i_disksize = {disksize}, and nothing is dirty"),
    })
}

/// I15: every block is owned by one file or is metadata, and marked so, or is free.
fn i15<D: Device>(fs: &Filesystem<D>, files: &[File]) -> Option<Violation> {
    let geometry = fs.geometry();
    // By bit: this is evaluated at the end of every execution.
    let mut owners = vec![None; geometry.block_bits() as usize];
    for block in geometry.metadata_blocks() {
        owners[geometry.block_bit(block) as usize] = Some(Ino(0));
    }
    for file in files {
        for block in &file.blocks {
            if let Some(other) = owners[geometry.block_bit(*block) as usize].replace(file.ino) {
                return Some(Violation {
                    invariant: "I15",
                    expected: format!("block {block} has one owner"),
                    observed: format!("it belongs to inodes {other} and {}", file.ino),
                });
            }
        }
    }
    let bitmap = fs.space().peek_bitmap();
    (0..).zip(owners).find_map(|(bit, owner)| {
        let used = bitmap.test(bit);
        (used != owner.is_some()).then(|| Violation {
            invariant: "I15",
            expected: format!(
                "the bitmap says of block {} what its owner says: {owner:?}",
                geometry.bit_block(bit)
            ),
            observed: format!("in use: {used}"),
        })
    })
}

/// I17: no linked inode is on the orphan list.
fn i17<D: Device>(fs: &Filesystem<D>) -> Result<Option<Violation>, FsError> {
    let members = fs.orphans().members().to_vec();
    for ino in members {
        if fs.inode(ino)?.links() > 0 {
            return Ok(Some(Violation {
                invariant: "I17",
                expected: "no linked inode is on the orphan list".into(),
                observed: format!("inode {ino} is"),
            }));
        }
    }
    Ok(None)
}

/// I33: no I/O is outstanding.
fn i33(inode: &Inode) -> Option<Violation> {
    let waiting = inode.completed.peek(Vec::len);
    (waiting > 0).then(|| Violation {
        invariant: "I33",
        expected: format!("inode {}: no I/O is outstanding", inode.ino),
        observed: format!("{waiting} batches wait for the worker"),
    })
}

/// I33: no inode has ordered data with a transaction that has committed.
fn i33_ordered<D: Device>(fs: &Filesystem<D>, inode: &Inode) -> Option<Violation> {
    let ordered = inode.jinode.peek();
    let committed = fs.journal().peek_committed();
    let finished = ordered
        .transaction
        .filter(|tid| committed.is_at_or_after(*tid))?;
    Some(Violation {
        invariant: "I33",
        expected: format!(
            "inode {}: no data is with a finished transaction",
            inode.ino
        ),
        observed: format!("{ordered:?}, and {finished} has finished"),
    })
}

/// The inodes that own blocks: root, journal, and everything in use from the first ordinary one.
pub fn inodes_in_use<D: Device>(fs: &Filesystem<D>) -> Vec<Ino> {
    let ordinary = (FIRST_INO.0..=fs.geometry().inodes).map(Ino);
    let in_use = ordinary.filter(|ino| fs.space().peek_inode_in_use(*ino));
    [ROOT_INO, JOURNAL_INO].into_iter().chain(in_use).collect()
}

/// What a file on disk occupies.
#[derive(Debug)]
pub(super) struct File {
    pub(super) ino: Ino,
    /// The blocks of its extents and of its extent tree.
    pub(super) blocks: Vec<Pblk>,
    /// How many of them are leaves of the tree.
    pub(super) leaves: u32,
    pub(super) is_regular: bool,
}

/// What is in use, and what it occupies.
fn files_in_use<D: Device>(fs: &Filesystem<D>) -> Result<Vec<File>, FsError> {
    let file = |ino| {
        let inode = fs.inode(ino)?;
        let data = inode.read_data();
        let extents = data.tree.extents().iter();
        let content = extents.flat_map(|e| e.pblk.0..e.pblk.0 + u64::from(e.len));
        let leaves = data.tree.leaves();
        Ok(File {
            ino,
            blocks: content.map(Pblk).chain(leaves.iter().copied()).collect(),
            leaves: leaves.len() as u32,
            is_regular: FileType::of_mode(inode.attributes().mode) == Some(FileType::Regular),
        })
    };
    inodes_in_use(fs).into_iter().map(file).collect()
}
