//! Where traces are kept, and how they are named.

use std::env;
use std::path::{Path, PathBuf};

/// Names the directory of trace files.
pub(super) const TRACE_DIR: &str = "CUTPOINT_TRACE_DIR";
/// Names a trace to replay.
pub(super) const REPLAY: &str = "CUTPOINT_REPLAY";

/// The file for a check's trace: one per name, so that a new one takes an old one's place.
pub(super) fn trace_file(directory: Option<&Path>, name: &str) -> PathBuf {
    let directory = match directory {
        Some(directory) => directory.to_path_buf(),
        None => match env::var_os(TRACE_DIR) {
            Some(directory) => directory.into(),
            None => target().join("cutpoint"),
        },
    };
    directory.join(format!("{}.trace.json", file_name(name)))
}

/// The trace that the environment asks for.
pub(super) fn replay() -> Option<PathBuf> {
    env::var_os(REPLAY).map(PathBuf::from)
}

/// The command that replays a trace: cargo's, for the test that runs on this thread, or else this
/// program again.
pub(super) fn replay_command(trace: &Path) -> String {
    let variable = format!("{REPLAY}={}", quoted(trace));
    // The test harness names its threads after the tests.
    let thread = std::thread::current();
    match (thread.name(), env::current_exe()) {
        (Some(test), _) if test != "main" => format!("{variable} cargo test {test}"),
        (_, Ok(program)) => format!("{variable} {}", quoted(&program)),
        (_, Err(_)) => format!("{variable} cargo test"),
    }
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// The build's target directory: the one with cargo's tag around the running program.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let tagged = program
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file());
    match tagged {
        Some(directory) => directory.to_path_buf(),
        None => PathBuf::from("target"),
    }
}

/// A name without anything that a shell or a file system minds.
fn file_name(name: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name
        .chars()
        .map(|c| if harmless(c) { c } else { '_' })
        .take(100)
        .collect();
    match name.trim_start_matches('.') {
        "" => "unnamed".into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_stay_in_their_directory() {
        for (name, file) in [
            ("two readers", "two_readers"),
            ("../../etc/x", "_.._etc_x"),
            ("", "unnamed"),
            ("ü", "_"),
        ] {
            assert_eq!(file_name(name), file);
            let path = trace_file(Some(Path::new("traces")), name);
            assert_eq!(path.parent(), Some(Path::new("traces")));
        }
    }

    #[test]
    fn the_command_names_the_test_that_runs() {
        let command = || replay_command(Path::new("a b.json"));
        let named = std::thread::Builder::new().name("module::test".into());
        let told = named.spawn(command).expect("a thread").join();
        let expected = "CUTPOINT_REPLAY='a b.json' cargo test module::test";
        assert_eq!(told.expect("it returns"), expected);
        // A thread of no test: the program itself.
        let told = std::thread::spawn(command).join().expect("it returns");
        let program = env::current_exe().expect("a test has a program");
        let expected = format!("CUTPOINT_REPLAY='a b.json' {}", quoted(&program));
        assert_eq!(told, expected);
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
