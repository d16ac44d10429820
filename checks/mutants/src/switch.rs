//! The module that the rewritten core asks which mutant is on.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Where the module is put.
pub const FILE: &str = "impl/src/mutant.rs";

const MODULE: &str = r#"//! Which mutant is on.

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ON: LazyLock<u32> = LazyLock::new(|| {
    std::env::var("MUTANT").map_or(0, |number| number.parse().expect("MUTANT is a number"))
});
static REACHED: LazyLock<Option<std::fs::File>> = LazyLock::new(|| {
    let file = std::env::var_os("MUTANTS_REACHED")?;
    let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
    Some(file.expect("MUTANTS_REACHED is a file to write to"))
});
static IS_REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Whether the mutant of this number is on.
pub fn is(number: u32) -> bool {
    if let Some(mut file) = REACHED.as_ref()
        && !IS_REACHED[number as usize].swap(true, Ordering::Relaxed)
    {
        file.write_all(format!("{number}\n").as_bytes()).expect("a line can be written");
    }
    *ON == number
}
"#;

/// Gives the core in the copy at `root` the module, for mutants with numbers below `count`.
///
/// # Errors
/// Those of opening and writing the two files.
pub fn add(root: &Path, count: usize) -> io::Result<()> {
    let module = MODULE.replace("COUNT", &count.to_string());
    std::fs::write(root.join(FILE), module)?;
    let mut library = OpenOptions::new()
        .append(true)
        .open(root.join("impl/src/lib.rs"))?;
    library.write_all(b"\npub mod mutant;\n")
}

/// The condition that the mutant is on, as it is written in the core.
pub fn is(id: u32) -> String {
    format!("crate::mutant::is({id})")
}
