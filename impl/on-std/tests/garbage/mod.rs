//! Images and logs that nobody wrote, made from bytes: by a test, from a seed, and by a fuzzer.

mod edit;
mod images;
mod journal;
mod reseal;

pub use images::Images;
pub use journal::decode_and_recover;

use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::error::FsError;
use extfs_std::fallocate::SizeMode;
use extfs_std::fs::Filesystem;
use extfs_std::mount::{MountError, MountOptions};
use extfs_std::{directory, evict, fsync, punch_hole, read, setattr, unlink, write, zero_range};
use std::sync::Arc;

/// What became of it, for counting.
pub type Outcome = &'static str;

/// Bytes as a source of numbers. When they are used up it gives zeroes.
#[derive(Debug)]
pub struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// Whether there are any left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// The next number of four bytes.
    pub fn number(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// A number below `limit`, which is not 0 and at most 65536.
    pub fn below(&mut self, limit: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % limit
    }
}

/// Edits one of the images as the bytes say, mounts it, and uses it.
pub fn mount_and_use(images: &Images, data: &[u8]) -> Outcome {
    let mut bytes = Bytes(data);
    let image = images.pick(bytes.byte());
    use_image(edit::edited(image, &mut bytes))
}

/// Mounts an image, reads everything, changes something, and unmounts it.
pub fn use_image(image: Image) -> Outcome {
    let device = Arc::new(MemoryDevice::with_base(Arc::new(image)));
    let fs = match Filesystem::mount(device, MountOptions::default()) {
        Ok((fs, _)) => fs,
        Err(error) => return refused(&error),
    };
    match change(&fs) {
        Ok(()) => {}
        Err(FsError::Format(_) | FsError::TreeTooDeep) => return "mounted, then damage found",
        Err(_) => return "mounted, then another error",
    }
    match fs.unmount() {
        Ok(()) => "used",
        Err(_) => "used, and not unmounted",
    }
}

fn refused(error: &MountError) -> Outcome {
    match error {
        MountError::Device(_) => "refused: device",
        MountError::Format(_) => "refused: format",
        MountError::Journal(_) => "refused: journal",
        MountError::Recovery(_) => "refused: recovery",
        MountError::JournalFile => "refused: journal's file",
        MountError::Count { .. } => "refused: counts",
        MountError::OrphanList { .. } => "refused: orphan list",
        MountError::Orphan { .. } => "refused: orphan",
        MountError::Inode(_) => "refused: inode",
    }
}

/// Every kind of operation once, on whatever files there are.
fn change(fs: &Filesystem<MemoryDevice>) -> Result<(), FsError> {
    for entry in directory::entries(fs)? {
        if !entry.name.starts_with(b"file") {
            continue;
        }
        let file = directory::lookup(fs, &entry.name)?;
        // The size may say anything.
        read::read(fs, &file, 0, 1 << 16)?;
        write::buffered_write(fs, &file, 3_000, &[7; 2_000])?;
        punch_hole::punch_hole(fs, &file, 500, 4_000)?;
        zero_range::zero_range(fs, &file, 4_500, 2_500, SizeMode::Keep)?;
        setattr::set_size(fs, &file, 6_000)?;
        fsync::fsync(fs, &file)?;
        evict::iput(fs, &file)?;
    }
    let new = directory::create(fs, b"new")?;
    write::buffered_write(fs, &new, 0, &[1; 9_000])?;
    fsync::fsync(fs, &new)?;
    evict::iput(fs, &new)?;
    unlink::unlink(fs, b"file 0")
}
