//! The device: what is in flight, what its volatile cache holds, and what is on the medium.
//!
//! A write is in flight until the device completes it, then it is in the cache until a flush moves
//! it to the medium. A power cut may keep or lose each write of either kind: for every location the
//! medium ends up with what it had or with one of the writes to it. A flush moves completed writes
//! only. Writes of one class complete together, which loses nothing: see the model's first page.

use super::Cache;
use crate::journal::state::{Blocks, Map};
use std::fmt;

/// Where something is on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// The home of a block, whatever it is used for.
    Home(u8),
    /// The home of the map.
    HomeOfMap,
    /// Descriptor, revoke records and the copy of the map, in a slot of the log.
    Descriptor(u8),
    /// The copy of a block, in a slot of the log.
    Copy(u8, u8),
    /// The commit block, in a slot of the log.
    CommitBlock(u8),
    /// The superblock of the log, which holds its tail.
    LogSuperblock,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Home(block) => write!(f, "home of block {block}"),
            Self::HomeOfMap => write!(f, "home of map"),
            Self::Descriptor(slot) => write!(f, "descriptor in slot {slot}"),
            Self::Copy(slot, block) => write!(f, "copy of block {block} in slot {slot}"),
            Self::CommitBlock(slot) => write!(f, "commit block in slot {slot}"),
            Self::LogSuperblock => write!(f, "log superblock"),
        }
    }
}

/// What a location holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Bytes of no interest.
    Garbage,
    /// Metadata as of this transaction.
    Metadata(u8),
    /// Data of the owner that allocated the block in this transaction.
    Data(u8),
    /// The map.
    Map(Map),
    /// The beginning of a transaction in the log.
    Descriptor {
        /// The transaction.
        tid: u8,
        /// The blocks of which copies follow.
        tags: Blocks,
        /// The blocks that it revokes.
        revoked: Blocks,
        /// The copy of the map.
        map: Map,
    },
    /// The commit block of this transaction.
    CommitBlock(u8),
    /// The first transaction that recovery must look at.
    Tail(u8),
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbage => write!(f, "?"),
            Self::Metadata(tid) => write!(f, "m{tid}"),
            Self::Data(tid) => write!(f, "d{tid}"),
            Self::Map(map) => write!(f, "{map}"),
            Self::Descriptor {
                tid, tags, revoked, ..
            } => write!(f, "{tid}:{tags}-{revoked}"),
            Self::CommitBlock(tid) => write!(f, "c{tid}"),
            Self::Tail(tid) => write!(f, "tail {tid}"),
        }
    }
}

/// What a write is for; who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// File data.
    Data,
    /// Log blocks before the commit block.
    Log,
    /// Metadata to its home location.
    Home,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "of data",
            Self::Log => "of log",
            Self::Home => "to home",
        })
    }
}

/// A write that is not durable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Write {
    /// Where to.
    pub location: Location,
    /// What.
    pub content: Content,
    /// Its class while it is in flight; nothing once it has completed.
    pub in_flight: Option<Class>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// What is durable, in order of location.
    pub medium: Vec<(Location, Content)>,
    /// What is not, in the order in which a flush would apply it.
    pub pending: Vec<Write>,
}

impl Device {
    /// What is durable at `location`.
    pub fn durable(&self, location: Location) -> &Content {
        let found = self.medium.binary_search_by_key(&location, |(l, _)| *l);
        found.map_or(&Content::Garbage, |at| &self.medium[at].1)
    }

    /// What a read of `location` returns: the newest write.
    pub fn read(&self, location: Location) -> &Content {
        let newest = self.pending.iter().rfind(|w| w.location == location);
        newest.map_or_else(|| self.durable(location), |write| &write.content)
    }

    /// Makes `content` durable at once.
    pub fn write_through(&mut self, location: Location, content: Content) {
        match self.medium.binary_search_by_key(&location, |(l, _)| *l) {
            Ok(at) => self.medium[at].1 = content,
            Err(at) => self.medium.insert(at, (location, content)),
        }
    }

    /// Submits a write.
    pub fn submit(&mut self, location: Location, content: Content, class: Class) {
        self.pending.push(Write {
            location,
            content,
            in_flight: Some(class),
        });
    }

    /// Puts a write into the cache, as if it were submitted and complete.
    pub fn write_cached(&mut self, location: Location, content: Content) {
        self.pending.push(Write {
            location,
            content,
            in_flight: None,
        });
    }

    /// Whether a write of the class is in flight.
    pub fn has_in_flight(&self, class: Class) -> bool {
        let mut pending = self.pending.iter();
        pending.any(|write| write.in_flight == Some(class))
    }

    /// Completes the writes of a class: they are in the cache, or durable if there is none.
    pub fn complete(&mut self, class: Class, cache: Cache) {
        let is_done = |write: &mut Write| write.in_flight == Some(class);
        let done: Vec<_> = self.pending.extract_if(.., is_done).collect();
        for write in done {
            match cache {
                Cache::Volatile => self.write_cached(write.location, write.content),
                Cache::WriteThrough => self.write_through(write.location, write.content),
            }
        }
    }

    /// Fails the writes of a class: nothing of them is written.
    pub fn fail(&mut self, class: Class) {
        self.pending.retain(|write| write.in_flight != Some(class));
    }

    /// Makes every completed write durable.
    pub fn flush(&mut self) {
        let is_cached = |write: &mut Write| write.in_flight.is_none();
        let cached: Vec<_> = self.pending.extract_if(.., is_cached).collect();
        for write in cached {
            self.write_through(write.location, write.content);
        }
    }

    /// The first location whose fate at a power cut is open, with how many writes to it there are.
    pub fn undecided(&self) -> Option<(Location, u8)> {
        let location = self.pending.iter().map(|write| write.location).min()?;
        let writes = self.pending.iter().filter(|w| w.location == location);
        let count = u8::try_from(writes.count()).expect("a model has few writes");
        Some((location, count))
    }

    /// Decides the fate of a location: the `kept`-th write to it survives, or none does.
    pub fn decide(&mut self, location: Location, kept: Option<u8>) {
        let is_here = |write: &mut Write| write.location == location;
        let writes: Vec<_> = self.pending.extract_if(.., is_here).collect();
        if let Some(kept) = kept {
            self.write_through(location, writes[usize::from(kept)].content.clone());
        }
    }
}
