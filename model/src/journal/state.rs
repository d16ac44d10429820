//! What the actors of the journal share.

use super::Config;
use super::device::{Content, Device, Location};
use crate::readable::{Cell, Picture, Readable, Shade, fmt_variables, spaced};
use std::fmt;

/// A set of blocks.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blocks(pub u8);

impl Blocks {
    /// Whether `block` is in it.
    pub fn contains(self, block: u8) -> bool {
        self.0 & (1 << block) != 0
    }

    /// Puts `block` in.
    pub fn insert(&mut self, block: u8) {
        self.0 |= 1 << block;
    }

    /// Takes every block of `other` out.
    pub fn remove_all(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// Its blocks, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |block| self.contains(*block))
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks: Vec<_> = self.iter().map(|block| block.to_string()).collect();
        write!(f, "{{{}}}", blocks.join(","))
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a block is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// Nothing.
    Free,
    /// Metadata, which is journalled.
    Metadata,
    /// Data, which is not; allocated in this transaction.
    Data(u8),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => write!(f, "-"),
            Self::Metadata => write!(f, "m"),
            Self::Data(tid) => write!(f, "d{tid}"),
        }
    }
}

/// The metadata that says what the other blocks are used for: bitmaps and inodes in one block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map {
    /// The transaction that changed it last.
    pub tid: u8,
    /// What each block is used for.
    pub owners: Vec<Owner>,
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.tid, spaced(&self.owners))
    }
}

/// The metadata after a transaction: what is in memory, and what recovery must restore.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metadata {
    /// The map.
    pub map: Map,
    /// For each block that is metadata, the transaction that changed it last.
    pub versions: Vec<u8>,
}

/// A transaction that has not committed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transaction {
    /// Its number, from 1.
    pub tid: u8,
    /// Metadata blocks that it has changed.
    pub modified: Blocks,
    /// Blocks that it has freed.
    pub freed: Blocks,
    /// Those of them that were metadata.
    pub revoked: Blocks,
    /// Blocks that it has allocated for data.
    pub ordered: Blocks,
}

impl Transaction {
    /// An empty one.
    pub fn new(tid: u8) -> Self {
        Self {
            tid,
            modified: Blocks::default(),
            freed: Blocks::default(),
            revoked: Blocks::default(),
            ordered: Blocks::default(),
        }
    }
}

/// A handle between its first change and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    /// The transaction that it has joined.
    pub tid: u8,
    /// The block that it changes.
    pub block: u8,
    /// What the map will say of that block.
    pub owner: Owner,
}

/// What the commit thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Write the log blocks.
    WriteLog,
    /// Wait for ordered data.
    WaitOrderedData,
    /// Wait for the log blocks.
    WaitLog,
    /// Flush.
    Preflush,
    /// Write the commit block.
    WriteCommitBlock,
}

/// A transaction that is being committed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit {
    /// The transaction.
    pub transaction: Transaction,
    /// The metadata as it was when the transaction was closed.
    pub frozen: Metadata,
    /// What comes next.
    pub stage: Stage,
}

/// How far a committed transaction has come on its way home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Homeward {
    /// It is in the log only.
    InLog,
    /// Its blocks have been submitted to their homes.
    Written,
    /// They are durable there.
    Durable,
}

/// A committed transaction that the log still holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkpoint {
    /// The transaction.
    pub tid: u8,
    /// Its blocks that no later committed transaction has.
    pub blocks: Blocks,
    /// Whether no later committed transaction has the map.
    pub map: bool,
    /// How far it has come.
    pub homeward: Homeward,
}

/// Whether there is power, and how far a mount has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Power {
    /// The system runs.
    On,
    /// The power has failed, and what the device kept is being decided.
    Off,
    /// The copies have been written home.
    Replayed,
    /// They are durable.
    Flushed,
    /// Recovery is complete.
    Recovered,
}

/// A state of the journal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The metadata in memory.
    pub memory: Metadata,
    /// The handle that is open.
    pub handle: Option<Handle>,
    /// Handles begun so far.
    pub handles: u8,
    /// The running transaction.
    pub running: Transaction,
    /// Whether it is locked: no handle may join it.
    pub locked: bool,
    /// The committing transaction.
    pub committing: Option<Commit>,
    /// The committed transactions in the log, oldest first.
    pub checkpoints: Vec<Checkpoint>,
    /// The first transaction whose space in the log may not be used again.
    pub space_from: u8,
    /// Whether a write of log blocks has failed.
    pub log_failed: bool,
    /// Whether a write to a home location has failed.
    pub home_failed: bool,
    /// Whether the journal has stopped because of an error.
    pub aborted: bool,
    /// The device.
    pub device: Device,
    /// Whether there is power.
    pub power: Power,
    /// Power cuts so far.
    pub crashes: u8,
    /// The last transaction that recovery found complete after the first power cut, and after the
    /// last one. The first is for invariants only.
    pub recovered_to: Option<(u8, u8)>,
    /// The last transaction whose commit was announced. For invariants only.
    pub acknowledged: u8,
    /// The metadata after each transaction that was closed, from 0, the state before the first.
    /// For invariants only.
    pub history: Vec<Metadata>,
}

impl State {
    /// The initial state: every block is metadata, everything is at home, the log is empty.
    pub fn mounted(config: &Config) -> Self {
        let blocks = usize::from(config.blocks);
        let metadata = Metadata {
            map: Map {
                tid: 0,
                owners: vec![Owner::Metadata; blocks],
            },
            versions: vec![0; blocks],
        };
        let homes = (0..config.blocks).map(|b| (Location::Home(b), Content::Metadata(0)));
        let mut medium: Vec<_> = homes.collect();
        medium.push((Location::HomeOfMap, Content::Map(metadata.map.clone())));
        medium.push((Location::LogSuperblock, Content::Tail(1)));
        Self {
            memory: metadata.clone(),
            handle: None,
            handles: 0,
            running: Transaction::new(1),
            locked: false,
            committing: None,
            checkpoints: Vec::new(),
            space_from: 1,
            log_failed: false,
            home_failed: false,
            aborted: false,
            device: Device {
                medium,
                pending: Vec::new(),
            },
            power: Power::On,
            crashes: 0,
            recovered_to: None,
            acknowledged: 0,
            history: vec![metadata],
        }
    }

    /// Blocks freed by a transaction that has not committed.
    pub fn freed_uncommitted(&self) -> Blocks {
        let committing = self.committing.as_ref();
        let committing = committing.map_or(0, |commit| commit.transaction.freed.0);
        Blocks(self.running.freed.0 | committing)
    }

    /// Blocks changed by a transaction that has not committed.
    pub fn modified_uncommitted(&self) -> Blocks {
        let committing = self.committing.as_ref();
        let committing = committing.map_or(0, |commit| commit.transaction.modified.0);
        Blocks(self.running.modified.0 | committing)
    }

    /// Whether a transaction that has not committed has changed the map.
    pub fn map_is_uncommitted(&self) -> bool {
        self.committing.is_some() || self.memory.map.tid == self.running.tid
    }

    /// The tail of the log that a recovery would find.
    pub fn durable_tail(&self) -> u8 {
        match self.device.durable(Location::LogSuperblock) {
            Content::Tail(tid) => *tid,
            other => unreachable!("the log's superblock holds {other}"),
        }
    }
}

impl Readable for State {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let commit = self.committing.as_ref().map(|commit| {
            let Commit {
                transaction, stage, ..
            } = commit;
            format!("{} {stage:?}", transaction.tid)
        });
        let checkpoints = self.checkpoints.iter();
        let checkpoints = checkpoints.map(|c| format!("{}:{}{:?}", c.tid, c.blocks, c.homeward));
        let handle = self.handle.map(|h| format!("{} on {}", h.tid, h.block));
        let pending = self.device.pending.iter().map(|write| {
            let class = if write.in_flight.is_some() { ">" } else { "~" };
            format!("{}{class}{};", write.content, write.location)
        });
        let medium = self.device.medium.iter();
        vec![
            ("power", format!("{:?}", self.power)),
            ("map", self.memory.map.to_string()),
            ("versions", spaced(&self.memory.versions)),
            ("handle", handle.unwrap_or_default()),
            (
                "running",
                format!(
                    "{} modified {} freed {}{}",
                    self.running.tid,
                    self.running.modified,
                    self.running.freed,
                    if self.locked { " locked" } else { "" }
                ),
            ),
            ("committing", commit.unwrap_or_default()),
            ("checkpoint", spaced(checkpoints)),
            ("pending", spaced(pending)),
            (
                "medium",
                spaced(medium.map(|(location, content)| format!("{content}@{location};"))),
            ),
            ("acknowledged", self.acknowledged.to_string()),
            ("aborted", self.aborted.to_string()),
        ]
    }

    fn picture(&self) -> Picture {
        let blocks = 0..u8::try_from(self.memory.versions.len()).expect("few blocks");
        let at = |location: Location| {
            let settled = self.device.durable(location);
            let newest = self.device.read(location);
            let shade = match (settled == newest, newest) {
                (false, _) => Shade::Moving,
                (true, Content::Garbage) => Shade::Foreign,
                (true, _) => Shade::Settled,
            };
            Cell::new(newest, shade)
        };
        let changed = self.modified_uncommitted();
        let memory = |block: u8| {
            let shade = if changed.contains(block) {
                Shade::Dirty
            } else {
                Shade::Settled
            };
            let owner = self.memory.map.owners[usize::from(block)];
            match owner {
                Owner::Metadata => Cell::new(
                    format!("m{}", self.memory.versions[usize::from(block)]),
                    shade,
                ),
                Owner::Free => Cell::new("free", Shade::Empty),
                Owner::Data(_) => Cell::new(owner, Shade::Foreign),
            }
        };
        let slots = self.device.medium.iter().map(|(location, _)| *location);
        let slots = slots.chain(self.device.pending.iter().map(|write| write.location));
        let slot = |location| match location {
            Location::Descriptor(slot) | Location::CommitBlock(slot) => Some(slot),
            _ => None,
        };
        let slots = slots.filter_map(slot).max().map_or(0, |slot| slot + 1);
        let mut rows = vec![
            ("memory", blocks.clone().map(memory).collect()),
            (
                "home",
                blocks
                    .clone()
                    .map(|block| at(Location::Home(block)))
                    .collect(),
            ),
        ];
        for slot in 0..slots {
            let copies = blocks.clone().map(|block| at(Location::Copy(slot, block)));
            let ends = [Location::Descriptor(slot), Location::CommitBlock(slot)];
            rows.push(("log slot", copies.chain(ends.map(at)).collect()));
        }
        let variables = self.variables().into_iter();
        let caption = variables.filter(|(name, _)| !["medium", "pending"].contains(name));
        Picture {
            caption: caption
                .map(|(name, value)| format!("{name}: {value}"))
                .collect(),
            rows,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_variables(self, f)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_variables(self, f)
    }
}
