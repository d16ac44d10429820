//! What the actors of the race share.

use super::{Config, Initial};
use crate::file::{Content, Data, Disk, Extent, Folio, Inode, Lblk, Metadata, Pblk};
use crate::readable::{Picture, Readable, fmt_variables, spaced};
use crate::step::Actor;
use std::fmt;

/// How `i_rwsem` is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Not at all.
    No,
    /// With others.
    Shared,
    /// Alone.
    Exclusive,
}

/// Where a direct write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// Before it.
    Begin,
    /// It has the lock.
    Locked,
    /// It has to take the lock again, exclusively.
    Relock,
    /// It is checked.
    Checked,
    /// It is to be mapped; it counts as direct I/O.
    Counted,
    /// It is mapped.
    Mapped,
    /// Its data is with the device.
    InFlight,
    /// Its data is on the device.
    Written,
    /// Its blocks are converted, in a handle of their own.
    Converted,
    /// It has seen that a size is to be raised.
    Extending,
    /// The device could not write it.
    Failed,
    /// The orphan record is deleted and the sizes are not raised, which is wrong.
    Unprotected,
    /// The inode is up to date, but the page cache need not be.
    Ended,
    /// The page cache is too.
    Invalidated,
    /// What was mapped and not written is freed, and the rest is left to the page cache.
    Trimmed,
    /// The rest goes through the page cache.
    Rest(RestAt),
    /// The lock is released.
    Unlocked,
    /// It has returned.
    Done,
}

/// Where a direct write is whose rest goes through the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestAt {
    /// Before it: the lock was released.
    Begin,
    /// It has the lock again.
    Locked,
    /// Its block is delayed.
    Reserved {
        /// What says how long the map holds.
        cookie: u8,
    },
    /// The folio is locked.
    FolioLocked {
        /// As before.
        cookie: u8,
    },
    /// The map was found to be current.
    Current,
    /// The data is in the folio.
    Copied,
    /// The map was found to be stale.
    Stale,
    /// The folio is unlocked, and the reservation is to be given back.
    Unused,
    /// The write is made, under the lock still.
    Written,
    /// The lock is released, and the block is to be written back and to leave the cache.
    Flush,
}

/// A direct write of one block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Direct {
    /// Where it is.
    pub at: At,
    /// How it holds `i_rwsem`.
    pub held: Held,
    /// Whether it was found to extend the file.
    pub extends: bool,
    /// Where its data goes.
    pub pblk: Option<Pblk>,
    /// Whether it failed.
    pub failed: bool,
    /// Whether it has promised that its data is durable.
    pub promised: bool,
    /// Whether it maps one block more than can be written directly.
    pub short: bool,
}

/// Where writeback is with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WritebackAt {
    /// Before it.
    Begin,
    /// The folio is under writeback.
    Locked,
    /// Its block is allocated.
    Allocated,
    /// Its data is with the device.
    InFlight,
    /// Its data is on the device.
    Completed,
    /// Its block is converted; the size on disk is not raised yet.
    Converted,
    /// Writeback has finished.
    Done,
}

/// Writeback of one block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flush {
    /// The block.
    pub block: Lblk,
    /// Which write its content is from.
    pub version: u8,
    /// Where it is.
    pub at: WritebackAt,
    /// Who has taken its folio.
    pub by: Actor,
}

impl Flush {
    fn new(block: Lblk, version: u8, at: WritebackAt) -> Self {
        let by = Actor::Writeback;
        Self {
            block,
            version,
            at,
            by,
        }
    }
}

/// Where the truncate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TruncateAt {
    /// Before it.
    Begin,
    /// It holds `i_rwsem`.
    Locked,
    /// No direct I/O is under way.
    Drained,
    /// The file is short, and on the orphan list.
    Shrunk,
    /// The page cache is empty.
    Dropped,
    /// The extents are removed.
    Removed,
    /// It has returned.
    Done,
}

/// Whether there is power, and how far a mount has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Power {
    /// The system runs.
    On,
    /// The power has failed.
    Off,
    /// The journal is replayed, and the orphan list names the file.
    Replayed,
    /// Recovery is complete.
    Recovered,
}

/// A state of the race.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The file in memory.
    pub inode: Inode,
    /// The page cache.
    pub folios: Vec<Folio>,
    /// The direct writes; each writes one block.
    pub direct: Vec<Direct>,
    /// The block of direct write number 0; the others follow it.
    pub first: Lblk,
    /// The block that a buffered write may have made dirty.
    pub tail: Lblk,
    /// Writeback of that block, and after it of the rest of a short direct write.
    pub writeback: Vec<Flush>,
    /// The truncate.
    pub truncate: TruncateAt,
    /// How often the reader may still read.
    pub reads: u8,
    /// What survives a power cut.
    pub disk: Disk,
    /// Commits made so far.
    pub commits: u8,
    /// Whether there is power.
    pub power: Power,
    /// The orphan list was changed by somebody without `i_rwsem`. For invariants only.
    pub changed_unlocked: bool,
}

/// Which write a block's content is from, where it was there at the beginning.
pub const FIRST_VERSION: u8 = 1;

/// Which write a block's content is from, where direct write number `number` wrote it.
pub fn version_of(number: usize) -> u8 {
    FIRST_VERSION + 1 + u8::try_from(number).expect("there are few writes")
}

impl State {
    /// An initial state.
    pub fn new(config: &Config, initial: Initial) -> Self {
        let blocks = config.blocks_at(initial);
        let is_beyond = matches!(initial, Initial::Beyond | Initial::BeyondShort);
        let (first, tail) = match is_beyond {
            true => (Lblk(2), Lblk(1)),
            false => (Lblk(0), Lblk(config.writers)),
        };
        let mut metadata = Metadata::empty(blocks);
        let mut medium = vec![Content::Garbage; 2 * usize::from(blocks)];
        let mut folios = vec![Folio::Absent; usize::from(blocks)];
        if initial == Initial::OneBlock {
            metadata.extents[0] = Extent::Written(Pblk(0));
            metadata.size = 1;
            medium[0] = Content::Data(Data {
                block: Lblk(0),
                version: FIRST_VERSION,
            });
        }
        if matches!(
            initial,
            Initial::Inside | Initial::Beyond | Initial::BeyondShort
        ) {
            metadata.extents[0] = Extent::Unwritten(Pblk(0));
        }
        let mut inode = Inode::mounted(&metadata);
        let mut writeback_at = WritebackAt::Done;
        if !matches!(initial, Initial::Empty | Initial::OneBlock) {
            inode.extents[tail.index()] = Extent::Delayed;
            (inode.reserved, inode.quota_reserved) = (1, 1);
            inode.i_size = tail.end();
            folios[tail.index()] = Folio::dirty(FIRST_VERSION);
            writeback_at = WritebackAt::Begin;
        }
        let mut writeback = vec![Flush::new(tail, FIRST_VERSION, writeback_at)];
        if initial == Initial::BeyondShort {
            let rest = Lblk(first.end());
            writeback.push(Flush::new(rest, version_of(0), WritebackAt::Begin));
        }
        let direct = Direct {
            at: At::Begin,
            held: Held::No,
            extends: false,
            pblk: None,
            failed: false,
            promised: false,
            short: initial == Initial::BeyondShort,
        };
        Self {
            inode,
            folios,
            direct: vec![direct; usize::from(config.writers)],
            first,
            tail,
            writeback,
            truncate: TruncateAt::Begin,
            reads: config.reads,
            disk: Disk {
                committed: metadata,
                medium,
            },
            commits: 0,
            power: Power::On,
            changed_unlocked: false,
        }
    }

    /// The block that a short direct write leaves to the page cache.
    pub fn rest(&self) -> Option<Lblk> {
        self.writeback.get(1).map(|flush| flush.block)
    }

    /// The block that direct write `number` writes.
    pub fn block_of(&self, number: usize) -> Lblk {
        Lblk(self.first.0 + u8::try_from(number).expect("there are few writes"))
    }

    /// The number of the direct write that writes a block.
    pub fn number_of(&self, block: Lblk) -> Option<usize> {
        let number = block.index().checked_sub(self.first.index())?;
        (number < self.direct.len()).then_some(number)
    }

    /// Whether the truncate holds `i_rwsem`.
    pub fn truncate_holds_lock(&self) -> bool {
        !matches!(self.truncate, TruncateAt::Begin | TruncateAt::Done)
    }

    /// Whether somebody but direct write `number` holds `i_rwsem`, exclusively or at all.
    pub fn lock_is_taken(&self, number: Option<usize>, exclusively: bool) -> bool {
        let others = self.direct.iter().enumerate();
        let mut others = others.filter(|(other, _)| Some(*other) != number);
        self.truncate_holds_lock()
            || others.any(|(_, direct)| match direct.held {
                Held::No => false,
                Held::Shared => !exclusively,
                Held::Exclusive => true,
            })
    }

    /// Direct I/O under way.
    pub fn dio_count(&self) -> usize {
        let counts = |direct: &&Direct| {
            !matches!(
                direct.at,
                At::Begin
                    | At::Locked
                    | At::Relock
                    | At::Checked
                    | At::Invalidated
                    | At::Trimmed
                    | At::Rest(_)
                    | At::Unlocked
                    | At::Done
            )
        };
        self.direct.iter().filter(counts).count()
    }

    /// A block of the disk that is free: neither mapped nor freed since the last commit.
    pub fn free_block(&self) -> Pblk {
        let extents = self.inode.extents.iter();
        let mapped: Vec<_> = extents.filter_map(|extent| extent.pblk()).collect();
        let is_free = |pblk: &Pblk| !mapped.contains(pblk) && !self.inode.freed.contains(pblk);
        let free = (0..).map(Pblk).find(is_free);
        free.expect("there are more numbers than blocks")
    }
}

impl Readable for State {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let inode = &self.inode;
        let direct = self.direct.iter().map(|direct| {
            let extends = if direct.extends { " extending" } else { "" };
            let extends = extends.to_string() + if direct.short { " short" } else { "" };
            let promised = if direct.promised { " promised" } else { "" };
            format!("{:?}/{:?}{extends}{promised};", direct.at, direct.held)
        });
        let committed = &self.disk.committed;
        let orphan = |is_orphan| if is_orphan { " orphan" } else { "" };
        vec![
            ("power", format!("{:?}", self.power)),
            ("mapping", spaced(&inode.extents)),
            (
                "size",
                format!(
                    "{}/{}{}",
                    inode.i_size,
                    inode.i_disksize,
                    orphan(inode.orphan)
                ),
            ),
            ("folios", spaced(&self.folios)),
            ("direct", spaced(direct)),
            (
                "writeback",
                spaced(
                    self.writeback
                        .iter()
                        .map(|flush| format!("{:?};", flush.at)),
                ),
            ),
            ("truncate", format!("{:?}", self.truncate)),
            (
                "committed",
                format!(
                    "{} size {}{}",
                    spaced(&committed.extents),
                    committed.size,
                    orphan(committed.orphan)
                ),
            ),
            ("medium", spaced(&self.disk.medium)),
        ]
    }

    fn picture(&self) -> Picture {
        let shown = ["power", "size", "direct", "writeback", "truncate"];
        Picture::captioned(self, &shown).with_file(&self.folios, &self.inode, &self.disk)
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
