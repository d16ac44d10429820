//! What is known about a part of the files: what it holds now, what of that is durable, and what
//! has happened since. The same is kept by the threads while they run and, from their logs, by who
//! judges what a killed run has left.

use super::plan::{Part, Plan};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

/// Bytes of a record in a log.
const RECORD: usize = 24;

/// A change. It may have happened, in part too, from the moment at which it is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Bytes are written by write number `op`.
    Write { op: u32, range: Range<u64> },
    /// Bytes become zero; the size stays.
    Zero(Range<u64>),
    /// The file ends there now.
    Size(u64),
    /// The file is made, empty.
    Create,
    /// Its name is removed.
    Unlink,
}

/// What a log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Record {
    Change(Change),
    /// Everything so far is durable: fsync has returned.
    Durable,
    /// The bytes of a range are: a synchronous write has returned.
    RangeDurable(Range<u64>),
}

/// What a part holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    exists: bool,
    /// From the beginning of the file on; those that are not the part's mean nothing.
    bytes: Vec<u8>,
}

/// A part of the files, and its history since it was last durable.
#[derive(Debug)]
pub struct Stretch {
    /// Which.
    pub part: Part,
    current: State,
    durable: State,
    /// Changes since all was durable.
    later: Vec<Change>,
    /// How many of those came before a byte was made durable by itself. Bytes that it leaves out
    /// have not been.
    since: Vec<usize>,
    /// Writes so far, and all changes, and how often something was promised.
    writes: u32,
    changes: u64,
    promises: u64,
    log: Option<File>,
}

impl Stretch {
    /// A part that does not exist. Its history goes to a log in `folder` too, if there is one.
    ///
    /// # Errors
    /// The log can not be made.
    pub fn new(part: Part, folder: Option<&Path>) -> std::io::Result<Stretch> {
        let log = folder.map(|folder| File::create_new(folder.join(part.name())));
        Ok(Stretch {
            part,
            current: State::default(),
            durable: State::default(),
            later: Vec::new(),
            since: Vec::new(),
            writes: 0,
            changes: 0,
            promises: 0,
            log: log.transpose()?,
        })
    }

    /// A part as its log tells of it. A record that was cut off is none.
    ///
    /// # Errors
    /// The log can not be read, or is not one.
    pub fn replay(part: Part, folder: &Path) -> Result<Stretch, String> {
        let path = folder.join(part.name());
        let failed = |why: String| format!("{}: {why}", path.display());
        let mut stretch = Stretch::new(part, None).map_err(|error| failed(error.to_string()))?;
        let log = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        for record in log.chunks_exact(RECORD) {
            let record = decode(record).ok_or_else(|| failed("this is no record".into()))?;
            stretch.apply(record);
        }
        Ok(stretch)
    }

    /// Where it ends now, in bytes.
    pub fn size(&self) -> u64 {
        self.current.bytes.len() as u64
    }

    /// What it holds now; nothing beyond its end.
    pub fn content(&self, range: Range<u64>) -> &[u8] {
        let size = self.current.bytes.len();
        let range = size.min(range.start as usize)..size.min(range.end as usize);
        &self.current.bytes[range]
    }

    /// Notes a write that is about to be made, and gives what it writes.
    pub fn write(&mut self, range: Range<u64>) -> Vec<u8> {
        let op = self.writes;
        let bytes = self.part.bytes(op, range.clone());
        self.change(Change::Write { op, range });
        bytes
    }

    /// Notes a change that is about to be made.
    pub fn change(&mut self, change: Change) {
        self.note(Record::Change(change));
    }

    /// Notes that everything so far is durable.
    pub fn durable(&mut self) {
        self.note(Record::Durable);
    }

    /// Notes that some bytes are durable, of a file that is.
    pub fn range_durable(&mut self, range: Range<u64>) {
        self.note(Record::RangeDurable(range));
    }

    fn note(&mut self, record: Record) {
        if let Some(log) = &mut self.log {
            // Without its log a run proves nothing.
            log.write_all(&encode(&record)).expect("the log is written");
        }
        self.apply(record);
    }

    /// How many changes there have been.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How often something was promised durable.
    pub fn promises(&self) -> u64 {
        self.promises
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Change(change) => {
                self.changes += 1;
                self.writes += u32::from(matches!(change, Change::Write { .. }));
                self.current.apply(self.part, &change);
                self.later.push(change);
            }
            Record::Durable => {
                self.promises += 1;
                self.durable = self.current.clone();
                self.later.clear();
                self.since.clear();
            }
            Record::RangeDurable(range) => {
                self.promises += 1;
                let range = range.start as usize..range.end as usize;
                if self.since.len() < range.end {
                    self.since.resize(range.end, 0);
                }
                self.since[range.clone()].fill(self.later.len());
                let bytes = &self.current.bytes[range.clone()];
                self.durable.bytes[range].copy_from_slice(bytes);
            }
        }
    }

    /// Judges what a file holds, or that it is missing: it must be what it was when it was last
    /// durable, or, byte by byte, what a later change made of it.
    ///
    /// # Errors
    /// What it may not be.
    pub fn judge(&self, plan: &Plan, found: Option<&[u8]>) -> Result<(), String> {
        let name = self.part.file_name();
        let mut states = vec![(self.durable.exists, self.durable.bytes.len())];
        let mut state = self.durable.clone();
        for change in &self.later {
            state.apply(self.part, change);
            states.push((state.exists, state.bytes.len()));
        }
        if !states.iter().any(|(exists, _)| *exists == found.is_some()) {
            let is = if found.is_some() {
                "exists"
            } else {
                "is missing"
            };
            return Err(format!("{name} {is}"));
        }
        let Some(found) = found else {
            return Ok(());
        };
        let sizes = states.iter().filter(|(exists, _)| *exists);
        let sizes = sizes.map(|(_, size)| *size);
        let (least, most) = (sizes.clone().min().unwrap_or(0), sizes.max().unwrap_or(0));
        if !matches!(self.part, Part::Own { .. }) && !(least..=most).contains(&found.len()) {
            let size = found.len();
            return Err(format!("{name} has {size} bytes, not {least} to {most}"));
        }
        for (offset, byte) in found.iter().enumerate() {
            if plan.covers(self.part, offset as u64) && !self.allows(offset, *byte) {
                let (durable, now) = (
                    self.durable.bytes.get(offset),
                    self.current.bytes.get(offset),
                );
                return Err(format!(
                    "{name} holds {byte} at byte {offset}; {durable:?} is durable and {now:?} the \
                     latest ({:?})",
                    self.part
                ));
            }
        }
        Ok(())
    }

    fn allows(&self, offset: usize, byte: u8) -> bool {
        let durable = self.durable.bytes.get(offset);
        if durable == Some(&byte) || self.current.bytes.get(offset) == Some(&byte) {
            return true;
        }
        // Zeroes are what a size shows that is on disk before the data.
        let is_gap = byte == 0 && durable.is_none();
        let later = &self.later[self.since.get(offset).copied().unwrap_or(0)..];
        is_gap
            || later
                .iter()
                .any(|change| change.leaves(self.part, offset as u64, byte))
    }
}

impl State {
    fn apply(&mut self, part: Part, change: &Change) {
        match change {
            Change::Write { op, range } => {
                let (start, end) = (range.start as usize, range.end as usize);
                self.bytes.resize(self.bytes.len().max(end), 0);
                self.bytes[start..end].copy_from_slice(&part.bytes(*op, range.clone()));
            }
            Change::Zero(range) => {
                let size = self.bytes.len();
                let range = size.min(range.start as usize)..size.min(range.end as usize);
                self.bytes[range].fill(0);
            }
            Change::Size(size) => self.bytes.resize(*size as usize, 0),
            Change::Create => {
                *self = State {
                    exists: true,
                    bytes: Vec::new(),
                }
            }
            Change::Unlink => *self = State::default(),
        }
    }
}

impl Change {
    /// Whether the change may leave that byte there.
    fn leaves(&self, part: Part, offset: u64, byte: u8) -> bool {
        match self {
            Change::Write { op, range } => {
                range.contains(&offset) && part.byte(*op, offset) == byte
            }
            Change::Zero(range) => byte == 0 && range.contains(&offset),
            Change::Size(_) | Change::Create | Change::Unlink => byte == 0,
        }
    }
}

fn encode(record: &Record) -> [u8; RECORD] {
    let (kind, op, a, b) = match record {
        Record::Change(Change::Write { op, range }) => (0_u32, *op, range.start, range.end),
        Record::Change(Change::Zero(range)) => (1, 0, range.start, range.end),
        Record::Change(Change::Size(size)) => (2, 0, *size, 0),
        Record::Change(Change::Create) => (3, 0, 0, 0),
        Record::Change(Change::Unlink) => (4, 0, 0, 0),
        Record::Durable => (5, 0, 0, 0),
        Record::RangeDurable(range) => (6, 0, range.start, range.end),
    };
    let mut bytes = [0; RECORD];
    bytes[..4].copy_from_slice(&kind.to_le_bytes());
    bytes[4..8].copy_from_slice(&op.to_le_bytes());
    bytes[8..16].copy_from_slice(&a.to_le_bytes());
    bytes[16..].copy_from_slice(&b.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Record> {
    let kind = u32::from_le_bytes(bytes[..4].try_into().ok()?);
    let op = u32::from_le_bytes(bytes[4..8].try_into().ok()?);
    let a = u64::from_le_bytes(bytes[8..16].try_into().ok()?);
    let b = u64::from_le_bytes(bytes[16..].try_into().ok()?);
    Some(match kind {
        0 => Record::Change(Change::Write { op, range: a..b }),
        1 => Record::Change(Change::Zero(a..b)),
        2 => Record::Change(Change::Size(a)),
        3 => Record::Change(Change::Create),
        4 => Record::Change(Change::Unlink),
        5 => Record::Durable,
        6 => Record::RangeDurable(a..b),
        _ => return None,
    })
}
