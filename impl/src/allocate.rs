//! Allocation for a file, and writing its extent tree back.
//!
//! # Source
//! linux v7.0 fs/ext4/extents.c `ext4_ext_map_blocks`, `ext4_ext_insert_extent`.

use crate::device::Device;
use crate::disk::extent::{Extent, ExtentIndex, ExtentNode};
use crate::disk::{self, indirect};
use crate::error::FsError;
use crate::extent::tree::{ExtentTree, TooManyExtents};
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::journal::Handle;
use crate::units::{Block, Pblk};

/// Credits for one change of a file's mapping: inode, bitmap, group descriptor, superblock, and the
/// leaves of the extent tree, all of which may have to be written.
pub const CREDITS: u32 = 4 + 2 * LEAVES_MAX;

/// Leaves that the extent tree of a file can have. As many blocks are promised to every file.
pub const LEAVES_MAX: u32 = ExtentNode::ROOT_CAPACITY as u32;

/// What new blocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They read as zeroes until they have been converted.
    Unwritten,
    /// They read as what they hold, so nobody may reach them before they have been written.
    Written,
}

/// Allocates blocks for the beginning of a range that has none, as unwritten, and adds them to the
/// extent tree. Returns what has been allocated, which may be less than asked for.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooManyExtents`], [`FsError::Journal`].
pub fn create_unwritten<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    wanted: Mapping,
) -> Result<Mapping, FsError> {
    create(fs, handle, inode, data, wanted, Kind::Unwritten)
}

/// Allocates blocks for the beginning of a range that has none, and adds them to the extent tree.
/// Returns what has been allocated, which may be less than asked for.
///
/// # Locking
/// As [`create_unwritten`].
///
/// # Errors
/// As [`create_unwritten`].
pub fn create<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    wanted: Mapping,
    kind: Kind,
) -> Result<Mapping, FsError> {
    let goal = goal(data, wanted);
    let blocks = fs.space().allocate(handle, goal, wanted.len)?;
    let extent = Extent {
        lblk: wanted.start,
        len: (blocks.end.0 - blocks.start.0) as u32,
        pblk: blocks.start,
        unwritten: kind == Kind::Unwritten,
    };
    if let Err(error) = change_tree(fs, handle, inode, data, |tree| tree.insert(extent)) {
        fs.space().give_back(handle, blocks)?;
        return Err(error);
    }
    Ok(Mapping {
        start: extent.lblk,
        len: extent.len,
        status: match kind {
            Kind::Unwritten => Status::Unwritten(extent.pblk),
            Kind::Written => Status::Written(extent.pblk),
        },
    })
}

/// Where the file's neighbouring block lies, so that files stay in one piece.
fn goal(data: &DataGuard<'_>, wanted: Mapping) -> Pblk {
    let before = data
        .tree
        .extents()
        .iter()
        .rev()
        .find(|extent| extent.end() <= wanted.start);
    before.map_or(Pblk(0), |extent| {
        Pblk(extent.pblk.0 + u64::from(extent.len))
    })
}

/// Changes the extent tree and writes it: into the inode, or into leaf blocks, of which as many as
/// needed are allocated or freed. The inode itself is written by who changes it last.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// [`FsError::TooManyExtents`], and [`FsError::NoSpace`] if a leaf is needed and only a commit
/// makes its block available: then nothing has changed. [`FsError::Journal`],
/// [`FsError::Device`].
pub fn change_tree<D: Device, R>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    change: impl FnOnce(&mut ExtentTree) -> Result<R, TooManyExtents>,
) -> Result<R, FsError> {
    let mut tree = data.tree.clone();
    let result = change(&mut tree)?;
    let layout = tree.layout();
    let mut leaves = tree.leaves().to_vec();
    add_leaf(fs, handle, data, &mut leaves, layout.len())?;
    while leaves.len() > layout.len() {
        let Some(leaf) = leaves.pop() else { break };
        handle.revoke(leaf)?;
        fs.buffers().forget(leaf);
        fs.space().free_leaf(handle, leaf)?;
        data.quota_used = data.quota_used.saturating_sub(1);
    }
    let seed = inode.attributes().seed(inode.position, fs.geometry().seed);
    for (leaf, extents) in leaves.iter().zip(layout) {
        let extents = &tree.extents()[extents];
        let buffer = fs.buffers().get_new(*leaf);
        handle.modify(&buffer, |block: &mut Block| match tree.is_block_map() {
            true => indirect::encode_block(extents, block),
            false => {
                block.fill(0);
                ExtentNode::Leaf(extents.to_vec()).encode_block(block, seed);
            }
        })?;
    }
    tree.set_leaves(leaves);
    data.tree = tree;
    Ok(result)
}

/// Allocates one more leaf, if that many are `wanted`. No change of a tree takes two more: it adds
/// two extents at most.
fn add_leaf<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    data: &mut DataGuard<'_>,
    leaves: &mut Vec<Pblk>,
    wanted: usize,
) -> Result<(), FsError> {
    let added = wanted.saturating_sub(leaves.len());
    assert!(added <= 1, "a change of a tree takes {added} more leaves");
    if added == 1 {
        // The last leaf is in use, so that the first free block after it is taken.
        let goal = leaves.last().copied().unwrap_or_default();
        leaves.push(fs.space().allocate(handle, goal, 1)?.start);
    }
    fs.space().claim_metadata(added as u32);
    data.quota_used += added as u64;
    Ok(())
}

/// Does what needs space, again after a commit if blocks are free that only a commit makes
/// available: what was promised must be kept.
///
/// How often is bounded by what others do. Each further attempt follows a commit that made blocks
/// available which had been freed since the last one, and after the last of these there is just one
/// more. So who is alone tries three times at most. Who has a promise needs a second commit only if
/// somebody else has freed blocks and taken others meanwhile: there are as many free blocks as are
/// promised, and after a commit all that had been freed before it can be had.
///
/// # Locking
/// Requires: that no handle is open. `attempt` starts its own, and stops it. Takes: what
/// committing takes.
///
/// # Errors
/// [`FsError::NoSpace`] if there is no space even so; what else `attempt` or the commit fails with.
pub fn retry_after_commit<D: Device, R>(
    fs: &Filesystem<D>,
    mut attempt: impl FnMut() -> Result<R, FsError>,
) -> Result<R, FsError> {
    // A commit by somebody else, between the failure and the question whether one would help,
    // has helped: so the first failure is never the last word.
    let mut is_last = false;
    loop {
        match attempt() {
            Err(FsError::NoSpace) if (fs.protocol.should_retry_alloc)(fs) => {
                fs.journal().commit_once()?;
                is_last = false;
            }
            Err(FsError::NoSpace) if !is_last => is_last = true,
            outcome => return outcome,
        }
    }
}

/// Whether what found no space is to be tried again after a commit: if blocks are free that a
/// transaction has freed and that only its commit makes available.
///
/// # Source
/// linux v7.0 fs/ext4/balloc.c `ext4_should_retry_alloc`, which gives up after three times; and
/// fs/ext4/inode.c `ext4_do_writepages` and `mpage_map_and_submit_extent`, which do not, as long as
/// any cluster is free: what was promised must be kept.
pub fn should_retry_alloc<D: Device>(fs: &Filesystem<D>) -> bool {
    fs.space().awaits_commit()
}

/// Writes the root of a file's extent tree, or what its inode holds of its block map, into the
/// inode.
pub fn encode_root(data: &crate::inode::InodeData, on_disk: &mut disk::inode::Inode) {
    if data.tree.is_block_map() {
        let indirect = data.tree.leaves().first().copied();
        return indirect::encode_root(data.tree.extents(), indirect, on_disk);
    }
    extent_root(data).encode_root(on_disk);
}

fn extent_root(data: &crate::inode::InodeData) -> ExtentNode {
    let extents = data.tree.extents();
    let layout = data.tree.layout();
    if layout.is_empty() {
        return ExtentNode::Leaf(extents.to_vec());
    }
    let children = data
        .tree
        .leaves()
        .iter()
        .zip(layout)
        .map(|(leaf, range)| ExtentIndex {
            lblk: extents[range.start].lblk,
            child: *leaf,
        });
    ExtentNode::Index {
        depth: 1,
        children: children.collect(),
    }
}
