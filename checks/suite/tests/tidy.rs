//! Rules of the project that no compiler checks.

use cutpoint_suite::catalogue::Catalogue;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a source file may have before it is to be split.
const FILE_LINES_MAX: usize = 600;
/// Columns of a line.
const COLUMNS_MAX: usize = 100;
/// Lines of a variant's file.
const VARIANT_LINES_MAX: usize = 40;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust source file of the project, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 100, "the project's sources were not found");
    found
}

fn complain(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"));
    complain(
        &silent
            .map(|(path, _)| path.display().to_string())
            .collect::<Vec<_>>(),
    );
}

#[test]
fn files_and_lines_have_bounds() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            complaints.push(format!("{}: {lines} lines", path.display()));
        }
        for (number, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                complaints.push(format!(
                    "{}:{}: {columns} columns",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    complain(&complaints);
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    // Put together here, so that this file does not hold them itself.
    let forbidden = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["todo", "!("],
        ["unimplemented", "!("],
        ["#[ig", "nore"],
        ["should_", "panic"],
    ]
    .map(|parts| parts.concat());
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        for word in &forbidden {
            if text.contains(word.as_str()) {
                complaints.push(format!("{}: {word}", path.display()));
            }
        }
    }
    complain(&complaints);
}

#[test]
fn the_core_names_no_runtime_and_no_configuration() {
    let core = root().join("impl/src");
    let mut complaints = Vec::new();
    for (path, text) in sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with(&core))
    {
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let names_runtime = ["std::sync", "std::thread", "loom", "shuttle"];
            let is_bad = names_runtime.iter().any(|name| code.contains(name)) && !is_test
                || code.contains("cfg(") && !code.contains("cfg(test)");
            // Whether a panic is unwinding is std's to know, whatever the runtime.
            if is_bad && !code.contains("std::thread::panicking()") {
                complaints.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    complain(&complaints);
}

#[test]
fn every_variant_is_one_small_file_that_tells_its_story() {
    let folder = root().join("checks/suite/src/variants");
    for name in Catalogue::get().variants.keys() {
        let path = folder.join(format!("{name}.rs"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() <= VARIANT_LINES_MAX, "{name} is long");
        for section in ["//! # Source", "//! # Breaks"] {
            assert!(text.contains(section), "{name} has no '{section}'");
        }
        let changed = text
            .lines()
            .filter(|line| line.starts_with("    protocol.") && line.contains(" ="));
        assert_eq!(changed.count(), 1, "{name} changes one step");
    }
    let files = fs::read_dir(folder).unwrap().count() - 1;
    assert_eq!(
        files,
        Catalogue::get().variants.len(),
        "one row and one file a variant"
    );
}

#[test]
fn the_readme_table_lists_every_variant() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let catalogue = Catalogue::get();
    for (name, scenario) in &catalogue.scenarios {
        let begins = format!("| `{name}` |");
        let row = readme.lines().find(|line| line.starts_with(&begins));
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {name}"));
        let digits: String = row.chars().filter(|c| *c != ',').collect();
        for (design, expected) in scenario.designs() {
            let traces = expected.traces.to_string();
            assert!(
                digits.contains(&traces),
                "README.md, {name}, {design}: {row}"
            );
        }
    }
    for (name, variant) in &catalogue.variants {
        let begins = format!("| `{}` |", variant.scenario);
        let row = readme.lines().find(|line| line.starts_with(&begins));
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {}", variant.scenario));
        let caught = format!("`{name}` ({})", variant.invariant);
        assert!(row.contains(&caught), "README.md, {name}: {row}");
    }
    let counts = format!(
        "{} variants in {} scenarios",
        catalogue.variants.len(),
        catalogue.scenarios.len()
    );
    assert!(readme.contains(&counts), "README.md does not say {counts}");
    assert!(readme.lines().count() <= 150, "README.md is long");
}
