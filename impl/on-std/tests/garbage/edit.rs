//! Edits to an image, as bytes ask for them.

use super::Bytes;
use super::reseal::reseal;
use extfs_std::device::memory::Image;
use extfs_std::units::{BLOCK_SIZE, Block, Pblk};

/// Edits of one image at most.
const EDITS_MAX: usize = 3;
/// The first blocks of an image, where most of the metadata is.
const METADATA: usize = 14;
/// Numbers that are often handled wrong.
const ODD: [u32; 8] = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff, 11];

/// The image with the edits that the bytes ask for: at least one.
pub fn edited(image: &Image, bytes: &mut Bytes<'_>) -> Image {
    let mut edited = image.clone();
    for number in 0..EDITS_MAX {
        if number > 0 && bytes.is_empty() {
            break;
        }
        edited = edit(edited, bytes);
    }
    edited
}

fn edit(mut image: Image, bytes: &mut Bytes<'_>) -> Image {
    let kind = bytes.byte();
    let at = place(&image, bytes);
    let before = *image.block(at);
    let mut block = before;
    let offset = bytes.below(BLOCK_SIZE);
    match kind % 10 {
        0 | 1 => block[offset] ^= 1 << (bytes.byte() % 8),
        2 => block[offset] = bytes.byte(),
        3 => block[offset..]
            .iter_mut()
            .take(40)
            .for_each(|byte| *byte = bytes.byte()),
        4 | 5 => {
            let number = match usize::from(bytes.byte()) {
                small @ 0..128 => ODD[small % ODD.len()],
                _ => bytes.number(),
            };
            let offset = offset / 4 * 4;
            // Little-endian on the file system's side, big-endian in the log.
            let number = match bytes.byte() % 2 {
                0 => number.to_le_bytes(),
                _ => number.to_be_bytes(),
            };
            block[offset..offset + 4].copy_from_slice(&number);
        }
        6 => block = [0; BLOCK_SIZE],
        7 => block = *image.block(place(&image, bytes)),
        8 => {
            let other = place(&image, bytes);
            block = *image.block(other);
            put(&mut image, other, &before);
        }
        _ => return cut(&image, bytes),
    }
    put(&mut image, at, &block);
    // The upper half of the byte: whether the checksum is made right again.
    if (kind / 10).is_multiple_of(2) {
        reseal(&mut image, at, &before);
    }
    image
}

/// A block that holds something, every other time one of the first.
fn place(image: &Image, bytes: &mut Bytes<'_>) -> Pblk {
    let blocks: Vec<Pblk> = image.blocks().map(|(at, _)| at).collect();
    if blocks.is_empty() {
        return Pblk(0);
    }
    let among = match bytes.byte() % 2 {
        0 => blocks.len(),
        _ => blocks.len().min(METADATA),
    };
    blocks[bytes.below(among)]
}

/// The image without its last blocks; one is left.
fn cut(image: &Image, bytes: &mut Bytes<'_>) -> Image {
    let size = 1 + bytes.below(image.size().min(1 << 16) as usize) as u64;
    let mut shorter = Image::zeroed(size);
    for (at, block) in image.blocks().filter(|(at, _)| at.0 < size) {
        put(&mut shorter, at, block);
    }
    shorter
}

fn put(image: &mut Image, at: Pblk, block: &Block) {
    // Every place is one of the image.
    image.set(at, block).expect("the block is on the device");
}
