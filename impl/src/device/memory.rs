//! A device in memory, and images: sparse maps of blocks that share what they have in common.
//!
//! A [`MemoryDevice`] is an immutable base and the blocks written since. Many devices can stand
//! on one base, and taking a snapshot copies pointers, not blocks: a crash image differs from
//! its base by some twenty blocks out of a thousand.
//!
//! This device has no volatile cache: a write is there once it has been submitted. The device
//! that loses writes is the checker's.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::device::file::{FileError, block_count, io_error};
use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::units::{BLOCK_SIZE, Block, Pblk};
use rt::sync::{Arc, LeafMutex};

const ZEROES: Block = [0; BLOCK_SIZE];

/// The content of a device. Cloning one copies pointers only.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// The blocks that are not zero.
    blocks: BTreeMap<Pblk, Arc<Block>>,
    /// Size in blocks.
    size: u64,
}

impl Image {
    /// An image of `size` zero blocks.
    pub fn zeroed(size: u64) -> Image {
        Image {
            blocks: BTreeMap::new(),
            size,
        }
    }

    /// Size in blocks.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The blocks that are not zero, by number.
    pub fn blocks(&self) -> impl Iterator<Item = (Pblk, &Block)> {
        self.blocks.iter().map(|(&at, block)| (at, &**block))
    }

    /// A block; beyond the end, too, it reads as zeroes.
    pub fn block(&self, at: Pblk) -> &Block {
        self.blocks.get(&at).map_or(&ZEROES, |block| block)
    }

    /// Replaces a block.
    ///
    /// # Errors
    /// [`DeviceError::BeyondEnd`].
    pub fn set(&mut self, at: Pblk, block: &Block) -> Result<(), DeviceError> {
        check_bounds(at, self.size)?;
        if *block == ZEROES {
            self.blocks.remove(&at);
        } else {
            self.blocks.insert(at, Arc::new(*block));
        }
        Ok(())
    }

    /// Writes the image to a file, replacing what it held. Zero blocks become holes.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let file = File::create(path).map_err(io_error("create", path))?;
        let bytes = self.size.saturating_mul(BLOCK_SIZE as u64);
        file.set_len(bytes).map_err(io_error("extend", path))?;
        for (at, block) in self.blocks() {
            file.write_all_at(block, at.0 * BLOCK_SIZE as u64)
                .map_err(io_error("write", path))?;
        }
        Ok(())
    }

    /// Reads an image from a file.
    ///
    /// # Errors
    /// [`FileError`] if the file can not be read, or its size is not one of an image.
    pub fn load(path: &Path) -> Result<Image, FileError> {
        let file = File::open(path).map_err(io_error("open", path))?;
        let mut image = Image::zeroed(block_count(&file, path)?);
        for at in 0..image.size {
            let mut block = ZEROES;
            file.read_exact_at(&mut block, at * BLOCK_SIZE as u64)
                .map_err(io_error("read", path))?;
            if block != ZEROES {
                image.blocks.insert(Pblk(at), Arc::new(block));
            }
        }
        Ok(image)
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("size", &self.size)
            .field("not_zero", &self.blocks.len())
            .finish()
    }
}

/// A device in memory: a shared base, and the blocks written since.
#[derive(Debug)]
pub struct MemoryDevice {
    base: Arc<Image>,
    /// Blocks written since; zero blocks too, where they hide blocks of the base. Requests for
    /// different blocks commute; those for one block are ordered, where the device is recorded, by
    /// the operation that encloses them. By itself the device is for tests of one task.
    written: LeafMutex<BTreeMap<Pblk, Arc<Block>>>,
}

impl MemoryDevice {
    /// A device of `blocks` zero blocks.
    pub fn new(blocks: u64) -> MemoryDevice {
        MemoryDevice::with_base(Arc::new(Image::zeroed(blocks)))
    }

    /// A device that starts out as `base`, which it never changes.
    pub fn with_base(base: Arc<Image>) -> MemoryDevice {
        MemoryDevice {
            base,
            written: LeafMutex::new(BTreeMap::new()),
        }
    }

    /// What has been written to a block, if anything has.
    pub(super) fn written(&self, block: Pblk) -> Option<Arc<Block>> {
        self.written.with(|written| written.get(&block).cloned())
    }

    /// Makes a block hold what it held before, as [`MemoryDevice::written`] said then.
    pub(super) fn put_back(&self, block: Pblk, before: Option<Arc<Block>>) {
        self.written.with(|written| match before {
            Some(before) => written.insert(block, before),
            None => written.remove(&block),
        });
    }

    /// The content at this moment.
    pub fn snapshot(&self) -> Image {
        let mut image = Image::clone(&self.base);
        self.written.with(|written| {
            for (&at, block) in written.iter() {
                if **block == ZEROES {
                    image.blocks.remove(&at);
                } else {
                    image.blocks.insert(at, Arc::clone(block));
                }
            }
        });
        image
    }
}

impl Device for MemoryDevice {
    fn blocks(&self) -> u64 {
        self.base.size
    }

    fn read(&self, block: Pblk, into: &mut Block) -> Result<(), DeviceError> {
        check_bounds(block, self.base.size)?;
        let written = self.written.with(|written| written.get(&block).cloned());
        *into = match written {
            Some(written) => *written,
            None => *self.base.block(block),
        };
        Ok(())
    }

    fn submit(
        &self,
        block: Pblk,
        data: &Block,
        _durability: Durability,
    ) -> Result<Ticket, DeviceError> {
        check_bounds(block, self.base.size)?;
        self.written
            .with(|written| written.insert(block, Arc::new(*data)));
        Ok(Ticket(0))
    }

    fn complete(&self, _ticket: Ticket) -> Result<(), DeviceError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn is_faultless(&self) -> bool {
        true
    }
}

fn check_bounds(block: Pblk, blocks: u64) -> Result<(), DeviceError> {
    if block.0 < blocks {
        Ok(())
    } else {
        Err(DeviceError::BeyondEnd { block, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(byte: u8) -> Block {
        [byte; BLOCK_SIZE]
    }

    fn read(device: &MemoryDevice, at: u64) -> Block {
        let mut block = filled(0xee);
        device
            .read(Pblk(at), &mut block)
            .expect("the block lies on the device");
        block
    }

    #[test]
    fn devices_on_one_base_do_not_see_each_other() {
        let mut base = Image::zeroed(4);
        base.set(Pblk(1), &filled(1)).expect("in range");
        let base = Arc::new(base);
        let one = MemoryDevice::with_base(Arc::clone(&base));
        let other = MemoryDevice::with_base(Arc::clone(&base));
        one.write(Pblk(1), &filled(2), Durability::Volatile)
            .expect("in range");
        one.write(Pblk(3), &filled(3), Durability::Fua)
            .expect("in range");
        assert_eq!((read(&one, 1), read(&one, 3)), (filled(2), filled(3)));
        assert_eq!((read(&other, 1), read(&other, 3)), (filled(1), filled(0)));
        assert_eq!(base.block(Pblk(1)), &filled(1));
    }

    #[test]
    fn a_zero_block_hides_the_base_and_leaves_the_snapshot() {
        let mut base = Image::zeroed(4);
        base.set(Pblk(1), &filled(1)).expect("in range");
        let device = MemoryDevice::with_base(Arc::new(base));
        device
            .write(Pblk(1), &filled(0), Durability::Volatile)
            .expect("in range");
        assert_eq!(read(&device, 1), filled(0));
        assert_eq!(device.snapshot(), Image::zeroed(4));
    }

    #[test]
    fn nothing_lies_beyond_the_end() {
        let device = MemoryDevice::new(4);
        let beyond = DeviceError::BeyondEnd {
            block: Pblk(4),
            blocks: 4,
        };
        assert_eq!(device.read(Pblk(4), &mut filled(0)), Err(beyond.clone()));
        let written = device.write(Pblk(4), &filled(1), Durability::Volatile);
        assert_eq!(written, Err(beyond.clone()));
        assert_eq!(Image::zeroed(4).set(Pblk(4), &filled(1)), Err(beyond));
    }

    #[test]
    fn an_image_survives_its_file() {
        let mut image = Image::zeroed(300);
        image.set(Pblk(0), &filled(7)).expect("in range");
        image.set(Pblk(299), &filled(9)).expect("in range");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("image");
        image.save(&path).expect("saving works");
        assert_eq!(Image::load(&path).expect("loading works"), image);
    }
}
