//! Makes an ext4 image and copies files into its root directory, on real threads.
//!
//! ```text
//! cargo run --release --example copy_in -- disk.img FILE…
//! ```
//!
//! One thread per file writes it through the page cache and calls fsync, while a completion worker
//! and a journal thread run beside them: the same code that the checkers explore, here on std.
//!
//! Exit codes: 0 done; 1 a file could not be copied; 2 usage, or the image can not be made.

use extfs_std::device::file::FileDevice;
use extfs_std::fs::{Background, Filesystem};
use extfs_std::invariants::quiescent;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::units::BLOCK_SIZE;
use extfs_std::{directory, fsync, write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How much of a file goes into one write call, in bytes: not a multiple of the block size, so that
/// blocks are filled in parts.
const WRITE_SIZE: usize = 1500;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Fs = Filesystem<FileDevice>;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(image), files) = (arguments.next(), arguments.collect::<Vec<_>>()) else {
        eprintln!("usage: copy_in DISK.IMG FILE…");
        return ExitCode::from(2);
    };
    let fs = match make(&image, &files) {
        Ok(fs) => Arc::new(fs),
        Err(error) => {
            eprintln!("copy_in: {}: {error}", image.display());
            return ExitCode::from(2);
        }
    };
    match copy_all(&fs, &files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("copy_in: {error}");
            ExitCode::from(1)
        }
    }
}

/// Makes the image, with room for the files.
fn make(image: &Path, files: &[PathBuf]) -> Result<Fs, Error> {
    let mut blocks = 64;
    for file in files {
        let size = std::fs::metadata(file)
            .map_err(|e| format!("{}: {e}", file.display()))?
            .len();
        // The data, and something for extent blocks.
        blocks += size.div_ceil(BLOCK_SIZE as u64) + 8;
    }
    let inodes = (files.len() as u32 + 16).next_multiple_of(16);
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(blocks, inodes, 1024),
        inodes,
        ..MkfsOptions::default()
    };
    let device = Arc::new(FileDevice::create_new(image, options.blocks)?);
    mkfs(&*device, &options)?;
    let mount = MountOptions {
        background: Background::Threads,
        ..MountOptions::default()
    };
    Ok(Filesystem::mount(device, mount)?.0)
}

/// Copies every file on a thread of its own.
fn copy_all(fs: &Arc<Fs>, files: &[PathBuf]) -> Result<(), Error> {
    let worker = thread::spawn({
        let fs = fs.clone();
        move || fs.io_worker()
    });
    let done = Arc::new(AtomicBool::new(false));
    let journal = thread::spawn({
        let (fs, done) = (fs.clone(), done.clone());
        move || -> Result<(), Error> {
            while !done.load(Ordering::Relaxed) {
                fs.journal().commit_once()?;
                thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        }
    });
    let copies: Vec<_> = files
        .iter()
        .map(|file| {
            let (fs, file) = (fs.clone(), file.clone());
            thread::spawn(move || copy(&fs, &file))
        })
        .collect();
    let copied: Vec<_> = copies
        .into_iter()
        .map(|copy| copy.join().expect("no panic"))
        .collect();
    done.store(true, Ordering::Relaxed);
    journal.join().expect("no panic")?;
    fs.sync()?;
    fs.in_flight().close();
    worker.join().expect("no panic");
    let violations = quiescent::violations(fs)?;
    if !violations.is_empty() {
        return Err(format!("invariants are violated: {violations:?}").into());
    }
    fs.unmount()?;
    copied.into_iter().collect::<Result<Vec<()>, Error>>()?;
    Ok(())
}

fn copy(fs: &Arc<Fs>, file: &Path) -> Result<(), Error> {
    let explain = |error: String| -> Error { format!("{}: {error}", file.display()).into() };
    let bytes = std::fs::read(file).map_err(|error| explain(error.to_string()))?;
    let name = file
        .file_name()
        .ok_or_else(|| explain("has no name".into()))?;
    let name = name.as_encoded_bytes();
    let inode = directory::create(fs, name).map_err(|error| explain(error.to_string()))?;
    for (i, part) in bytes.chunks(WRITE_SIZE).enumerate() {
        let offset = (i * WRITE_SIZE) as u64;
        write::buffered_write(fs, &inode, offset, part).map_err(|e| explain(e.to_string()))?;
    }
    fsync::fsync(fs, &inode).map_err(|error| explain(error.to_string()))?;
    println!("{}: {} bytes", file.display(), bytes.len());
    Ok(())
}
