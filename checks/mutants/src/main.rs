//! Rewrites a copy of the core so that one build holds all mutants of it, each behind a switch.
//!
//! A mutant takes seconds to check and much longer to build, so those that can be are built
//! together. `mutants.py` gives this program the mutants, compiles what it leaves, and calls it
//! again without those that the compiler refuses. They are those that cargo-mutants proposes, and
//! some of our own ([`mod@propose`]).
//!
//! ```text
//! cutpoint-mutants propose ROOT FILE… > mutants.json
//! cutpoint-mutants place ROOT < mutants.json > placed.json
//! ```
//!
//! A mutant is `{id, file, name, genre, span, replacement}`, as cargo-mutants writes it, but for
//! the number, which is 0 where it is proposed. Where one has been placed is `{id, file, own,
//! node}`: the bytes of the new file that are the mutant, and those of everything it was put
//! around. Some find no place. Under `ROOT`, the files are changed in place, without a new line;
//! and `impl/src` gains the module `mutant`, which reads the number of the one that is on from the
//! environment variable `MUTANT`, and adds the number of each that a run comes to, on or not, to
//! the file `MUTANTS_REACHED`.
//!
//! Exit codes: 0; 2 for input that is not as above, and for a file that can not be read or written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

mod place;
mod propose;
mod switch;
mod text;

/// A change of the core.
#[derive(serde::Deserialize, serde::Serialize)]
struct Mutant {
    id: u32,
    file: String,
    name: String,
    genre: String,
    span: Span,
    replacement: String,
}

/// Where in a file.
#[derive(serde::Deserialize, serde::Serialize)]
struct Span {
    start: Position,
}

/// A line and a character in it, both counted from 1.
#[derive(serde::Deserialize, serde::Serialize, Clone, Copy, PartialEq, Eq)]
struct Position {
    line: usize,
    column: usize,
}

impl Position {
    /// Where the span begins.
    fn of(span: proc_macro2::Span) -> Position {
        Position {
            line: span.start().line,
            column: span.start().column + 1,
        }
    }
}

/// Where a mutant has been put.
#[derive(serde::Serialize)]
struct Placed {
    id: u32,
    file: String,
    /// The bytes that are the mutant and nothing else.
    own: (usize, usize),
    /// The bytes of all that it was put around.
    node: (usize, usize),
}

/// Why nothing was rewritten, or not everything.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("what is to be done? `propose ROOT FILE…` or `place ROOT`")]
    Usage,
    #[error("the list of mutants is not one: {0}")]
    List(#[from] serde_json::Error),
    #[error("{file}: {error}")]
    File { file: String, error: std::io::Error },
    #[error("{file} is not Rust: {error}")]
    Syntax { file: String, error: syn::Error },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
    match arguments.as_slice() {
        ["propose", root, files @ ..] => propose(Path::new(root), files),
        ["place", root] => place(Path::new(root)),
        _ => Err(Failure::Usage),
    }
}

fn propose(root: &Path, files: &[&str]) -> Result<(), Failure> {
    let mut mutants = Vec::new();
    for file in files {
        let (_, tree) = read(root, file)?;
        mutants.extend(propose::propose(file, &tree));
    }
    Ok(serde_json::to_writer(std::io::stdout().lock(), &mutants)?)
}

fn place(root: &Path) -> Result<(), Failure> {
    let mutants: Vec<Mutant> = serde_json::from_reader(std::io::stdin().lock())?;
    let mut of_file = BTreeMap::<&str, Vec<&Mutant>>::new();
    for mutant in &mutants {
        of_file.entry(&mutant.file).or_default().push(mutant);
    }
    let mut placed = Vec::new();
    for (file, mutants) in of_file {
        let (source, tree) = read(root, file)?;
        let (text, places) = place::place(&source, &tree, &mutants);
        std::fs::write(root.join(file), text).map_err(failed(file))?;
        placed.extend(places.into_iter().map(|(id, own, node)| Placed {
            id,
            file: file.to_owned(),
            own,
            node,
        }));
    }
    let count = mutants.iter().map(|mutant| mutant.id + 1).max();
    switch::add(root, count.unwrap_or(0) as usize).map_err(failed(switch::FILE))?;
    Ok(serde_json::to_writer(std::io::stdout().lock(), &placed)?)
}

/// The text of a file, and what it says.
fn read(root: &Path, file: &str) -> Result<(String, syn::File), Failure> {
    let source = std::fs::read_to_string(root.join(file)).map_err(failed(file))?;
    let tree = syn::parse_file(&source).map_err(|error| Failure::Syntax {
        file: file.to_owned(),
        error,
    })?;
    Ok((source, tree))
}

fn failed(file: &str) -> impl FnOnce(std::io::Error) -> Failure {
    let file = file.to_owned();
    |error| Failure::File { file, error }
}
