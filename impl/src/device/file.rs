//! A device that is a real file, or a real block device, used with positioned reads and writes.
//!
//! The volatile cache is the operating system's page cache and whatever lies below it; a flush is
//! `fdatasync`. A write is made at submission, and what became of it is told at completion.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::units::{BLOCK_SIZE, Block, Pblk};

/// Blocks that a file must have at least: it must reach past the superblock.
const BLOCKS_MIN: u64 = 2;

/// Bits of a ticket that hold the error number of the write; the rest holds its block.
const ERRNO_BITS: u32 = 12;
/// `EIO`, for failures to which the operating system gave no number.
const EIO: i32 = 5;

/// Why a file can not serve as a device.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("can not {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The size is not a whole number of blocks.
    #[error(
        "{path} has {bytes} bytes, not a multiple of the block size {BLOCK_SIZE}; is it an image?",
        path = path.display()
    )]
    NotBlocks {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The file ends before a superblock would.
    #[error(
        "{path} has {blocks} blocks of {BLOCK_SIZE} bytes; an image has at least {BLOCKS_MIN}",
        path = path.display()
    )]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Its size in blocks.
        blocks: u64,
    },
    /// A file larger than any offset was asked for.
    #[error("{path} can not have {blocks} blocks: no file is that large", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The size asked for, in blocks.
        blocks: u64,
    },
}

/// Makes an [`FileError::Io`] out of an [`io::Error`].
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io {
        action,
        path,
        source,
    }
}

/// The size of an image in blocks. Works on block devices too, whose metadata say nothing.
pub(super) fn block_count(mut file: &File, path: &Path) -> Result<u64, FileError> {
    let bytes = file
        .seek(SeekFrom::End(0))
        .map_err(io_error("find the size of", path))?;
    if !bytes.is_multiple_of(BLOCK_SIZE as u64) {
        return Err(FileError::NotBlocks {
            path: path.to_owned(),
            bytes,
        });
    }
    let blocks = bytes / BLOCK_SIZE as u64;
    if blocks < BLOCKS_MIN {
        return Err(FileError::TooShort {
            path: path.to_owned(),
            blocks,
        });
    }
    Ok(blocks)
}

/// A device that is a file.
#[derive(Debug)]
pub struct FileDevice {
    file: File,
    blocks: u64,
}

impl FileDevice {
    /// Creates a file of `blocks` zero blocks, replacing what was there.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn create(path: &Path, blocks: u64) -> Result<FileDevice, FileError> {
        FileDevice::make(OpenOptions::new().create(true).truncate(true), path, blocks)
    }

    /// Creates a file of `blocks` zero blocks, where there is none.
    ///
    /// # Errors
    /// [`FileError`]; in particular if the file exists, which then stays as it is.
    pub fn create_new(path: &Path, blocks: u64) -> Result<FileDevice, FileError> {
        FileDevice::make(OpenOptions::new().create_new(true), path, blocks)
    }

    fn make(options: &mut OpenOptions, path: &Path, blocks: u64) -> Result<FileDevice, FileError> {
        if blocks < BLOCKS_MIN {
            return Err(FileError::TooShort {
                path: path.to_owned(),
                blocks,
            });
        }
        let bytes = blocks
            .checked_mul(BLOCK_SIZE as u64)
            .filter(|&bytes| bytes <= i64::MAX as u64);
        let Some(bytes) = bytes else {
            return Err(FileError::TooLong {
                path: path.to_owned(),
                blocks,
            });
        };
        let file = options
            .read(true)
            .write(true)
            .open(path)
            .map_err(io_error("create", path))?;
        file.set_len(bytes).map_err(io_error("extend", path))?;
        Ok(FileDevice { file, blocks })
    }

    /// Opens a file, whose size gives the device's.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<FileDevice, FileError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(io_error("open", path))?;
        let blocks = block_count(&file, path)?;
        Ok(FileDevice { file, blocks })
    }

    fn offset(&self, block: Pblk) -> Result<u64, DeviceError> {
        if block.0 >= self.blocks {
            return Err(DeviceError::BeyondEnd {
                block,
                blocks: self.blocks,
            });
        }
        Ok(block.0 * BLOCK_SIZE as u64)
    }
}

fn device_error(operation: &'static str, block: Pblk, error: &io::Error) -> DeviceError {
    DeviceError::Io {
        operation,
        block,
        reason: error.to_string(),
    }
}

impl Device for FileDevice {
    fn blocks(&self) -> u64 {
        self.blocks
    }

    fn read(&self, block: Pblk, into: &mut Block) -> Result<(), DeviceError> {
        let offset = self.offset(block)?;
        self.file
            .read_exact_at(into, offset)
            .map_err(|error| device_error("read", block, &error))
    }

    fn submit(
        &self,
        block: Pblk,
        data: &Block,
        durability: Durability,
    ) -> Result<Ticket, DeviceError> {
        let offset = self.offset(block)?;
        let mut outcome = self.file.write_all_at(data, offset);
        if outcome.is_ok() && durability == Durability::Fua {
            outcome = self.file.sync_data();
        }
        let errno = outcome
            .err()
            .map_or(0, |error| error.raw_os_error().unwrap_or(EIO));
        // Block numbers have at most 53 bits, so the ticket has room for both; carrying the
        // outcome in the ticket saves a table of writes in flight, and a lock around it.
        Ok(Ticket(
            block.0 << ERRNO_BITS | u64::from(errno as u32 & ((1 << ERRNO_BITS) - 1)),
        ))
    }

    fn complete(&self, ticket: Ticket) -> Result<(), DeviceError> {
        let errno = (ticket.0 & ((1 << ERRNO_BITS) - 1)) as i32;
        if errno == 0 {
            return Ok(());
        }
        let block = Pblk(ticket.0 >> ERRNO_BITS);
        Err(device_error(
            "write",
            block,
            &io::Error::from_raw_os_error(errno),
        ))
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.file
            .sync_data()
            .map_err(|error| device_error("flush", Pblk(0), &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("image");
        (directory, path)
    }

    #[test]
    fn blocks_survive_reopening() {
        let (_directory, path) = scratch();
        let device = FileDevice::create_new(&path, 8).expect("creating works");
        device
            .write(Pblk(7), &[7; BLOCK_SIZE], Durability::Volatile)
            .expect("in range");
        device
            .write(Pblk(2), &[2; BLOCK_SIZE], Durability::Fua)
            .expect("in range");
        device.flush().expect("flushing works");
        drop(device);
        let device = FileDevice::open(&path).expect("opening works");
        assert_eq!(device.blocks(), 8);
        for (at, byte) in [(0, 0), (2, 2), (7, 7)] {
            let mut block = [0xee; BLOCK_SIZE];
            device.read(Pblk(at), &mut block).expect("in range");
            assert_eq!(block, [byte; BLOCK_SIZE], "block {at}");
        }
        let beyond = Err(DeviceError::BeyondEnd {
            block: Pblk(8),
            blocks: 8,
        });
        assert_eq!(device.read(Pblk(8), &mut [0; BLOCK_SIZE]), beyond);
    }

    #[test]
    fn create_new_refuses_to_overwrite_and_create_does_not() {
        let (_directory, path) = scratch();
        std::fs::write(&path, [1; 4 * BLOCK_SIZE]).expect("writing works");
        let refused = FileDevice::create_new(&path, 4).expect_err("the file exists");
        assert!(refused.to_string().contains("can not create"), "{refused}");
        let content = std::fs::read(&path).expect("reading works");
        assert_eq!(content, [1; 4 * BLOCK_SIZE]);
        FileDevice::create(&path, 4).expect("creating works");
        let content = std::fs::read(&path).expect("reading works");
        assert_eq!(content, [0; 4 * BLOCK_SIZE]);
    }

    #[test]
    fn files_of_impossible_sizes_are_refused() {
        let (_directory, path) = scratch();
        let missing = FileDevice::open(&path).expect_err("there is no file");
        assert!(
            matches!(missing, FileError::Io { action: "open", .. }),
            "{missing}"
        );
        for (bytes, part) in [
            (0, "at least 2"),
            (1024, "at least 2"),
            (2047, "not a multiple"),
        ] {
            std::fs::write(&path, vec![0; bytes]).expect("writing works");
            let refused = FileDevice::open(&path).expect_err("the size is impossible");
            assert!(
                refused.to_string().contains(part),
                "{bytes} bytes: {refused}"
            );
        }
        let too_long = FileDevice::create(&path, u64::MAX / 1024).expect_err("too long");
        assert!(matches!(too_long, FileError::TooLong { .. }), "{too_long}");
    }

    #[test]
    fn a_failed_write_is_told_at_completion() {
        let (_directory, path) = scratch();
        drop(FileDevice::create(&path, 8).expect("creating works"));
        let file = File::open(&path).expect("opening for reading works");
        let device = FileDevice { file, blocks: 8 };
        let ticket = device
            .submit(Pblk(3), &[1; BLOCK_SIZE], Durability::Volatile)
            .expect("submission reports only the range");
        let failed = device.complete(ticket).expect_err("the file is read-only");
        let DeviceError::Io {
            operation, block, ..
        } = failed
        else {
            panic!("not an I/O error: {failed}")
        };
        assert_eq!((operation, block), ("write", Pblk(3)));
    }
}
