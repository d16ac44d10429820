//! State files: what a search needs to go on after its process was killed.
//!
//! A state file is one line of JSON, the header, and then the state itself, as JSON too. The header
//! says whose state it is; the checksum is over the bytes after it. The file is replaced as a
//! whole, so a process that is killed at any moment leaves the state before or the state after.
//!
//! A state is good for the very program that wrote it: it speaks of decisions by their place, and
//! of what was judged by hashes that another build may compute in another way. So the writer's
//! identity is part of the header, and nothing else is read, or replaced.

mod numbers;

pub use numbers::Numbers;

use cutpoint_traces::file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What the header begins with.
const MAGIC: &str = "cutpoint-state";
/// The version of the format. It changes whenever an older state can not be gone on with.
const VERSION: u32 = 1;
/// No header is longer, in bytes.
const HEADER_MAX: usize = 1 << 16;

/// The first line of a state file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    magic: String,
    version: u32,
    /// Whose state it is.
    identity: String,
    /// The length of the state in bytes.
    bytes: u64,
    /// The CRC32C of the state.
    crc32c: u32,
}

/// Why a state can not be read or written. The messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file can not be read.
    #[error("{}: can not read the state: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file can not be written; it is as it was.
    #[error("{}: can not write the state: {}", .path.display(), file::explain(.error))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file is not a state file, or not whole.
    #[error("{}: {what}: remove it to begin anew, or name another directory", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The state is of something else.
    #[error(
        "{}: the state is of another run: {found}, but this is {expected}: repeat that one to go \
         on with it, or name another directory", .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose state it is.
        found: String,
        /// Whose is wanted.
        expected: String,
    },
}

/// Reads the state of `identity`, if there is one.
///
/// # Errors
/// If there is something else.
pub fn read<T: DeserializeOwned>(path: &Path, identity: &str) -> Result<Option<T>, StateError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let path = path.into();
            return Err(StateError::Read { path, error });
        }
    };
    let damaged = |what: &str| StateError::Damaged {
        path: path.into(),
        what: what.into(),
    };
    let end = bytes
        .iter()
        .take(HEADER_MAX)
        .position(|byte| *byte == b'\n');
    let header = end.and_then(|end| serde_json::from_slice::<Header>(&bytes[..end]).ok());
    let (Some(end), Some(header)) = (end, header.filter(|header| header.magic == MAGIC)) else {
        return Err(damaged("not a state file of cutpoint"));
    };
    if header.version != VERSION {
        let what = format!(
            "a state file of version {}, and this cutpoint knows version {VERSION}",
            header.version
        );
        return Err(damaged(&what));
    }
    let body = &bytes[end + 1..];
    if body.len() as u64 != header.bytes || crc32c::crc32c(body) != header.crc32c {
        return Err(damaged("the state file is damaged or was cut off"));
    }
    if header.identity != identity {
        return Err(StateError::Foreign {
            path: path.into(),
            found: header.identity,
            expected: identity.into(),
        });
    }
    let state = serde_json::from_slice(body);
    state
        .map(Some)
        .map_err(|error| damaged(&format!("the state makes no sense ({error})")))
}

/// Writes the state of `identity` in place of an older one.
///
/// # Errors
/// If it can not be written.
///
/// # Crash
/// The file has the older state or the new one.
pub fn write(path: &Path, identity: &str, state: &impl Serialize) -> Result<(), StateError> {
    let failed = |error| StateError::Write {
        path: path.into(),
        error,
    };
    let body = serde_json::to_vec(state).map_err(|error| failed(error.into()))?;
    let header = Header {
        magic: MAGIC.into(),
        version: VERSION,
        identity: identity.into(),
        bytes: body.len() as u64,
        crc32c: crc32c::crc32c(&body),
    };
    let header = serde_json::to_vec(&header).map_err(|error| failed(error.into()))?;
    file::replace(path, |file| {
        file.write_all(&header)?;
        file.write_all(b"\n")?;
        file.write_all(&body)
    })
    .map_err(failed)
}

/// A text that lives as long as the process: names in a state are few, and compared with names in
/// the program's text.
pub fn intern(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    texts.insert(text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_by_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        assert_eq!(read::<u32>(&path, "a").unwrap(), None);
        write(&path, "a", &7_u32).unwrap();
        assert_eq!(read::<u32>(&path, "a").unwrap(), Some(7));
        let foreign = read::<u32>(&path, "b").unwrap_err().to_string();
        assert!(
            foreign.contains("another run: a, but this is b"),
            "{foreign}"
        );
        let other = read::<Vec<String>>(&path, "a").unwrap_err().to_string();
        assert!(other.contains("makes no sense"), "{other}");
    }

    #[test]
    fn no_bytes_make_a_reader_panic() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        write(&path, "a", &vec![1_u64, 2, 3]).unwrap();
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let error = read::<Vec<u64>>(&path, "a").unwrap_err().to_string();
            assert!(error.contains("remove it to begin anew"), "{error}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x15;
            fs::write(&path, &bytes).unwrap();
            assert!(read::<Vec<u64>>(&path, "a").is_err(), "byte {at}");
        }
        let newer = String::from_utf8(whole)
            .unwrap()
            .replace("\"version\":1", "\"version\":9");
        fs::write(&path, newer).unwrap();
        let error = read::<Vec<u64>>(&path, "a").unwrap_err().to_string();
        assert!(error.contains("version 9"), "{error}");
    }
}
