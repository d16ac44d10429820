//! Allocation for a file, and writing its extent tree back.
//!
//! # Source
//! linux v7.0 fs/ext4/extents.c `ext4_ext_map_blocks`, `ext4_ext_insert_extent`.

use crate::device::Device;
use crate::disk::extent::{Extent, ExtentIndex, ExtentNode};
use crate::error::FsError;
use crate::extent::{Mapping, Status};
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::journal::Handle;
use crate::protocol::Protocol;
use crate::units::{Block, Pblk};

/// Credits for one change of a file's mapping: inode, bitmap, group descriptor, superblock, and the
/// leaves of the extent tree, all of which may have to be written.
pub const CREDITS: u32 = 4 + 2 * ExtentNode::ROOT_CAPACITY as u32;

/// Allocates blocks for the beginning of a range that has none, as unwritten, and adds them to the
/// extent tree. Returns what has been allocated, which may be less than asked for.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::TooManyExtents`], [`FsError::Journal`].
pub fn create_unwritten<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    wanted: Mapping,
) -> Result<Mapping, FsError> {
    let goal = goal(data, wanted);
    let blocks = fs.space().allocate(handle, goal, wanted.len)?;
    let extent = Extent {
        lblk: wanted.start,
        len: (blocks.end.0 - blocks.start.0) as u32,
        pblk: blocks.start,
        unwritten: true,
    };
    if let Err(error) = data.tree.insert(extent) {
        fs.space().free(handle, blocks)?;
        return Err(error.into());
    }
    store_tree(fs, handle, inode, data)?;
    Ok(Mapping {
        start: extent.lblk,
        len: extent.len,
        status: Status::Unwritten(extent.pblk),
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

/// Writes the extent tree: into the inode, or into leaf blocks, of which as many as needed are
/// allocated or freed. The inode itself is written by who changes it last.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// [`FsError::NoSpace`], [`FsError::Journal`], [`FsError::Device`].
pub fn store_tree<D: Device, P: Protocol>(
    fs: &Filesystem<D, P>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
) -> Result<(), FsError> {
    let layout = data.tree.layout();
    let mut leaves = data.tree.leaves().to_vec();
    while leaves.len() > layout.len() {
        let Some(leaf) = leaves.pop() else { break };
        handle.revoke(leaf)?;
        fs.buffers().forget(leaf);
        fs.space().free(handle, leaf..Pblk(leaf.0 + 1))?;
        data.quota_used = data.quota_used.saturating_sub(1);
    }
    while leaves.len() < layout.len() {
        let goal = leaves.last().map_or(Pblk(0), |leaf| Pblk(leaf.0 + 1));
        let block = fs.space().allocate(handle, goal, 1)?;
        fs.space().charge(1);
        data.quota_used += 1;
        leaves.push(block.start);
    }
    let seed = inode.attributes().seed(inode.position, fs.geometry().seed);
    for (leaf, extents) in leaves.iter().zip(layout) {
        let node = ExtentNode::Leaf(data.tree.extents()[extents].to_vec());
        let buffer = fs.buffers().get_new(*leaf);
        handle.modify(&buffer, |block: &mut Block| {
            block.fill(0);
            node.encode_block(block, seed);
        })?;
    }
    data.tree.set_leaves(leaves);
    Ok(())
}

/// The root of a file's extent tree as it belongs into the inode.
pub fn root(data: &crate::inode::InodeData) -> ExtentNode {
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
