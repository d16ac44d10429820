//! Histories by seed.

use crate::history::Op;

/// Operations in a history.
const LENGTH: usize = 8;
/// Writes begin below this byte.
const OFFSET_MAX: u64 = 5 * 1024;
/// The longest write, in bytes.
const LEN_MAX: u64 = 2_500;

/// A small generator, so that a seed means the same history everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// Every other time at a block's boundary.
    fn offset(&mut self) -> u64 {
        match self.below(2) {
            0 => self.below(OFFSET_MAX),
            _ => self.below(OFFSET_MAX / 1024 + 1) * 1024,
        }
    }
}

/// The history of a seed.
pub fn history(seed: u64) -> Vec<Op> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..LENGTH).map(|_| operation(&mut random)).collect()
}

fn operation(random: &mut Random) -> Op {
    let file = random.below(2) as usize;
    let (offset, len) = (random.offset(), 1 + random.below(LEN_MAX));
    let keep = random.below(2) == 0;
    match random.below(46) {
        0..10 => Op::Write {
            file,
            offset,
            len: len as usize,
        },
        10..13 => Op::Truncate { file, size: offset },
        13..15 => Op::Extend { file, size: offset },
        15..17 => Op::Punch { file, offset, len },
        17 => Op::ZeroRange {
            file,
            offset,
            len,
            keep,
        },
        18 => Op::Fallocate {
            file,
            offset,
            len,
            keep,
        },
        19 => Op::Unlink { file },
        20 => Op::Close { file },
        21 => Op::Create { file },
        22..25 => Op::Fsync { file },
        25..27 => Op::Writeback { file, wait: true },
        27 => Op::Commit,
        28 => Op::Checkpoint,
        29..31 => Op::StepIo,
        31 => Op::Read {
            file,
            offset,
            len: len as usize,
        },
        32..35 => Op::SyncWrite {
            file,
            offset,
            len: len as usize,
        },
        35 => [Op::Remount, Op::RemountDirty][random.below(2) as usize].clone(),
        // Beside the page cache, and past it.
        36..42 => Op::Direct {
            file,
            offset,
            len: match random.below(2) {
                0 => len as usize,
                _ => (len as usize).next_multiple_of(1024),
            },
            sync: random.below(3) == 0,
            queued: random.below(2) == 0,
        },
        42..45 => Op::Store {
            file,
            offset,
            len: len as usize,
        },
        _ => Op::Reclaim { file },
    }
}
