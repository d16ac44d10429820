//! The images that are damaged: with and without a log to replay, with files in pieces, and with
//! orphans.

use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::fs::Filesystem;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::{directory, evict, fsync, truncate, unlink, write};
use std::sync::Arc;

/// The images.
#[derive(Debug)]
pub struct Images(Vec<Image>);

impl Images {
    /// A clean image, one whose log is to be replayed, and one that has an orphan too.
    pub fn new() -> Images {
        Images(vec![
            image(Left::Clean),
            image(Left::Dirty),
            image(Left::Orphan),
        ])
    }

    /// The image of a number.
    pub fn pick(&self, number: u8) -> &Image {
        &self.0[usize::from(number) % self.0.len()]
    }

    /// Every image.
    pub fn all(&self) -> &[Image] {
        &self.0
    }
}

/// How an image was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Clean,
    Dirty,
    Orphan,
}

fn image(left: Left) -> Image {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(256, 16, 1024),
        ..MkfsOptions::default()
    };
    let device = Arc::new(MemoryDevice::new(options.blocks));
    mkfs(&*device, &options).expect("the options are possible");
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).expect("just made");
    fill(&fs, left).expect("there is space");
    if left == Left::Clean {
        fs.unmount().expect("nothing is open");
    }
    device.snapshot()
}

fn fill(fs: &Filesystem<MemoryDevice>, left: Left) -> Result<(), extfs_std::error::FsError> {
    let files = [
        directory::create(fs, b"file 0")?,
        directory::create(fs, b"file 1")?,
        directory::create(fs, b"file 2")?,
    ];
    // Turn by turn, so that they lie in pieces; the first one needs leaves in its extent tree.
    for piece in 0..12_u64 {
        for (file, inode) in files.iter().enumerate() {
            let gap = [2_048, 1_024, 1_500][file];
            write::buffered_write(fs, inode, piece * gap, &[file as u8 + 1; 1_000])?;
            fsync::fsync(fs, inode)?;
        }
    }
    truncate::truncate_down(fs, &files[1], 5_000)?;
    // Frees blocks of metadata, which are revoked.
    truncate::truncate_down(fs, &files[0], 3_000)?;
    for piece in 1..12_u64 {
        write::buffered_write(fs, &files[0], piece * 2_048, &[4; 900])?;
    }
    fsync::fsync(fs, &files[0])?;
    if left == Left::Orphan {
        unlink::unlink(fs, b"file 2")?;
    }
    fs.journal().commit_once()?;
    match left {
        Left::Clean => files.iter().try_for_each(|inode| evict::iput(fs, inode)),
        Left::Dirty | Left::Orphan => Ok(()),
    }
}
