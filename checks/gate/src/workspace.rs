//! Where the source tree is: the gate reads the corpus and the ratchet file in it.

use crate::exit::Failure;
use std::env;
use std::path::{Path, PathBuf};

/// The package of this binary within the source tree.
const PACKAGE: &str = "checks/gate";

/// The root of the source tree: the nearest directory, upwards from the current one, that has this
/// package in it, or else the tree that this binary was built from.
///
/// # Errors
/// If neither exists.
pub fn root() -> Result<PathBuf, Failure> {
    let current = env::current_dir().ok();
    let above = current.iter().flat_map(|directory| directory.ancestors());
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let found = above.chain(built_from).find(|directory| {
        let manifest = directory.join(PACKAGE).join("Cargo.toml");
        manifest.is_file()
    });
    found.map(Path::to_path_buf).ok_or_else(|| {
        let message = "the gate reads its corpus from cutpoint's source tree, which is not here: \
                       run it there";
        Failure::Other(message.into())
    })
}
