//! The reference: files as plain byte arrays, and what each call does to them.

use super::op::{FILES, Op};

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Whether its name has been removed. It lasts until it is closed.
    pub is_unlinked: bool,
}

/// What every file must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// The files that exist, by number.
    pub files: [Option<File>; FILES],
}

impl Model {
    /// The file's content, if it exists.
    pub fn content(&self, file: usize) -> Option<&[u8]> {
        self.files[file].as_ref().map(|file| file.bytes.as_slice())
    }

    /// Whether a file can be found by its name.
    pub fn is_linked(&self, file: usize) -> bool {
        self.files[file]
            .as_ref()
            .is_some_and(|file| !file.is_unlinked)
    }

    /// Applies operation number `index` of a history, as if it had succeeded.
    pub fn apply(&mut self, index: usize, op: &Op) {
        match *op {
            Op::Create { file } if !self.is_linked(file) => {
                self.files[file] = Some(File::default());
            }
            Op::Remount | Op::RemountDirty => {
                for file in &mut self.files {
                    file.take_if(|file| file.is_unlinked);
                }
            }
            Op::Close { file } => {
                self.files[file].take_if(|file| file.is_unlinked);
            }
            _ => {
                if let Some(file) = op.file().and_then(|file| self.files[file].as_mut()) {
                    file.apply(index, op);
                }
            }
        }
    }
}

impl File {
    /// Applies an operation on this file.
    fn apply(&mut self, index: usize, op: &Op) {
        let bytes = &mut self.bytes;
        match *op {
            Op::Write { offset, len, .. }
            | Op::SyncWrite { offset, len, .. }
            | Op::Direct { offset, len, .. } => write(bytes, offset, &data(index, offset, len)),
            // What is stored beyond the end is no part of the file.
            Op::Store { offset, len, .. } => {
                let inside = bytes.len().saturating_sub(offset as usize).min(len);
                write(bytes, offset, &data(index, offset, inside));
            }
            Op::Truncate { size, .. } => bytes.truncate(size as usize),
            Op::Extend { size, .. } => grow(bytes, size),
            Op::Punch { offset, len, .. } => zero(bytes, offset, len),
            Op::ZeroRange {
                offset, len, keep, ..
            } => {
                if !keep && len > 0 {
                    grow(bytes, offset + len);
                }
                zero(bytes, offset, len);
            }
            Op::Fallocate {
                offset,
                len,
                keep: false,
                ..
            } if len > 0 => grow(bytes, offset + len),
            Op::Unlink { .. } => self.is_unlinked = true,
            _ => {}
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
    grow(file, end as u64);
    file[start..end].copy_from_slice(bytes);
}

fn grow(file: &mut Vec<u8>, size: u64) {
    if file.len() < size as usize {
        file.resize(size as usize, 0);
    }
}

fn zero(file: &mut [u8], offset: u64, len: u64) {
    let start = file.len().min(offset as usize);
    let end = file.len().min((offset + len) as usize);
    file[start..end].fill(0);
}
