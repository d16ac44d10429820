//! Writing trace files.
//!
//! The JSON has one line per field of the document and one per element of its lists, so that two
//! traces of one scenario compare well line by line.

use crate::file;
use crate::format::Trace;
use crate::validate::Inconsistency;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A trace could not be written. Its text says what to do.
#[derive(Debug)]
pub struct WriteError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    path: Option<PathBuf>,
    kind: WriteErrorKind,
}

/// Why a trace could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// The trace contradicts itself, so no one could read it.
    #[error("the trace contradicts itself: {0}")]
    Inconsistent(#[source] Inconsistency),
    /// The document is larger than a reader takes.
    #[error(
        "the trace has {bytes} bytes, more than the {} MiB that can be read back: run a smaller \
         scenario, or leave out the image",
        Trace::FILE_BYTES_MAX >> 20
    )]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The operating system did not take it. An existing file has kept its content.
    #[error("can not write the trace: {}", file::explain(.0))]
    Io(#[source] io::Error),
}

impl WriteError {
    fn new(path: Option<&Path>, kind: WriteErrorKind) -> WriteError {
        let path = path.map(Path::to_path_buf);
        WriteError(Box::new(Inner { path, kind }))
    }

    /// Why.
    pub fn kind(&self) -> &WriteErrorKind {
        &self.0.kind
    }

    /// The file, if it was to be one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path() {
            write!(f, "{}: ", path.display())?;
        }
        write!(f, "{}", self.0.kind)
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

impl Trace {
    /// Writes the trace to the file at `path`, replacing an existing one as a whole.
    ///
    /// # Crash
    /// The file has either its old content or the whole trace.
    ///
    /// # Errors
    /// If the trace is inconsistent or too large, or the file can not be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), WriteError> {
        let path = path.as_ref();
        self.encode()
            .and_then(|bytes| {
                file::replace(path, |file| file.write_all(&bytes)).map_err(WriteErrorKind::Io)
            })
            .map_err(|kind| WriteError::new(Some(path), kind))
    }

    /// The document.
    ///
    /// # Errors
    /// If the trace is inconsistent or too large.
    pub fn to_vec(&self) -> Result<Vec<u8>, WriteError> {
        self.encode().map_err(|kind| WriteError::new(None, kind))
    }

    fn encode(&self) -> Result<Vec<u8>, WriteErrorKind> {
        self.validate().map_err(WriteErrorKind::Inconsistent)?;
        let mut bytes = Vec::new();
        self.serialize(&mut Serializer::with_formatter(
            &mut bytes,
            Lines { depth: 0 },
        ))
        .map_err(|error| WriteErrorKind::Io(error.into()))?;
        bytes.push(b'\n');
        if bytes.len() as u64 > Trace::FILE_BYTES_MAX {
            let bytes = bytes.len() as u64;
            return Err(WriteErrorKind::TooLarge { bytes });
        }
        Ok(bytes)
    }
}

/// Breaks lines in the two outermost levels of the document and nowhere else.
struct Lines {
    depth: usize,
}

impl Lines {
    /// Before an element or a key.
    fn element<W: ?Sized + Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }

    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        match self.depth {
            1 => writer.write_all(b"\n"),
            2 => writer.write_all(b"\n "),
            _ => Ok(()),
        }
    }

    /// Before the bracket that ends a list or an object.
    fn end<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.line(writer)?;
        self.depth -= 1;
        writer.write_all(bracket)
    }
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.element(writer, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.element(writer, first)
    }
}
