//! The running kernel: mounts images through a loop device, which takes root.
//!
//! Mount only images that e2fsck accepts: the kernel trusts what a checksum vouches for.

use super::{Tree, folder};
use extfs_std::device::memory::MemoryDevice;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// How often unmounting is tried: something may look into new mounts for a moment.
const UMOUNT_TRIES: u32 = 50;

/// The kernel, and where it mounts.
#[derive(Debug)]
pub struct Kernel {
    mount_point: TempDir,
}

/// How an image is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A clean image, which stays as it is.
    ReadOnly,
    /// An image that the kernel recovers.
    Recover,
}

/// A mounted image. Unmounts when it is dropped, in a panic too.
struct Mounted<'a>(&'a Path);

impl Kernel {
    /// Finds out whether the kernel mounts images here at all, by mounting an empty one.
    ///
    /// # Errors
    /// Why nothing can be measured.
    pub fn find() -> Result<Kernel, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let image = folder.path().join("empty.img");
        let options = MkfsOptions::default();
        let device = MemoryDevice::new(options.blocks);
        mkfs(&device, &options).map_err(|error| error.to_string())?;
        device
            .snapshot()
            .save(&image)
            .map_err(|error| error.to_string())?;
        let mount_point = tempfile::tempdir().map_err(|error| error.to_string())?;
        let kernel = Kernel { mount_point };
        match kernel.read(&image, Access::ReadOnly) {
            Ok(_) => Ok(kernel),
            Err(why) => Err(format!("the kernel does not mount images here: {why}")),
        }
    }

    /// Mounts an image, reads all files, and unmounts it.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn read(&self, image: &Path, access: Access) -> Result<Tree, String> {
        let point = self.mount_point.path();
        let options = match access {
            Access::ReadOnly => "loop,ro",
            Access::Recover => "loop,rw",
        };
        let mut mount = Command::new("mount");
        mount.args(["-t", "ext4", "-o", options]).arg(image);
        succeeded("mount", mount.arg(point).output())?;
        let mounted = Mounted(point);
        let tree = folder(point)?;
        mounted.end()?;
        Ok(tree)
    }
}

impl Mounted<'_> {
    fn end(self) -> Result<(), String> {
        let point = self.0;
        std::mem::forget(self);
        unmount(point)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        if let Err(why) = unmount(self.0) {
            eprintln!("{}: {why}", self.0.display());
        }
    }
}

fn unmount(point: &Path) -> Result<(), String> {
    let mut outcome = Ok(());
    for _ in 0..UMOUNT_TRIES {
        outcome = succeeded("umount", Command::new("umount").arg(point).output());
        if outcome.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    outcome
}

fn succeeded(program: &str, outcome: std::io::Result<Output>) -> Result<(), String> {
    let output = outcome.map_err(|error| format!("{program} can not be run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{program}: {}", said.trim()))
        }
    }
}
