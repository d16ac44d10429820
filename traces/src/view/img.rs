//! The device as recovery found it, as a file that `e2fsck`, `debugfs` and the kernel read.

use super::ViewError;
use crate::file;
use crate::format::{Image, Trace};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Writes the crash image to the file at `path`, replacing an existing one as a whole. Blocks that
/// are all zero become holes.
///
/// # Crash
/// The file has either its old content or the whole image.
///
/// # Errors
/// If the trace is inconsistent or has no image, or the file can not be written.
pub fn write_image(trace: &Trace, path: impl AsRef<Path>) -> Result<(), ViewError> {
    trace.validate()?;
    let image = trace.image.as_ref().ok_or(ViewError::NoImage {
        crashed: trace.crash.is_some(),
    })?;
    file::replace(path.as_ref(), |file| fill(image, file)).map_err(ViewError::Io)
}

fn fill(image: &Image, file: &mut File) -> io::Result<()> {
    let size = u64::from(image.block_size);
    file.set_len(image.blocks * size)?;
    for block in &image.content {
        file.seek(SeekFrom::Start(block.block * size))?;
        file.write_all(&block.data)?;
    }
    Ok(())
}
