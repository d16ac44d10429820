//! Copies the core's lock sources once for each memory ordering that can be weakened and for each
//! wake-up that can be left out, each copy with that one change.
//!
//! So the sources hold no switch for it, and a new ordering or wake-up is tested without anybody
//! adding it to a list. What counts as a wake-up is listed in [`WAKE_UPS`].

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the locks are, from here.
const LOCKS: &str = "../../impl/src/lock";

/// What each ordering can be weakened to, one step at a time.
const WEAKER: [(&str, &[&str]); 4] = [
    ("SeqCst", &["AcqRel"]),
    ("AcqRel", &["Acquire", "Release"]),
    ("Acquire", &["Relaxed"]),
    ("Release", &["Relaxed"]),
];

/// Statements that wake somebody, or hand something over to somebody and wake it.
const WAKE_UPS: [&str; 4] = [
    ".wake_all();",
    ".unpark();",
    "self.grant(",
    "self.pass_end_on(",
];

/// A changed copy of one file.
struct Mutant {
    file: String,
    line: usize,
    change: String,
    text: String,
}

fn main() {
    println!("cargo::rerun-if-changed={LOCKS}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let sources = sources();
    let mut list = String::new();
    let mut modules = String::new();
    let mutants: Vec<Mutant> = sources.iter().flat_map(mutants_of).collect();
    for (number, mutant) in mutants.iter().enumerate() {
        let name = format!("m{number}");
        write_copy(&out.join(&name), &sources, mutant);
        add_module(&mut modules, &name, &out.join(&name));
        let (file, line, change) = (&mutant.file, mutant.line, &mutant.change);
        writeln!(list, "    ({file:?}, {line}, {change:?}, {name}),").expect("a string");
    }
    // Mutants are listed by a macro, because each has types of its own.
    let all = format!(
        "{modules}\n/// Calls `$macro` with the file, the line, the change and the module of every \
         mutant.\n#[macro_export]\nmacro_rules! for_each_mutant {{ ($macro:ident) => {{ \
         $macro! {{\n{list}}} }} }}\n"
    );
    write_if_changed(&out.join("mutants.rs"), &all);
}

/// The lock sources, by file name.
fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(LOCKS);
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).expect("the locks are there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("it is text");
        sources.push((name.into_owned(), text));
    }
    sources.sort();
    sources
}

fn mutants_of((file, text): &(String, String)) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let mut add = |from: usize, to: usize, instead: &str, change: String| {
            let (before, after) = (&text[..start + from], &text[start + to..]);
            mutants.push(Mutant {
                file: file.clone(),
                line: index + 1,
                change,
                text: format!("{before}{instead}{after}"),
            });
        };
        for (ordering, weaker) in WEAKER {
            let token = format!("Ordering::{ordering}");
            for (at, _) in code.match_indices(&token) {
                for weak in weaker {
                    let instead = format!("Ordering::{weak}");
                    let change = format!("{ordering} to {weak}");
                    add(at, at + token.len(), &instead, change);
                }
            }
        }
        if WAKE_UPS.iter().any(|wake| code.contains(wake)) {
            let end = code.trim_end().len();
            add(0, end, "", format!("without {}", code.trim()));
        }
        start += line.len();
    }
    mutants
}

fn write_copy(folder: &Path, sources: &[(String, String)], mutant: &Mutant) {
    fs::create_dir_all(folder).expect("the folder for output is writable");
    for (file, text) in sources {
        let text = if *file == mutant.file {
            &mutant.text
        } else {
            text
        };
        write_if_changed(&folder.join(file), text);
    }
}

fn add_module(modules: &mut String, name: &str, folder: &Path) {
    let path = folder.join("mod.rs");
    writeln!(
        modules,
        "/// A copy with one change.\n#[allow(warnings, missing_docs)]\npub mod {name} {{\n    \
         pub use ::rt;\n    #[path = {path:?}]\n    pub mod lock;\n}}"
    )
    .expect("a string");
}

fn write_if_changed(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::write(path, text).expect("the folder for output is writable");
}
