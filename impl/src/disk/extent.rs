//! The extent tree of an inode, node by node: the root in the inode with room for 4 entries,
//! other nodes in blocks with room for 84.
//!
//! Only the shape of one node and its fit under its parent are checked here. Walking the tree is
//! up to the caller, who can not be led in circles: depth falls by one at every step down, and a
//! child's entries lie within the range that its parent gives it.
//!
//! # Source
//! linux v6.18 fs/ext4/ext4_extents.h; fs/ext4/extents.c `__ext4_ext_check`,
//! `ext4_valid_extent_entries`, `ext4_extent_block_csum`.

use std::ops::Range;

use crate::disk::bytes::{le16, le32, put_le16, put_le32};
use crate::disk::checksum::InodeSeed;
use crate::disk::error::{FormatError, Place, Problem, Structure};
use crate::disk::geometry::{Geometry, InodePosition};
use crate::disk::inode::{FLAG_EXTENTS, I_BLOCK_SIZE, Inode};
use crate::units::{BLOCK_SIZE, Block, Ino, Lblk, Pblk};

/// The longest written extent, in blocks.
pub const WRITTEN_LEN_MAX: u32 = 1 << 15;
/// The longest unwritten extent, in blocks. Lengths above [`WRITTEN_LEN_MAX`] say "unwritten",
/// so an unwritten one has one less.
pub const UNWRITTEN_LEN_MAX: u32 = WRITTEN_LEN_MAX - 1;
/// The deepest tree: more levels than 32-bit logical block numbers can need.
pub const DEPTH_MAX: u16 = 5;
/// Every logical block number that a file may use.
pub const WHOLE_FILE: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

const MAGIC: u16 = 0xf30a;
const HEADER_SIZE: usize = 12;
const ENTRY_SIZE: usize = 12;
/// The checksum behind the entries of a block.
const TAIL_SIZE: usize = 4;

/// A run of blocks of a file that lie in a run of blocks on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first block of the file.
    pub lblk: Lblk,
    /// Length in blocks: 1..=[`WRITTEN_LEN_MAX`], or 1..=[`UNWRITTEN_LEN_MAX`] if unwritten.
    pub len: u32,
    /// The first block on the device, of 48 bits.
    pub pblk: Pblk,
    /// Whether the blocks are allocated but read as zeroes.
    pub unwritten: bool,
}

impl Extent {
    /// The first block of the file after the extent.
    pub fn end(&self) -> Lblk {
        Lblk(self.lblk.0 + self.len)
    }

    /// Where a block of the file lies, if the extent covers it.
    pub fn locate(&self, lblk: Lblk) -> Option<Pblk> {
        (self.lblk..self.end())
            .contains(&lblk)
            .then(|| Pblk(self.pblk.0 + u64::from(lblk.0 - self.lblk.0)))
    }

    /// Bytes 4 and 5 of the entry: the length, offset if unwritten.
    fn encoded_len(&self) -> u16 {
        let offset = if self.unwritten { WRITTEN_LEN_MAX } else { 0 };
        (self.len + offset) as u16
    }
}

/// A child of an index node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtentIndex {
    /// The first block of the file that the child may map.
    pub lblk: Lblk,
    /// The block that holds the child.
    pub child: Pblk,
}

/// A node of the tree. Entries are sorted and do not overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtentNode {
    /// A node at the bottom.
    Leaf(Vec<Extent>),
    /// A node above others, with at least one child.
    Index {
        /// Levels below this one: 1..=[`DEPTH_MAX`].
        depth: u16,
        /// The children.
        children: Vec<ExtentIndex>,
    },
}

/// Where a node in a block hangs in its tree: what its parent promises about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlace {
    /// The block that holds the node.
    pub block: Pblk,
    /// The inode that owns the tree.
    pub ino: Ino,
    /// The seed of that inode's checksums.
    pub seed: InodeSeed,
    /// Levels below this node.
    pub depth: u16,
    /// The blocks of the file that the node may map.
    pub range: Range<Lblk>,
}

impl ExtentNode {
    /// Entries that fit into the root, in the inode.
    pub const ROOT_CAPACITY: usize = (I_BLOCK_SIZE - HEADER_SIZE) / ENTRY_SIZE;
    /// Entries that fit into a node in a block.
    pub const BLOCK_CAPACITY: usize = (BLOCK_SIZE - HEADER_SIZE - TAIL_SIZE) / ENTRY_SIZE;

    /// The root of an empty file.
    pub fn empty() -> ExtentNode {
        ExtentNode::Leaf(Vec::new())
    }

    /// Levels below this node; 0 for a leaf.
    pub fn depth(&self) -> u16 {
        match self {
            ExtentNode::Leaf(_) => 0,
            ExtentNode::Index { depth, .. } => *depth,
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        match self {
            ExtentNode::Leaf(extents) => extents.len(),
            ExtentNode::Index { children, .. } => children.len(),
        }
    }

    /// Whether the node has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes the root that an inode holds.
    ///
    /// # Errors
    /// [`FormatError`] if the inode has no extent tree, or its root is malformed.
    pub fn decode_root(
        inode: &Inode,
        at: InodePosition,
        geometry: &Geometry,
    ) -> Result<ExtentNode, FormatError> {
        let place = Place {
            structure: Structure::ExtentNode(at.ino()),
            block: at.block(),
        };
        if inode.flags & FLAG_EXTENTS == 0 {
            return Err(place.fail(Problem::NoExtents));
        }
        let capacity = ExtentNode::ROOT_CAPACITY;
        let depth = check_header(place, &inode.i_block, capacity, 0..=DEPTH_MAX)?;
        decode_entries(place, &inode.i_block, depth, &WHOLE_FILE, geometry)
    }

    /// Writes the node into an inode as its root.
    ///
    /// # Panics
    /// If the node has more than [`ExtentNode::ROOT_CAPACITY`] entries.
    pub fn encode_root(&self, inode: &mut Inode) {
        inode.flags |= FLAG_EXTENTS;
        self.encode_entries(&mut inode.i_block, ExtentNode::ROOT_CAPACITY);
    }

    /// Decodes a node in a block.
    ///
    /// # Errors
    /// [`FormatError`] if the checksum is wrong, the node is malformed, or it does not fit its
    /// place.
    pub fn decode_block(
        block: &Block,
        at: &NodePlace,
        geometry: &Geometry,
    ) -> Result<ExtentNode, FormatError> {
        let place = Place {
            structure: Structure::ExtentNode(at.ino),
            block: at.block,
        };
        let stored = le32(block, BLOCK_SIZE - TAIL_SIZE);
        place.checksum(stored, at.seed.extent_block(block, TAIL_SIZE))?;
        let capacity = ExtentNode::BLOCK_CAPACITY;
        let depth = check_header(place, block, capacity, at.depth..=at.depth)?;
        decode_entries(place, block, depth, &at.range, geometry)
    }

    /// Writes the node and a fresh checksum into a block.
    ///
    /// # Panics
    /// If the node has more than [`ExtentNode::BLOCK_CAPACITY`] entries.
    pub fn encode_block(&self, block: &mut Block, seed: InodeSeed) {
        self.encode_entries(block, ExtentNode::BLOCK_CAPACITY);
        let sum = seed.extent_block(block, TAIL_SIZE);
        put_le32(block, BLOCK_SIZE - TAIL_SIZE, sum);
    }

    /// The blocks of the file that the child at `index` may map, if this node may map `range`: up
    /// to the next child. `None` if there is no such child.
    pub fn child_range(&self, index: usize, range: &Range<Lblk>) -> Option<Range<Lblk>> {
        let ExtentNode::Index { children, .. } = self else {
            return None;
        };
        let start = children.get(index)?.lblk;
        let end = children.get(index + 1).map_or(range.end, |next| next.lblk);
        Some(start..end)
    }

    fn encode_entries(&self, bytes: &mut [u8], capacity: usize) {
        assert!(
            self.len() <= capacity,
            "{} entries in room for {capacity}",
            self.len()
        );
        put_le16(bytes, 0, MAGIC);
        put_le16(bytes, 2, self.len() as u16);
        put_le16(bytes, 4, capacity as u16);
        put_le16(bytes, 6, self.depth());
        let slots = bytes[HEADER_SIZE..].chunks_exact_mut(ENTRY_SIZE);
        match self {
            ExtentNode::Leaf(extents) => {
                for (slot, extent) in slots.zip(extents) {
                    put_le32(slot, 0, extent.lblk.0);
                    put_le16(slot, 4, extent.encoded_len());
                    put_le16(slot, 6, (extent.pblk.0 >> 32) as u16);
                    put_le32(slot, 8, extent.pblk.0 as u32);
                }
            }
            ExtentNode::Index { children, .. } => {
                for (slot, index) in slots.zip(children) {
                    put_le32(slot, 0, index.lblk.0);
                    put_le32(slot, 4, index.child.0 as u32);
                    put_le16(slot, 8, (index.child.0 >> 32) as u16);
                    put_le16(slot, 10, 0);
                }
            }
        }
    }
}

/// Checks a node's header against the room it has and returns its depth.
fn check_header(
    place: Place,
    bytes: &[u8],
    capacity: usize,
    depths: std::ops::RangeInclusive<u16>,
) -> Result<u16, FormatError> {
    place.magic(u32::from(MAGIC), u32::from(le16(bytes, 0)))?;
    let capacity = capacity as u64;
    place.range("capacity for entries", le16(bytes, 4), capacity..=capacity)?;
    let depth = le16(bytes, 6);
    place.range(
        "depth",
        depth,
        u64::from(*depths.start())..=u64::from(*depths.end()),
    )?;
    // A leaf may be empty, an index must lead somewhere.
    place.range(
        "number of entries",
        le16(bytes, 2),
        u64::from(depth > 0)..=capacity,
    )?;
    Ok(depth)
}

/// Decodes the entries of a node whose header has been checked.
fn decode_entries(
    place: Place,
    bytes: &[u8],
    depth: u16,
    range: &Range<Lblk>,
    geometry: &Geometry,
) -> Result<ExtentNode, FormatError> {
    let count = usize::from(le16(bytes, 2));
    let slots = bytes[HEADER_SIZE..]
        .chunks_exact(ENTRY_SIZE)
        .take(count)
        .enumerate();
    let mut free_from = range.start;
    if depth == 0 {
        let mut extents = Vec::with_capacity(count);
        for (index, slot) in slots {
            let extent = decode_extent(place, slot, geometry)?;
            let end = u64::from(extent.lblk.0) + u64::from(extent.len);
            if extent.lblk < free_from || end > u64::from(range.end.0) {
                return Err(place.fail(Problem::Order { index }));
            }
            free_from = extent.end();
            extents.push(extent);
        }
        return Ok(ExtentNode::Leaf(extents));
    }
    let mut children = Vec::with_capacity(count);
    for (index, slot) in slots {
        let lblk = Lblk(le32(slot, 0));
        if lblk < free_from || lblk >= range.end {
            return Err(place.fail(Problem::Order { index }));
        }
        let child = Pblk(u64::from(le16(slot, 8)) << 32 | u64::from(le32(slot, 4)));
        check_blocks(place, "child", child, 1, geometry)?;
        // The next child begins at least one block later.
        free_from = Lblk(lblk.0 + 1);
        children.push(ExtentIndex { lblk, child });
    }
    Ok(ExtentNode::Index { depth, children })
}

fn decode_extent(place: Place, slot: &[u8], geometry: &Geometry) -> Result<Extent, FormatError> {
    let encoded = u32::from(le16(slot, 4));
    let unwritten = encoded > WRITTEN_LEN_MAX;
    let len = if unwritten {
        encoded - WRITTEN_LEN_MAX
    } else {
        encoded
    };
    place.range("length of an extent", len, 1..=u64::from(WRITTEN_LEN_MAX))?;
    let pblk = Pblk(u64::from(le16(slot, 6)) << 32 | u64::from(le32(slot, 8)));
    check_blocks(place, "extent", pblk, u64::from(len), geometry)?;
    Ok(Extent {
        lblk: Lblk(le32(slot, 0)),
        len,
        pblk,
        unwritten,
    })
}

fn check_blocks(
    place: Place,
    field: &'static str,
    start: Pblk,
    len: u64,
    geometry: &Geometry,
) -> Result<(), FormatError> {
    if geometry.is_data(start, len) {
        return Ok(());
    }
    let why = "are not all data blocks of the file system";
    Err(place.fail(Problem::Blocks {
        field,
        start: start.0,
        end: start.0 + len,
        why,
    }))
}
