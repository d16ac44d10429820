//! Logs made from bytes: every decoder is given them, and then recovery.

use super::{Bytes, Outcome};
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::disk::checksum::JournalSeed;
use extfs_std::journal::format::{CommitRecord, Header, Tag, descriptor, revoke_block};
use extfs_std::journal::superblock::JournalSuperblock;
use extfs_std::journal::{JournalLocation, RecoveryError, recover};
use extfs_std::units::{BLOCK_SIZE, Block, Pblk, Tid};
use std::sync::Arc;

/// Blocks that a log writes home.
const HOMES: u64 = 32;
/// Length of the journal in blocks.
const JOURNAL_BLOCKS: u32 = 1_024;
/// Blocks of the log that are made from bytes.
const MADE_MAX: u32 = 24;
const UUID: [u8; 16] = *b"a log of garbage";

/// Gives the bytes to every decoder of a block of the log, and to recovery as a log.
pub fn decode_and_recover(data: &[u8]) -> Outcome {
    let seed = JournalSeed::of_uuid(&UUID);
    let mut block: Block = [0; BLOCK_SIZE];
    let len = data.len().min(BLOCK_SIZE);
    block[..len].copy_from_slice(&data[..len]);
    decode(&block, seed);
    // With the right beginning and the right checksum, what is between them decides.
    for (kind, at) in [(1, 1_020), (5, 1_020), (2, 0x10)] {
        decode(&sealed(block, kind, None, at, seed), seed);
    }
    recover_log(&mut Bytes(data), seed)
}

fn decode(block: &Block, seed: JournalSeed) {
    // None of these may panic. What they answer is tested elsewhere.
    let _ = Header::decode(block);
    let _ = descriptor::decode(block, seed);
    let _ = revoke_block::decode(block, seed);
    let _ = CommitRecord::decode(block, seed);
    let _ = JournalSuperblock::decode(block, Pblk(HOMES), JOURNAL_BLOCKS);
}

/// The block with the header of a kind of log block and a checksum at `at`.
fn sealed(mut block: Block, kind: u32, tid: Option<Tid>, at: usize, seed: JournalSeed) -> Block {
    block[..4].copy_from_slice(&0xc03b_3998_u32.to_be_bytes());
    block[4..8].copy_from_slice(&kind.to_be_bytes());
    if let Some(tid) = tid {
        block[8..12].copy_from_slice(&tid.0.to_be_bytes());
    }
    let sum = seed.control_block(&block, at);
    block[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    block
}

/// Makes a log block by block, with transactions whose numbers are right most of the time.
fn recover_log(bytes: &mut Bytes<'_>, seed: JournalSeed) -> Outcome {
    let mut image = Image::zeroed(HOMES + u64::from(JOURNAL_BLOCKS));
    let log = |at: u32| Pblk(HOMES + u64::from(at));
    let start = [1, JOURNAL_BLOCKS - 5][usize::from(bytes.byte() % 2)];
    let mut tid = Tid(bytes.number());
    let superblock = JournalSuperblock {
        maxlen: JOURNAL_BLOCKS,
        first: 1,
        sequence: tid,
        start,
        errno: 0,
        uuid: UUID,
        users: 1,
    };
    let mut block = [0; BLOCK_SIZE];
    superblock.encode_into(&mut block);
    let on_device = "the block is on the device";
    image.set(log(0), &block).expect(on_device);
    let mut at = start;
    for _ in 0..MADE_MAX {
        if bytes.is_empty() {
            break;
        }
        let mut copies = Vec::new();
        let block = match bytes.byte() % 16 {
            0..=5 => {
                copies = (0..1 + bytes.byte() % 3).map(|_| content(bytes)).collect();
                let tags: Vec<_> = copies
                    .iter()
                    .map(|copy| tag(bytes, tid, copy, seed))
                    .collect();
                descriptor::encode(tid, &tags, seed, &UUID)
            }
            6 => {
                let homes: Vec<_> = (0..1 + bytes.byte() % 4).map(|_| home(bytes)).collect();
                revoke_block::encode(tid, &homes, seed)
            }
            7..=11 => {
                let record = CommitRecord { tid, seconds: 0 };
                tid = tid.next();
                record.encode(seed)
            }
            12 => content(bytes),
            13 => sealed(raw(bytes), 1, Some(tid), 1_020, seed),
            _ => sealed(raw(bytes), 5, Some(tid), 1_020, seed),
        };
        // The copies that a descriptor announces; now and then one is missing, or another.
        match bytes.byte() % 16 {
            0 => drop(copies.pop()),
            1 => copies.push(content(bytes)),
            _ => {}
        }
        for block in std::iter::once(block).chain(copies) {
            image.set(log(at), &block).expect(on_device);
            at = if at + 1 == JOURNAL_BLOCKS { 1 } else { at + 1 };
        }
    }
    let device = Arc::new(MemoryDevice::with_base(Arc::new(image)));
    let location = JournalLocation::new([(log(0), JOURNAL_BLOCKS)]).expect("it has blocks");
    match recover(&*device, &location) {
        Ok(recovered) if recovered.blocks_replayed > 0 => "replayed",
        Ok(recovered) if recovered.transactions > 0 => "nothing to replay",
        Ok(_) => "empty",
        Err(RecoveryError::Device(_)) => "device",
        Err(_) => "refused",
    }
}

fn content(bytes: &mut Bytes<'_>) -> Block {
    [bytes.byte(); BLOCK_SIZE]
}

fn raw(bytes: &mut Bytes<'_>) -> Block {
    let mut block = [0; BLOCK_SIZE];
    block[12..80]
        .iter_mut()
        .for_each(|byte| *byte = bytes.byte());
    block
}

/// A home: mostly on the device and outside the log, now and then anywhere.
fn home(bytes: &mut Bytes<'_>) -> Pblk {
    match bytes.byte() {
        near @ 0..250 => Pblk(u64::from(near) % HOMES),
        250..253 => Pblk(HOMES + u64::from(bytes.byte())),
        _ => Pblk(u64::from(bytes.number()) << 32 | u64::from(bytes.number())),
    }
}

/// The tag of a copy.
fn tag(bytes: &mut Bytes<'_>, tid: Tid, copy: &Block, seed: JournalSeed) -> Tag {
    Tag {
        home: home(bytes),
        escaped: bytes.byte().is_multiple_of(8),
        checksum: seed.logged_block(tid, copy),
    }
}
