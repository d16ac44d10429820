//! What the actors of the race share.

use super::{Config, Initial};
use crate::file::{Extent, Inode, Lblk, Pblk};
use crate::readable::{Cell, Picture, Readable, Shade, fmt_variables, spaced};
use crate::step::Actor;
use std::fmt;
use std::ops::Range;

/// What the two halves of a block hold: whose write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Halves(pub [Tag; 2]);

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// Zeroes.
    Zero,
    /// What was in the file at the beginning.
    Old,
    /// The write call's.
    Write,
    /// The fault's store.
    Store,
    /// Nobody's: bytes that were there before.
    Garbage,
}

impl fmt::Display for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for tag in self.0 {
            f.write_str(match tag {
                Tag::Zero => "0",
                Tag::Old => "o",
                Tag::Write => "w",
                Tag::Store => "s",
                Tag::Garbage => "?",
            })?;
        }
        Ok(())
    }
}

/// The page cache's copy of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Folio {
    /// What it holds.
    pub halves: Halves,
    /// Whether all of it is content.
    pub uptodate: bool,
    /// Newer than the disk.
    pub dirty: bool,
    /// Being written.
    pub writeback: bool,
}

impl Folio {
    /// One just added to the cache.
    pub fn fresh() -> Self {
        Self {
            halves: Halves([Tag::Garbage; 2]),
            uptodate: false,
            dirty: false,
            writeback: false,
        }
    }
}

/// What the write call knows of the mapping.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteMap {
    /// The first block it covers.
    pub first: Lblk,
    /// The half from which on the write uses it.
    pub from: u8,
    /// The extent of each block from there on.
    pub extents: Vec<Extent>,
    /// The inode's sequence counter when it was true.
    pub cookie: u8,
    /// Whether this call has reserved its blocks.
    pub is_new: bool,
}

impl WriteMap {
    /// The first block after it.
    pub fn end(&self) -> u8 {
        self.first.0 + u8::try_from(self.extents.len()).expect("a file has few blocks")
    }
}

/// Where the write call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriterAt {
    /// Before a look-up.
    Begin,
    /// It found a hole, and reserves next.
    FoundHole,
    /// It has a map.
    Mapped,
    /// It holds the folio lock.
    FolioLocked,
    /// As before, and the map was found current.
    MapChecked,
    /// It has copied up to before this half, and still holds the lock.
    Copied(u8),
    /// It has done with the map, and gives back what it did not use.
    End,
    /// It scans the unused blocks.
    Scan,
    /// It has seen what is to be punched.
    ToPunch,
    /// It has punched.
    Punched,
    /// It has returned.
    Done,
}

/// The write call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    /// The half that comes next, counted from the start of the file.
    pub next: u8,
    /// The half after its last one.
    pub end: u8,
    /// Where it is.
    pub at: WriterAt,
    /// What it knows.
    pub map: Option<WriteMap>,
    /// Whether a copy was short: it returns when it has cleaned up.
    pub is_short: bool,
    /// The block that it scans next.
    pub scan: Lblk,
    /// The blocks that the scan has found and that are not punched yet, ascending.
    pub found: Vec<Lblk>,
    /// The folio that it brought in may have been reclaimed before it locks it.
    pub is_folio_gone: bool,
    /// A folio that it has kept locked after the copy, which is wrong.
    pub kept: Option<Lblk>,
}

/// Where the fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultAt {
    /// Before it.
    Begin,
    /// It holds `invalidate_lock` shared.
    InvalidateLocked,
    /// It holds the folio lock too.
    FolioLocked,
    /// It found a hole.
    FoundHole,
    /// The block is mapped or reserved.
    Mapped,
    /// The store is done, and the folio dirty.
    Stored,
    /// The folio lock is released.
    FolioUnlocked,
    /// It has returned.
    Done,
}

/// Where writeback is with the folio of [`State::writeback_next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WritebackAt {
    /// Before it.
    Between,
    /// It is locked, and under writeback.
    Locked,
    /// It was looked up: delayed, in a run that ends before this block. `i_data_sem` is held.
    LookedUp(Lblk),
    /// It is mapped, or known to be a hole.
    Mapped,
    /// Its data is with the device.
    Submitted,
    /// Writeback has finished.
    Done,
}

/// A state of the race.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The file in memory. Its size never changes here.
    pub inode: Inode,
    /// The page cache.
    pub folios: Vec<Option<Folio>>,
    /// What each block of the disk holds.
    pub medium: Vec<Halves>,
    /// Data on its way: block, content and target.
    pub ioends: Vec<(Lblk, Halves, Pblk)>,
    /// The write call.
    pub writer: Writer,
    /// The fault.
    pub fault: FaultAt,
    /// The block whose folio is being written back, or comes next.
    pub writeback_next: Lblk,
    /// Where writeback is with it.
    pub writeback: WritebackAt,
    /// Folios that may still be reclaimed.
    pub reclaims: u8,
    /// Passes of writeback that remain, the current one included.
    pub passes: u8,
    /// Blocks that one folio holds, which are locked and reclaimed together.
    pub per_folio: u8,
    /// The block that the fault is at: it prepares every block of its folio.
    pub fault_at: Lblk,
    /// What a reader must see of each block. For invariants only.
    pub expected: Vec<Halves>,
}

impl State {
    /// An initial state: what the blocks are, and which halves are written.
    pub fn new(config: &Config, blocks: &[Initial], range: (u8, u8)) -> Self {
        let count = usize::from(config.blocks);
        let mut inode = Inode::all_delayed(config.blocks);
        let dirty = |block: &&Initial| **block == Initial::Dirty;
        let reserved = blocks.iter().filter(dirty).count();
        let reserved = i8::try_from(reserved).expect("a file has few blocks");
        (inode.reserved, inode.quota_reserved) = (reserved, reserved);
        let old = Folio {
            halves: Halves([Tag::Old; 2]),
            uptodate: true,
            dirty: true,
            writeback: false,
        };
        let is_dirty = |block: &Initial| *block == Initial::Dirty;
        inode.extents = blocks
            .iter()
            .map(|block| {
                if is_dirty(block) {
                    Extent::Delayed
                } else {
                    Extent::Hole
                }
            })
            .collect();
        let expected = |block| Halves([if is_dirty(block) { Tag::Old } else { Tag::Zero }; 2]);
        Self {
            inode,
            folios: blocks.iter().map(|b| is_dirty(b).then_some(old)).collect(),
            medium: vec![Halves([Tag::Garbage; 2]); 2 * count],
            ioends: Vec::new(),
            writer: Writer {
                next: range.0,
                end: range.1,
                at: WriterAt::Begin,
                map: None,
                is_short: false,
                scan: Lblk(0),
                found: Vec::new(),
                is_folio_gone: false,
                kept: None,
            },
            fault: FaultAt::Begin,
            writeback_next: Lblk(0),
            writeback: WritebackAt::Between,
            reclaims: config.reclaims,
            passes: config.passes,
            per_folio: config.blocks_per_folio,
            fault_at: Lblk(0),
            expected: blocks.iter().map(expected).collect(),
        }
    }

    /// The block that the fault stores to: the last one.
    pub fn fault_block(&self) -> Lblk {
        Lblk(u8::try_from(self.folios.len() - 1).expect("a file has few blocks"))
    }

    /// The block that the write call is at.
    pub fn write_block(&self) -> Lblk {
        Lblk(self.writer.next / 2)
    }

    /// Who holds the lock of a folio. Where an actor is says which locks it holds.
    pub fn folio_lock(&self, block: Lblk) -> Option<Actor> {
        let writer = matches!(
            self.writer.at,
            WriterAt::FolioLocked | WriterAt::MapChecked | WriterAt::Copied(_)
        );
        let fault = matches!(
            self.fault,
            FaultAt::FolioLocked | FaultAt::FoundHole | FaultAt::Mapped | FaultAt::Stored
        );
        let writeback = !matches!(self.writeback, WritebackAt::Between | WritebackAt::Done);
        let is_here = |other: Lblk| self.folio(other).contains(&block.0);
        if (writer && is_here(self.write_block())) || self.writer.kept.is_some_and(is_here) {
            Some(Actor::Writer)
        } else if fault && is_here(self.fault_block()) {
            Some(Actor::Fault)
        } else {
            (writeback && is_here(self.writeback_next)).then_some(Actor::Writeback)
        }
    }

    /// The blocks of the folio that holds a block.
    pub fn folio(&self, block: Lblk) -> Range<u8> {
        let first = block.0 / self.per_folio * self.per_folio;
        let blocks = u8::try_from(self.folios.len()).expect("a file has few blocks");
        first..blocks.min(first + self.per_folio)
    }

    /// Brings the folio of a block into the cache, if it is not there.
    pub fn grab(&mut self, block: Lblk) {
        for index in self.folio(block) {
            self.folios[usize::from(index)].get_or_insert(Folio::fresh());
        }
    }

    /// Whether the fault holds `invalidate_lock`.
    pub fn fault_holds_invalidate(&self) -> bool {
        !matches!(self.fault, FaultAt::Begin | FaultAt::Done)
    }

    /// Whether the write call holds `invalidate_lock`, if it takes it at all.
    pub fn writer_punches(&self) -> bool {
        matches!(
            self.writer.at,
            WriterAt::Scan | WriterAt::ToPunch | WriterAt::Punched
        )
    }

    /// What a read of a block returns.
    pub fn read(&self, block: Lblk) -> Halves {
        match self.folios[block.index()] {
            Some(folio) if folio.uptodate => folio.halves,
            _ => self.on_disk(self.inode.extents[block.index()]),
        }
    }

    /// What a read through `extent` returns.
    pub fn on_disk(&self, extent: Extent) -> Halves {
        match extent {
            Extent::Written(pblk) => self.medium[pblk.index()],
            _ => Halves([Tag::Zero; 2]),
        }
    }

    /// A block of the disk that the file does not map.
    pub fn free_block(&self) -> Pblk {
        let is_mapped = |pblk| self.inode.extents.iter().any(|e| e.pblk() == Some(pblk));
        let free = (0..).map(Pblk).find(|pblk| !is_mapped(*pblk));
        free.expect("there are more numbers than blocks")
    }
}

impl Readable for State {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let folio = |folio: &Option<Folio>| match folio {
            None => "-".to_string(),
            Some(folio) => {
                let flag = |set, name: &str| if set { name.to_string() } else { String::new() };
                format!(
                    "{}{}{}{}",
                    folio.halves,
                    flag(!folio.uptodate, "!"),
                    flag(folio.dirty, "d"),
                    flag(folio.writeback, "w")
                )
            }
        };
        let map = self.writer.map.as_ref().map(|map| {
            let is_new = if map.is_new { " new" } else { "" };
            let extents = spaced(&map.extents);
            format!(" map {}:[{extents}]@{}{is_new}", map.first, map.cookie)
        });
        let writer = &self.writer;
        let at = format!("{:?} {}..{}", writer.at, writer.next, writer.end);
        let writeback = format!("{:?} {}", self.writeback, self.writeback_next);
        vec![
            ("mapping", spaced(&self.inode.extents)),
            ("reserved", self.inode.reserved.to_string()),
            ("seq", self.inode.seq.to_string()),
            ("folios", spaced(self.folios.iter().map(folio))),
            ("medium", spaced(&self.medium)),
            ("expected", spaced(&self.expected)),
            ("writer", at + &map.unwrap_or_default()),
            ("fault", format!("{:?}", self.fault)),
            ("writeback", writeback),
        ]
    }

    fn picture(&self) -> Picture {
        let folio = |folio: &Option<Folio>| match folio {
            None => Cell::new("-", Shade::Empty),
            Some(folio) if folio.writeback => Cell::new(folio.halves, Shade::Moving),
            Some(folio) if folio.dirty => Cell::new(folio.halves, Shade::Dirty),
            Some(folio) if !folio.uptodate => Cell::new("not uptodate", Shade::Foreign),
            Some(folio) => Cell::new(folio.halves, Shade::Settled),
        };
        let medium = |extent: &Extent| match extent.pblk() {
            Some(pblk) => Cell::new(self.medium[pblk.index()], Shade::Settled),
            None => Cell::new("", Shade::Empty),
        };
        let shown = ["reserved", "writer", "fault", "writeback"];
        let extents = &self.inode.extents;
        Picture::captioned(self, &shown)
            .with_row("page cache", self.folios.iter().map(folio))
            .with_row("mapping", extents.iter().map(Cell::of_extent))
            .with_row("disk", extents.iter().map(medium))
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
