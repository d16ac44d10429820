//! Judges from outside: the running kernel and e2fsprogs, and what each of them, and this core,
//! finds in an image.
//!
//! A judge that is not there is *not measured*, with a reason. It never counts as content.

pub mod e2fsprogs;
pub mod kernel;

pub use e2fsprogs::E2fsprogs;
pub use kernel::Kernel;

use extfs_std::device::Device;
use extfs_std::disk::inode::FileType;
use extfs_std::fs::Filesystem;
use extfs_std::mount::MountOptions;
use extfs_std::{directory, evict, read};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The regular files of an image by name, with their contents.
pub type Tree = BTreeMap<Vec<u8>, Vec<u8>>;

/// Longer than any file that is looked at here.
const WHOLE: usize = 1 << 24;

/// What this core finds in a mounted file system.
///
/// # Errors
/// What can not be read, or what is neither a file nor `lost+found`.
pub fn tree<D: Device>(fs: &Filesystem<D>) -> Result<Tree, String> {
    let mut tree = Tree::new();
    for entry in directory::entries(fs).map_err(|error| error.to_string())? {
        let shown = String::from_utf8_lossy(&entry.name).into_owned();
        match entry.file_type {
            FileType::Regular => {}
            FileType::Directory if [".", "..", "lost+found"].contains(&&*shown) => continue,
            _ => return Err(format!("{shown:?} is not expected in the root directory")),
        }
        let failed = |error| format!("{shown:?}: {error}");
        let inode = directory::lookup(fs, &entry.name).map_err(failed)?;
        let bytes = read::read(fs, &inode, 0, WHOLE).map_err(failed)?;
        evict::iput(fs, &inode).map_err(failed)?;
        tree.insert(entry.name, bytes);
    }
    Ok(tree)
}

/// Recovers a device with this core, reads everything, and unmounts it.
///
/// # Errors
/// What went wrong.
pub fn recover<D: Device>(device: Arc<D>) -> Result<Tree, String> {
    let (fs, _) =
        Filesystem::mount(device, MountOptions::default()).map_err(|error| error.to_string())?;
    let tree = tree(&fs)?;
    fs.unmount()
        .map_err(|error| format!("can not unmount: {error}"))?;
    Ok(tree)
}

/// The regular files of a folder of the system, apart from an empty `lost+found`.
pub(crate) fn folder(root: &Path) -> Result<Tree, String> {
    let failed = |error| format!("{}: {error}", root.display());
    let mut tree = Tree::new();
    for entry in fs::read_dir(root).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_encoded_bytes();
        if entry.file_type().map_err(failed)?.is_dir() {
            let is_empty = fs::read_dir(entry.path()).map_err(failed)?.next().is_none();
            if name != b"lost+found" || !is_empty {
                return Err(format!("{} is not expected", entry.path().display()));
            }
            continue;
        }
        tree.insert(name, fs::read(entry.path()).map_err(failed)?);
    }
    Ok(tree)
}

/// Where two trees differ first, if they do. `who` names whose they are.
pub fn difference(who: [&str; 2], trees: [&Tree; 2]) -> Option<String> {
    let names: BTreeSet<&Vec<u8>> = trees.iter().flat_map(|tree| tree.keys()).collect();
    names.into_iter().find_map(|name| {
        let shown = String::from_utf8_lossy(name);
        let [a, b] = trees.map(|tree| tree.get(name));
        if a == b {
            return None;
        }
        let (Some(a), Some(b)) = (a, b) else {
            let missing = who[usize::from(a.is_some())];
            return Some(format!("{shown:?} exists, but not for {missing}"));
        };
        if a.len() != b.len() {
            let (a, b) = (a.len(), b.len());
            return Some(format!(
                "{shown:?} has {a} bytes for {}, {b} for {}",
                who[0], who[1]
            ));
        }
        let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let (a, b) = (a[at], b[at]);
        Some(format!(
            "{shown:?} holds {a} at byte {at} for {}, {b} for {}",
            who[0], who[1]
        ))
    })
}
