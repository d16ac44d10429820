//! Reading trace files, and refusing what is not one.
//!
//! The document is looked at three times: for its magic, for its version, and then in full. So a
//! file of a newer format is told apart from a damaged one, even if the newer format shares nothing
//! with this one but those two fields.

use crate::format::{MAGIC, Trace, VERSION, Version};
use crate::validate::Inconsistency;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A trace could not be read. Its text says what to do.
#[derive(Debug)]
pub struct ReadError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    path: Option<PathBuf>,
    kind: ReadErrorKind,
}

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The operating system did not give us the file.
    #[error("can not read the file: {0}")]
    Unreadable(#[source] io::Error),
    /// The file is larger than any trace.
    #[error(
        "the file has more than {} MiB, which no trace has: is it the right file?",
        Trace::FILE_BYTES_MAX >> 20
    )]
    TooLarge,
    /// The JSON ends early.
    #[error(
        "the file ends in the middle of the trace (line {line}): copy it again, or record the \
         trace again"
    )]
    Truncated {
        /// The last line, counting from 1.
        line: usize,
    },
    /// The file is not JSON.
    #[error("the file is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The file is JSON, but not a trace.
    #[error("the file is JSON, but not a cutpoint trace (no \"magic\": \"{MAGIC}\")")]
    NotATrace,
    /// A later cutpoint wrote it, in a format that this one does not know.
    #[error(
        "written by a newer cutpoint (format {found}, this one reads up to {VERSION}): use that \
         version, or record the trace again"
    )]
    Newer {
        /// The version of the document.
        found: Version,
    },
    /// An earlier cutpoint wrote it, in a format that this one no longer knows.
    #[error(
        "written by an older cutpoint (format {found}, this one reads {}.x): use that version, or \
         record the trace again",
        VERSION.major
    )]
    Older {
        /// The version of the document.
        found: Version,
    },
    /// A field is missing or has the wrong type.
    #[error("the trace is damaged: {0}: record the trace again")]
    Malformed(#[source] serde_json::Error),
    /// The trace contradicts itself.
    #[error("the trace contradicts itself: {0}: record the trace again")]
    Inconsistent(#[source] Inconsistency),
}

impl ReadError {
    fn new(path: Option<&Path>, kind: ReadErrorKind) -> ReadError {
        let path = path.map(Path::to_path_buf);
        ReadError(Box::new(Inner { path, kind }))
    }

    /// Why.
    pub fn kind(&self) -> &ReadErrorKind {
        &self.0.kind
    }

    /// The file, if it was one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path() {
            write!(f, "{}: ", path.display())?;
        }
        write!(f, "{}", self.0.kind)
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

/// The field that every version has had.
#[derive(Deserialize)]
struct MagicOnly {
    magic: String,
}

/// The field that tells versions apart.
#[derive(Deserialize)]
struct VersionOnly {
    version: Version,
}

impl Trace {
    /// Reads and checks the trace in the file at `path`.
    ///
    /// # Errors
    /// If the file can not be read, is too large, or is not a trace that this version understands.
    pub fn read(path: impl AsRef<Path>) -> Result<Trace, ReadError> {
        let path = path.as_ref();
        load(path)
            .and_then(|bytes| parse(&bytes))
            .map_err(|kind| ReadError::new(Some(path), kind))
    }

    /// Reads and checks the trace that `bytes` hold.
    ///
    /// # Errors
    /// If it is too large or is not a trace that this version understands.
    pub fn from_slice(bytes: &[u8]) -> Result<Trace, ReadError> {
        parse(bytes).map_err(|kind| ReadError::new(None, kind))
    }
}

/// The bytes of a file, never more than a trace may have.
fn load(path: &Path) -> Result<Vec<u8>, ReadErrorKind> {
    let file = File::open(path).map_err(ReadErrorKind::Unreadable)?;
    let mut bytes = Vec::new();
    file.take(Trace::FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(ReadErrorKind::Unreadable)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Trace, ReadErrorKind> {
    if bytes.len() as u64 > Trace::FILE_BYTES_MAX {
        return Err(ReadErrorKind::TooLarge);
    }
    let magic: MagicOnly = json(bytes, |_| ReadErrorKind::NotATrace)?;
    if magic.magic != MAGIC {
        return Err(ReadErrorKind::NotATrace);
    }
    let VersionOnly { version: found } = json(bytes, ReadErrorKind::Malformed)?;
    if found.major > VERSION.major {
        return Err(ReadErrorKind::Newer { found });
    }
    if found.major < VERSION.major {
        return Err(ReadErrorKind::Older { found });
    }
    let trace: Trace = json(bytes, ReadErrorKind::Malformed)?;
    trace.validate().map_err(ReadErrorKind::Inconsistent)?;
    Ok(trace)
}

/// Parses JSON; `mismatch` makes the error if it is JSON of another shape.
fn json<T: DeserializeOwned>(
    bytes: &[u8],
    mismatch: impl FnOnce(serde_json::Error) -> ReadErrorKind,
) -> Result<T, ReadErrorKind> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Eof => ReadErrorKind::Truncated { line: error.line() },
        Category::Syntax | Category::Io => ReadErrorKind::NotJson(error),
        // The shape is wrong at some point, but what follows may not even be JSON.
        Category::Data => match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            Ok(_) => mismatch(error),
            Err(error) if error.is_eof() => ReadErrorKind::Truncated { line: error.line() },
            Err(error) => ReadErrorKind::NotJson(error),
        },
    })
}
