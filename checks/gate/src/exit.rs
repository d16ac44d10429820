//! The exit codes of every command, and the failures that are the user's to mend.

use cutpoint_suite::request::RequestError;
use cutpoint_traces::view::ViewError;
use cutpoint_traces::{ReadError, WriteError, file};
use std::io;
use std::path::PathBuf;

/// What a command says to the program that called it.
///
/// If several apply, as in a gate of many jobs, the finding counts most and what is unfinished
/// least: 1, then 4, then 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Holds: in everything, or in everything within the bound that was asked for. A replayed
    /// counterexample is gone.
    Holds = 0,
    /// Violated, or a variant was missed. A replayed counterexample reproduces or differs.
    Violated = 1,
    /// Wrong usage or an unreadable input; the message says what to do. Nothing was decided.
    Usage = 2,
    /// Not measured, or a budget of executions or time was spent before the bound was reached. A
    /// replayed counterexample no longer applies.
    Unfinished = 3,
    /// The harness is broken, so nothing that it says can be trusted.
    Broken = 4,
}

/// Why a command could not do what it was asked to: [`Exit::Usage`].
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The check can not be carried out.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A trace could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A trace could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A trace could not be shown.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A file could not be written. An existing one has kept its content.
    #[error("{}: can not write the file: {}", .path.display(), file::explain(.error))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The standard output does not take what is printed.
    #[error("can not print the result: {0}")]
    Print(#[source] io::Error),
    /// Anything else; the text says what to do.
    #[error("{0}")]
    Other(String),
}
