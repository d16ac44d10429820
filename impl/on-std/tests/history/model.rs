//! The reference: files as plain byte arrays, and what each call does to them.

use super::op::{FILES, Op};

/// What every file must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// The files that exist, by number.
    pub files: [Option<Vec<u8>>; FILES],
}

impl Model {
    /// Applies operation number `index` of a history, as if it had succeeded.
    pub fn apply(&mut self, index: usize, op: &Op) {
        match *op {
            Op::Create { file } => {
                self.files[file].get_or_insert_default();
            }
            Op::Write { file, offset, len } => {
                if let Some(bytes) = &mut self.files[file] {
                    write(bytes, offset, &data(index, offset, len));
                }
            }
            Op::Truncate { file, size } => {
                if let Some(bytes) = &mut self.files[file] {
                    bytes.truncate(size as usize);
                }
            }
            Op::Read { .. }
            | Op::Fsync { .. }
            | Op::Writeback { .. }
            | Op::Commit
            | Op::Checkpoint
            | Op::StepIo
            | Op::Remount
            | Op::RemountDirty => {}
        }
    }
}

/// What operation number `index` writes at `offset`: no zero byte, and bytes that differ from
/// those of other operations and of other places.
pub fn data(index: usize, offset: u64, len: usize) -> Vec<u8> {
    let byte = |at: u64| 1 + ((index as u64 * 37 + at + at / 1024 * 11) % 255) as u8;
    (offset..offset + len as u64).map(byte).collect()
}

/// Writes into a file, which grows if it must; what is skipped is zeroes.
pub fn write(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if file.len() < end {
        file.resize(end, 0);
    }
    file[start..end].copy_from_slice(bytes);
}
