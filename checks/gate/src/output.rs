//! Texts for people and files for programs.
//!
//! A text is made as a whole, with ANSI escape codes, and printed in one go: the codes are left out
//! where no terminal is, and a reader that goes away early is no error.

use crate::exit::Failure;
use anstyle::{AnsiColor, Style};
use cutpoint_traces::file;
use serde::Serialize;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Headings and names.
pub const BOLD: Style = Style::new().bold();
/// What matters least.
pub const FAINT: Style = Style::new().dimmed();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is not complete.
pub const HALF: Style = AnsiColor::Yellow.on_default();
/// A command to run.
pub const COMMAND: Style = AnsiColor::Cyan.on_default();

/// The text in a style.
pub fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a text on the standard output.
///
/// # Errors
/// If it does not take the text for another reason than that nobody reads it.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    let printed = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        _ => Ok(()),
    }
}

/// Prints a line on the standard error. There is no one to tell if that fails.
pub fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints what went wrong on the standard error.
pub fn complain(message: &str) {
    note(&format!("{} {message}", styled(BAD, "error:")));
}

/// Text from a file or a program, safe to print on a terminal.
pub fn plain(text: &str) -> String {
    let harmful =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let safe = |c| if harmful(c) { '\u{fffd}' } else { c };
    text.trim_end().chars().map(safe).collect()
}

/// A word of a command, quoted where a shell would not take it as it is.
pub fn quoted(word: &str) -> String {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    match !word.is_empty() && word.chars().all(is_harmless) {
        true => word.into(),
        false => format!("'{}'", plain(word).replace('\'', r"'\''")),
    }
}

/// Writes a document to a file, which it replaces as a whole, or to the standard output if the
/// path is `-`.
///
/// # Errors
/// If it can not be written.
pub fn write_json(path: &Path, document: &impl Serialize) -> Result<(), Failure> {
    let text = to_json(document);
    if is_stdout(path) {
        print(&text)
    } else {
        write_file(path, text.as_bytes())
    }
}

/// Whether the path stands for the standard output.
pub fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The document as indented JSON with a newline at its end.
pub fn to_json(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document);
    let text = text.expect("the documents have string keys and finite numbers only");
    text + "\n"
}

/// Writes a file, replacing an existing one as a whole.
///
/// # Errors
/// If it can not be written; an existing file has kept its content.
pub fn write_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    file::replace(path, |file| file.write_all(content)).map_err(|error| failed(path, error))
}

/// Refuses to write a file into a directory that there is not, before the work is done for nothing.
///
/// # Errors
/// If there is no such directory.
pub fn check_directory(path: &Path) -> Result<(), Failure> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match directory.map(fs::metadata) {
        Some(Err(error)) => Err(failed(path, error)),
        Some(Ok(metadata)) if !metadata.is_dir() => {
            Err(failed(path, ErrorKind::NotADirectory.into()))
        }
        _ => Ok(()),
    }
}

/// Makes a directory and those above it.
///
/// # Errors
/// If it can not be made.
pub fn make_directory(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: io::Error) -> Failure {
    let path = path.to_path_buf();
    Failure::File { path, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_quoted_words_as_they_were() {
        assert_eq!(quoted("target/release/cutpoint"), "target/release/cutpoint");
        assert_eq!(quoted("my trace.json"), "'my trace.json'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn text_of_others_can_not_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\n"), "a\u{fffd}[31mb\u{fffd}c");
    }
}
