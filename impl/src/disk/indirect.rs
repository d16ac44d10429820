//! The block map of an inode without extents, as ext2 and ext3 have it: twelve pointers in the
//! inode, and a block of further ones. Every block that a pointer names is written; 0 is a hole.
//!
//! The blocks behind two and three levels of pointers are not supported.
//!
//! # Source
//! linux v7.0 fs/ext4/indirect.c `ext4_block_to_path`, `ext4_ind_check_inode`. Pointer blocks carry
//! no checksum.

use crate::disk::bytes::{le32, put_le32};
use crate::disk::error::{FormatError, Place, Problem, Structure};
use crate::disk::extent::Extent;
use crate::disk::geometry::{Geometry, InodePosition};
use crate::disk::inode::{FLAG_EXTENTS, I_BLOCK_SIZE, Inode};
use crate::units::{BLOCK_SIZE, Block, Lblk, Pblk};

/// Pointers in the inode that lead to blocks of the file.
const DIRECT: usize = 12;
/// Pointers in a block.
const POINTERS: usize = BLOCK_SIZE / 4;
/// Blocks that such a file can have.
pub const BLOCKS_MAX: u32 = (DIRECT + POINTERS) as u32;
/// The first block of the file that a pointer block leads to.
pub const INDIRECT_FROM: Lblk = Lblk(DIRECT as u32);

/// Decodes what an inode maps itself, and the block with the further pointers, if there is one.
///
/// # Errors
/// [`FormatError`] if the inode has an extent tree, or a pointer leads elsewhere than to a data
/// block, or to a pointer block of pointer blocks.
pub fn decode_root(
    inode: &Inode,
    at: InodePosition,
    geometry: &Geometry,
) -> Result<(Vec<Extent>, Option<Pblk>), FormatError> {
    let place = Place {
        structure: Structure::BlockMap(at.ino()),
        block: at.block(),
    };
    if inode.flags & FLAG_EXTENTS != 0 {
        return Err(place.fail(Problem::NoBlockMap));
    }
    let (direct, rest) = inode.i_block.split_at(4 * DIRECT);
    let extents = decode_pointers(place, direct, Lblk(0), geometry)?;
    let indirect = Pblk(u64::from(le32(rest, 0)));
    for (field, from) in [("double indirect block", 4), ("triple indirect block", 8)] {
        place.range(field, le32(rest, from), 0..=0)?;
    }
    if indirect == Pblk(0) {
        return Ok((extents, None));
    }
    check_block(place, indirect, geometry)?;
    Ok((extents, Some(indirect)))
}

/// Decodes a pointer block, adding to what the inode maps itself.
///
/// # Errors
/// [`FormatError`] if a pointer leads elsewhere than to a data block.
pub fn decode_block(
    block: &Block,
    at: (InodePosition, Pblk),
    geometry: &Geometry,
    extents: &mut Vec<Extent>,
) -> Result<(), FormatError> {
    let place = Place {
        structure: Structure::BlockMap(at.0.ino()),
        block: at.1,
    };
    let more = decode_pointers(place, block, INDIRECT_FROM, geometry)?;
    more.into_iter().for_each(|extent| append(extents, extent));
    Ok(())
}

/// Writes the pointers of the file's first blocks, and that to the pointer block, into an inode.
pub fn encode_root(extents: &[Extent], indirect: Option<Pblk>, inode: &mut Inode) {
    inode.flags &= !FLAG_EXTENTS;
    let mut bytes = [0; I_BLOCK_SIZE];
    encode_pointers(extents, Lblk(0), &mut bytes[..4 * DIRECT]);
    let indirect = indirect.unwrap_or_default();
    put_le32(&mut bytes, 4 * DIRECT, indirect.0 as u32);
    inode.i_block = bytes;
}

/// Writes the pointers of the other blocks into a pointer block.
pub fn encode_block(extents: &[Extent], block: &mut Block) {
    block.fill(0);
    encode_pointers(extents, INDIRECT_FROM, block);
}

fn decode_pointers(
    place: Place,
    bytes: &[u8],
    from: Lblk,
    geometry: &Geometry,
) -> Result<Vec<Extent>, FormatError> {
    let mut extents = Vec::new();
    for (i, pointer) in bytes.chunks_exact(4).enumerate() {
        let pblk = Pblk(u64::from(le32(pointer, 0)));
        if pblk == Pblk(0) {
            continue;
        }
        check_block(place, pblk, geometry)?;
        let extent = Extent {
            lblk: Lblk(from.0 + i as u32),
            len: 1,
            pblk,
            unwritten: false,
        };
        append(&mut extents, extent);
    }
    Ok(extents)
}

/// Adds a block, or run of blocks, at the end.
fn append(extents: &mut Vec<Extent>, extent: Extent) {
    let goes_on = |last: &&mut Extent| {
        last.end() == extent.lblk && last.pblk.0 + u64::from(last.len) == extent.pblk.0
    };
    match extents.last_mut().filter(goes_on) {
        Some(last) => last.len += extent.len,
        None => extents.push(extent),
    }
}

fn encode_pointers(extents: &[Extent], from: Lblk, bytes: &mut [u8]) {
    for (i, pointer) in bytes.chunks_exact_mut(4).enumerate() {
        let lblk = Lblk(from.0 + i as u32);
        let after = extents.partition_point(|extent| extent.end() <= lblk);
        if let Some(pblk) = extents.get(after).and_then(|extent| extent.locate(lblk)) {
            put_le32(pointer, 0, pblk.0 as u32);
        }
    }
}

fn check_block(place: Place, pblk: Pblk, geometry: &Geometry) -> Result<(), FormatError> {
    match geometry.is_data(pblk, 1) {
        true => Ok(()),
        false => Err(place.fail(Problem::Blocks {
            field: "pointer",
            start: pblk.0,
            end: pblk.0 + 1,
            why: "are not all data blocks of the file system",
        })),
    }
}
