//! The two bitmaps of the block group: blocks in use and inodes in use.
//!
//! Bit 0 is the lowest bit of the first byte. Bits beyond the last block or inode are padding and
//! always set, so that no search can hand them out.
//!
//! # Source
//! linux v6.18 fs/ext4/balloc.c `ext4_validate_block_bitmap`, fs/ext4/bitmap.c. Departs from it in
//! also requiring the padding to be set, as e2fsck does.

use std::ops::Range;

use crate::disk::checksum::Seed;
use crate::disk::error::{FormatError, Place, Problem, Structure};
use crate::disk::geometry::{BLOCKS_PER_GROUP, FIRST_INO, Geometry};
use crate::units::{BLOCK_SIZE, Block};

/// A bitmap, with its padding set.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Box<Block>,
    /// Bits before the padding, at most [`BLOCKS_PER_GROUP`].
    bits: u32,
}

impl Bitmap {
    /// A bitmap of `bits` clear bits.
    ///
    /// # Panics
    /// If `bits` exceeds [`BLOCKS_PER_GROUP`].
    pub fn new(bits: u32) -> Bitmap {
        assert!(
            bits <= BLOCKS_PER_GROUP,
            "a block holds no bitmap of {bits} bits"
        );
        let mut bytes = Box::new([0; BLOCK_SIZE]);
        for bit in bits..BLOCKS_PER_GROUP {
            bytes[bit as usize / 8] |= 1 << (bit % 8);
        }
        Bitmap { bytes, bits }
    }

    /// Decodes the block bitmap, whose checksum the group descriptor holds.
    ///
    /// # Errors
    /// [`FormatError`] if the checksum is wrong, or the padding or a metadata block is marked free.
    pub fn decode_blocks(
        block: &Block,
        checksum: u32,
        geometry: &Geometry,
    ) -> Result<Bitmap, FormatError> {
        let place = Place {
            structure: Structure::BlockBitmap,
            block: geometry.block_bitmap,
        };
        let bitmap = Bitmap {
            bytes: Box::new(*block),
            bits: geometry.block_bits(),
        };
        place.checksum(checksum, bitmap.blocks_checksum(geometry.seed))?;
        bitmap.check_padding(place)?;
        for metadata in geometry.metadata_blocks() {
            let bit = geometry.block_bit(metadata);
            if !bitmap.test(bit) {
                return Err(place.fail(Problem::ClearBit {
                    bit,
                    why: "the block is metadata",
                }));
            }
        }
        Ok(bitmap)
    }

    /// Decodes the inode bitmap, whose checksum the group descriptor holds.
    ///
    /// # Errors
    /// [`FormatError`] if the checksum is wrong, or the padding or a reserved inode is marked free.
    pub fn decode_inodes(
        block: &Block,
        checksum: u32,
        geometry: &Geometry,
    ) -> Result<Bitmap, FormatError> {
        let place = Place {
            structure: Structure::InodeBitmap,
            block: geometry.inode_bitmap,
        };
        let bitmap = Bitmap {
            bytes: Box::new(*block),
            bits: geometry.inodes,
        };
        place.checksum(checksum, bitmap.inodes_checksum(geometry.seed))?;
        bitmap.check_padding(place)?;
        match bitmap.find_clear(0) {
            Some(bit) if bit < FIRST_INO.0 - 1 => Err(place.fail(Problem::ClearBit {
                bit,
                why: "the inode is reserved",
            })),
            _ => Ok(bitmap),
        }
    }

    fn check_padding(&self, place: Place) -> Result<(), FormatError> {
        match (self.bits..BLOCKS_PER_GROUP).find(|&bit| !self.raw_test(bit)) {
            Some(bit) => Err(place.fail(Problem::ClearBit {
                bit,
                why: "it is padding",
            })),
            None => Ok(()),
        }
    }

    /// The bitmap as its block. Its checksum goes into the group descriptor.
    pub fn encode(&self) -> Block {
        *self.bytes
    }

    /// The checksum of this bitmap as the block bitmap: over the whole block, padding included,
    /// because a group always has room for a full block of bits.
    pub fn blocks_checksum(&self, seed: Seed) -> u32 {
        seed.bitmap(&self.bytes[..])
    }

    /// The checksum of this bitmap as the inode bitmap: over the bytes of the inodes alone.
    pub fn inodes_checksum(&self, seed: Seed) -> u32 {
        seed.bitmap(&self.bytes[..self.bits as usize / 8])
    }

    /// The number of bits before the padding.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    fn raw_test(&self, bit: u32) -> bool {
        self.bytes[bit as usize / 8] & 1 << (bit % 8) != 0
    }

    /// Whether a bit is set.
    ///
    /// # Panics
    /// If the bit is not below [`Bitmap::bits`].
    pub fn test(&self, bit: u32) -> bool {
        self.assert_in_range(bit);
        self.raw_test(bit)
    }

    /// Sets a bit and says whether it was clear before.
    ///
    /// # Panics
    /// If the bit is not below [`Bitmap::bits`].
    #[must_use = "a bit that was set already was in use"]
    pub fn set(&mut self, bit: u32) -> bool {
        let was_clear = !self.test(bit);
        self.bytes[bit as usize / 8] |= 1 << (bit % 8);
        was_clear
    }

    /// Clears a bit and says whether it was set before.
    ///
    /// # Panics
    /// If the bit is not below [`Bitmap::bits`].
    #[must_use = "a bit that was clear already was free"]
    pub fn clear(&mut self, bit: u32) -> bool {
        let was_set = self.test(bit);
        self.bytes[bit as usize / 8] &= !(1 << (bit % 8));
        was_set
    }

    fn assert_in_range(&self, bit: u32) {
        assert!(
            bit < self.bits,
            "bit {bit} of a bitmap of {} bits",
            self.bits
        );
    }

    /// The number of clear bits.
    pub fn count_clear(&self) -> u32 {
        // The padding is set, so it never counts.
        self.bytes.iter().map(|byte| byte.count_zeros()).sum()
    }

    /// The first clear bit at or after `goal`. Does not start over at 0.
    pub fn find_clear(&self, goal: u32) -> Option<u32> {
        (goal..self.bits).find(|&bit| !self.raw_test(bit))
    }

    /// The first run of clear bits at or after `goal`, cut off after `len_max` bits. Not empty;
    /// `None` if there is no clear bit from there on or `len_max` is 0.
    pub fn find_run(&self, goal: u32, len_max: u32) -> Option<Range<u32>> {
        let start = self.find_clear(goal)?;
        let limit = start.saturating_add(len_max).min(self.bits);
        let end = (start..limit)
            .find(|&bit| self.raw_test(bit))
            .unwrap_or(limit);
        (start < end).then_some(start..end)
    }
}

impl std::fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set: Vec<u32> = (0..self.bits).filter(|&bit| self.raw_test(bit)).collect();
        f.debug_struct("Bitmap")
            .field("bits", &self.bits)
            .field("set", &set)
            .finish()
    }
}
