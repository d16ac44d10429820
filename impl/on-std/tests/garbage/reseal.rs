//! Making the checksum of an edited block right again, so that the edit is not found by that.
//!
//! Where things lie is what mkfs makes; offsets are those of the format.

use extfs_std::device::memory::Image;
use extfs_std::disk::checksum::{self, InodeSeed, JournalSeed, Seed};
use extfs_std::mkfs::MkfsOptions;
use extfs_std::units::{BLOCK_SIZE, Block, Ino, Pblk};

/// Inodes of the images.
const INODES: u32 = 16;
/// The checksum at the end of a block of an extent tree, of a directory, of most of the log.
const TAIL: usize = BLOCK_SIZE - 4;
const INODE_SIZE: usize = 256;
const JOURNAL_MAGIC: [u8; 4] = [0xc0, 0x3b, 0x39, 0x98];
const EXTENT_MAGIC: [u8; 2] = [0x0a, 0xf3];

/// Makes the checksum of block `at` right, which held `before` before it was edited.
pub fn reseal(image: &mut Image, at: Pblk, before: &Block) {
    let uuid = MkfsOptions::default().uuid;
    let seed = Seed::of_uuid(&uuid);
    let mut block = *image.block(at);
    match at.0 {
        1 => {
            let sum = checksum::superblock(&block);
            put_le32(&mut block, TAIL, sum);
        }
        2 => reseal_descriptor(&mut block, seed),
        3 => return reseal_bitmap(image, (0x18, 0x38), seed.bitmap(&block), seed),
        4 => {
            let sum = seed.bitmap(&block[..INODES as usize / 8]);
            return reseal_bitmap(image, (0x1a, 0x3a), sum, seed);
        }
        5..=8 => reseal_inodes(&mut block, (at.0 - 5) as u32 * 4 + 1, seed),
        _ if block[..4] == JOURNAL_MAGIC => reseal_log(&mut block, JournalSeed::of_uuid(&uuid)),
        _ => reseal_owned(&mut block, before, seed),
    }
    image.set(at, &block).expect("the block is on the device");
}

fn reseal_descriptor(block: &mut Block, seed: Seed) {
    let sum = seed.group_descriptor(0, &block[..64], 0x1e);
    block[0x1e..0x20].copy_from_slice(&sum.to_le_bytes());
}

/// A bitmap's checksum lies in the group descriptor, in two halves.
fn reseal_bitmap(image: &mut Image, at: (usize, usize), sum: u32, seed: Seed) {
    let descriptors = Pblk(2);
    if image.size() <= descriptors.0 {
        return;
    }
    let mut block = *image.block(descriptors);
    put_halves(&mut block, at, sum);
    reseal_descriptor(&mut block, seed);
    let outcome = image.set(descriptors, &block);
    outcome.expect("the block is on the device");
}

fn reseal_inodes(block: &mut Block, first: u32, seed: Seed) {
    for (number, bytes) in (first..).zip(block.chunks_exact_mut(INODE_SIZE)) {
        let (low, high) = (0x7c, 0x82);
        let generation = u32::from_le_bytes([bytes[100], bytes[101], bytes[102], bytes[103]]);
        let sum = seed
            .of_inode(Ino(number), generation)
            .inode(bytes, low, high);
        put_halves(bytes, (low, high), sum);
    }
}

fn reseal_log(block: &mut Block, seed: JournalSeed) {
    // Superblocks, commit blocks, and those with a tail.
    let (at, sum) = match u32::from_be_bytes([block[4], block[5], block[6], block[7]]) {
        3 | 4 => (0xfc, checksum::journal_superblock(block, 0xfc)),
        2 => (0x10, seed.control_block(block, 0x10)),
        _ => (TAIL, seed.control_block(block, TAIL)),
    };
    block[at..at + 4].copy_from_slice(&sum.to_be_bytes());
}

/// A block of an extent tree or of a directory, whose owner is the one with whose seed it verified.
fn reseal_owned(block: &mut Block, before: &Block, seed: Seed) {
    let sum_of = |seed: InodeSeed, block: &Block| match block[..2] == EXTENT_MAGIC {
        true => seed.extent_block(block, 4),
        false => seed.directory(block, 12),
    };
    let stored = u32::from_le_bytes([before[1020], before[1021], before[1022], before[1023]]);
    let mut seeds = (1..=INODES).map(|ino| seed.of_inode(Ino(ino), 0));
    if let Some(seed) = seeds.find(|seed| sum_of(*seed, before) == stored) {
        let sum = sum_of(seed, block);
        put_le32(block, TAIL, sum);
    }
}

fn put_le32(block: &mut Block, at: usize, number: u32) {
    block[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn put_halves(bytes: &mut [u8], (low, high): (usize, usize), sum: u32) {
    let sum = sum.to_le_bytes();
    bytes[low..low + 2].copy_from_slice(&sum[..2]);
    bytes[high..high + 2].copy_from_slice(&sum[2..]);
}
