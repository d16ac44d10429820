//! The revoke block: home locations whose older copies in the log must not be replayed.
//!
//! # Source
//! linux v7.0 fs/jbd2/revoke.c `write_one_revoke_record`, `flush_descriptor`;
//! fs/jbd2/recovery.c `scan_revoke_records`.

use super::header::{self, BlockType, Header};
use super::{LogBlockError, TAIL, verify};
use crate::disk::bytes::{be32, put_be32};
use crate::disk::checksum::JournalSeed;
use crate::units::{BLOCK_SIZE, Block, Pblk, Tid};

/// Where the number of bytes in use lies, header and number included.
const COUNT: usize = header::LEN;
/// Where the records begin.
const RECORDS: usize = COUNT + 4;
/// Block numbers have 64 bits, by the journal's `64bit` feature.
const RECORD_LEN: usize = 8;

/// The most records in one revoke block.
pub const RECORDS_MAX: usize = (TAIL - RECORDS) / RECORD_LEN;

/// A revoke block of transaction `tid`.
///
/// # Panics
/// If there are no blocks or more than [`RECORDS_MAX`].
pub fn encode(tid: Tid, revoked: &[Pblk], seed: JournalSeed) -> Block {
    let records = revoked.len();
    assert!((1..=RECORDS_MAX).contains(&records), "{records} records");
    let mut block = [0; BLOCK_SIZE];
    Header {
        block_type: BlockType::Revoke,
        tid,
    }
    .encode_into(&mut block);
    put_be32(&mut block, COUNT, (RECORDS + records * RECORD_LEN) as u32);
    for (index, home) in revoked.iter().enumerate() {
        let at = RECORDS + index * RECORD_LEN;
        put_be32(&mut block, at, (home.0 >> 32) as u32);
        put_be32(&mut block, at + 4, home.0 as u32);
    }
    let sum = seed.control_block(&block, TAIL);
    put_be32(&mut block, TAIL, sum);
    block
}

/// The transaction of a revoke block and the blocks that it revokes.
///
/// # Errors
/// [`LogBlockError`] if it is not a revoke block, its checksum does not match, or the number of
/// bytes in use is not possible.
pub fn decode(block: &Block, seed: JournalSeed) -> Result<(Tid, Vec<Pblk>), LogBlockError> {
    let tid = Header::expect(block, BlockType::Revoke)?;
    verify(be32(block, TAIL), seed.control_block(block, TAIL))?;
    let length = be32(block, COUNT);
    let used = length as usize;
    if !(RECORDS..=TAIL).contains(&used) {
        return Err(LogBlockError::Length { length });
    }
    let revoked = block[RECORDS..used]
        .chunks_exact(RECORD_LEN)
        .map(|record| Pblk(u64::from(be32(record, 0)) << 32 | u64::from(be32(record, 4))))
        .collect();
    Ok((tid, revoked))
}
