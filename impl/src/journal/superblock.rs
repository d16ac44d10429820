//! The journal's superblock: the first block of the log. It says how long the log is, where the
//! oldest transaction that recovery needs begins, and what number that transaction has.
//!
//! Version 2 with one set of features, exactly: `revoke`, `64bit` and `csum_v3`. All numbers are
//! big-endian.
//!
//! # Source
//! linux v6.18 include/linux/jbd2.h `struct journal_superblock_s`; fs/jbd2/journal.c
//! `journal_load_superblock`, `jbd2_write_superblock`.

use crate::disk::bytes::{array, be32, put_be32};
use crate::disk::checksum::{self, JournalSeed};
use crate::disk::error::{FormatError, Place, Structure};
use crate::disk::geometry::JOURNAL_BLOCKS_MIN;
use crate::units::{BLOCK_SIZE, Block, Pblk, Tid};

/// The number that begins every block of the log but the logged blocks themselves, which are
/// escaped if they begin with it.
pub const MAGIC: u32 = 0xc03b_3998;
/// The block type, which follows the magic number, of a version-2 superblock.
const BLOCK_TYPE: u32 = 4;
/// Incompatible features: `revoke`, `64bit`, `csum_v3`.
pub const INCOMPAT: u32 = 0x1 | 0x2 | 0x10;
/// The checksum type: crc32c.
const CRC32C: u8 = 4;

mod at {
    pub const MAGIC: usize = 0x0;
    pub const BLOCK_TYPE: usize = 0x4;
    pub const BLOCK_SIZE: usize = 0xc;
    pub const MAXLEN: usize = 0x10;
    pub const FIRST: usize = 0x14;
    pub const SEQUENCE: usize = 0x18;
    pub const START: usize = 0x1c;
    pub const ERRNO: usize = 0x20;
    pub const COMPAT: usize = 0x24;
    pub const INCOMPAT: usize = 0x28;
    pub const RO_COMPAT: usize = 0x2c;
    pub const UUID: usize = 0x30;
    pub const USERS: usize = 0x40;
    pub const CHECKSUM_TYPE: usize = 0x50;
    pub const CHECKSUM: usize = 0xfc;
}

/// The journal's superblock. Block numbers count blocks of the journal; its superblock is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSuperblock {
    /// Length of the journal in blocks, this one included: at least [`JOURNAL_BLOCKS_MIN`] and no
    /// longer than the inode.
    pub maxlen: u32,
    /// The first block of the log: 1..`maxlen`.
    pub first: u32,
    /// The number of the first transaction that recovery looks for.
    pub sequence: Tid,
    /// Where that transaction begins: `first`..`maxlen`, or 0 if the log is empty.
    pub start: u32,
    /// The error with which the journal was aborted; 0 if it was not.
    pub errno: i32,
    /// The journal's identity, from which the checksums of the log are seeded.
    pub uuid: [u8; 16],
    /// File systems that share the journal: 1, unless some other tool left 0.
    pub users: u32,
}

impl JournalSuperblock {
    /// Decodes the block at `at`, the first of a journal inode of `inode_blocks` blocks.
    ///
    /// # Errors
    /// [`FormatError`] if the magic number, the checksum, the features or any field is wrong.
    pub fn decode(
        block: &Block,
        at: Pblk,
        inode_blocks: u32,
    ) -> Result<JournalSuperblock, FormatError> {
        let place = Place {
            structure: Structure::JournalSuperblock,
            block: at,
        };
        place.magic(MAGIC, be32(block, at::MAGIC))?;
        let kind = u64::from(BLOCK_TYPE);
        place.range("block type", be32(block, at::BLOCK_TYPE), kind..=kind)?;
        // As with the file system's superblock: damage is reported as damage if there is a
        // checksum to tell, and missing features as missing features if there is none.
        if be32(block, at::INCOMPAT) & INCOMPAT == INCOMPAT {
            let computed = checksum::journal_superblock(block, at::CHECKSUM);
            place.checksum(be32(block, at::CHECKSUM), computed)?;
        }
        place.features("compat", be32(block, at::COMPAT), 0, 0)?;
        place.features("incompat", be32(block, at::INCOMPAT), INCOMPAT, INCOMPAT)?;
        place.features("ro_compat", be32(block, at::RO_COMPAT), 0, 0)?;
        let kind = u64::from(CRC32C);
        place.range("checksum type", block[at::CHECKSUM_TYPE], kind..=kind)?;
        let size = BLOCK_SIZE as u64;
        place.range("block size", be32(block, at::BLOCK_SIZE), size..=size)?;
        let superblock = JournalSuperblock {
            maxlen: be32(block, at::MAXLEN),
            first: be32(block, at::FIRST),
            sequence: Tid(be32(block, at::SEQUENCE)),
            start: be32(block, at::START),
            errno: be32(block, at::ERRNO) as i32,
            uuid: array(block, at::UUID),
            users: be32(block, at::USERS),
        };
        let lengths = u64::from(JOURNAL_BLOCKS_MIN)..=u64::from(inode_blocks);
        place.range("length", superblock.maxlen, lengths)?;
        let last = u64::from(superblock.maxlen) - 1;
        place.range("first block of the log", superblock.first, 1..=last)?;
        if superblock.start != 0 {
            let allowed = u64::from(superblock.first)..=last;
            place.range("start of the log", superblock.start, allowed)?;
        }
        place.range("number of users", superblock.users, 0..=1)?;
        Ok(superblock)
    }

    /// Writes every modelled field and a fresh checksum into a block. In a block that held a
    /// journal superblock, the rest stays; for a new one pass a block of zeroes.
    pub fn encode_into(&self, block: &mut Block) {
        put_be32(block, at::MAGIC, MAGIC);
        put_be32(block, at::BLOCK_TYPE, BLOCK_TYPE);
        put_be32(block, at::BLOCK_SIZE, BLOCK_SIZE as u32);
        put_be32(block, at::MAXLEN, self.maxlen);
        put_be32(block, at::FIRST, self.first);
        put_be32(block, at::SEQUENCE, self.sequence.0);
        put_be32(block, at::START, self.start);
        put_be32(block, at::ERRNO, self.errno as u32);
        put_be32(block, at::COMPAT, 0);
        put_be32(block, at::INCOMPAT, INCOMPAT);
        put_be32(block, at::RO_COMPAT, 0);
        block[at::UUID..at::UUID + 16].copy_from_slice(&self.uuid);
        put_be32(block, at::USERS, self.users);
        block[at::CHECKSUM_TYPE] = CRC32C;
        let sum = checksum::journal_superblock(block, at::CHECKSUM);
        put_be32(block, at::CHECKSUM, sum);
    }

    /// The seed of the checksums of the log.
    pub fn seed(&self) -> JournalSeed {
        JournalSeed::of_uuid(&self.uuid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(superblock: &JournalSuperblock) -> Block {
        let mut block = [0; BLOCK_SIZE];
        superblock.encode_into(&mut block);
        block
    }

    fn sample() -> JournalSuperblock {
        JournalSuperblock {
            maxlen: 1024,
            first: 1,
            sequence: Tid(7),
            start: 1020,
            errno: -5,
            uuid: *b"0123456789abcdef",
            users: 1,
        }
    }

    fn seal(block: &mut Block) {
        let sum = checksum::journal_superblock(block, at::CHECKSUM);
        put_be32(block, at::CHECKSUM, sum);
    }

    fn superblocks() -> impl Strategy<Value = JournalSuperblock> {
        (1024..=5000_u32)
            .prop_flat_map(|maxlen| (Just(maxlen), 1..maxlen))
            .prop_flat_map(|(maxlen, first)| {
                let start = prop_oneof![Just(0), first..maxlen];
                let rest = (any::<u32>(), any::<i32>(), any::<[u8; 16]>(), 0..=1_u32);
                (start, rest).prop_map(move |(start, rest)| JournalSuperblock {
                    maxlen,
                    first,
                    sequence: Tid(rest.0),
                    start,
                    errno: rest.1,
                    uuid: rest.2,
                    users: rest.3,
                })
            })
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(superblock in superblocks()) {
            let decoded = JournalSuperblock::decode(&encoded(&superblock), Pblk(9), 5000);
            prop_assert_eq!(decoded, Ok(superblock));
        }

        #[test]
        fn a_flipped_bit_is_noticed(bit in 0..8 * BLOCK_SIZE) {
            let mut block = encoded(&sample());
            block[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(JournalSuperblock::decode(&block, Pblk(9), 5000).is_err());
        }

        #[test]
        fn sealed_lies_are_refused_or_kept(
            lies in proptest::collection::vec((0..0x60_usize, any::<u8>()), 1..6),
        ) {
            let mut block = encoded(&sample());
            for (at, value) in lies {
                block[at] = value;
            }
            seal(&mut block);
            if let Ok(superblock) = JournalSuperblock::decode(&block, Pblk(9), 5000) {
                prop_assert!(superblock.maxlen <= 5000);
                prop_assert!(superblock.start < superblock.maxlen);
                let mut again = block;
                superblock.encode_into(&mut again);
                prop_assert_eq!(again, block);
            }
        }
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let refuse = |at: usize, value: u32, part: &str| {
            let mut block = encoded(&sample());
            put_be32(&mut block, at, value);
            seal(&mut block);
            let said = JournalSuperblock::decode(&block, Pblk(9), 1024).expect_err(part);
            assert!(said.to_string().contains(part), "{said}");
        };
        refuse(
            at::MAGIC,
            0,
            "journal superblock, block 9: magic number is 0x0",
        );
        refuse(at::BLOCK_TYPE, 3, "block type is 3");
        refuse(at::BLOCK_SIZE, 4096, "block size is 4096");
        refuse(at::MAXLEN, 1025, "length is 1025, not within 1024..=1024");
        refuse(at::MAXLEN, 32, "length is 32");
        refuse(at::FIRST, 0, "first block of the log is 0");
        refuse(at::FIRST, 1024, "first block of the log is 1024");
        refuse(at::START, 1024, "start of the log is 1024");
        refuse(
            at::INCOMPAT,
            0x13 | 0x20,
            "unsupported incompat feature bits 0x20",
        );
        refuse(
            at::INCOMPAT,
            0x1,
            "required incompat feature bits 0x12 are not set",
        );
        refuse(at::COMPAT, 0x1, "unsupported compat feature bits 0x1");
        refuse(at::USERS, 2, "number of users is 2");
    }

    #[test]
    fn damage_is_told_from_missing_features() {
        let said_of = |change: &dyn Fn(&mut Block)| {
            let mut block = encoded(&sample());
            change(&mut block);
            let refused = JournalSuperblock::decode(&block, Pblk(9), 1024);
            refused.expect_err("it is not what was encoded").to_string()
        };
        // A journal without these features, and so without a checksum.
        let plain = said_of(&|block| {
            put_be32(block, at::INCOMPAT, 0);
            put_be32(block, at::CHECKSUM, 0);
        });
        let missing = "required incompat feature bits 0x13 are not set";
        assert!(plain.contains(missing), "{plain}");
        // A feature word that a flipped bit changed is damage, not an unknown feature.
        let damaged = said_of(&|block| block[at::INCOMPAT] ^= 1);
        assert!(damaged.contains("checksum is 0x"), "{damaged}");
    }
}
