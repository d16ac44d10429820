//! What the actors of the race share.

use super::Config;
use crate::file::{Content, Disk, Extent, Folio, Inode, Ioend, Lblk, Metadata, Pblk};
use crate::readable::{Picture, Readable, fmt_variables, spaced};
use crate::step::{Action, Actor, Step};
use std::fmt;

/// A mapping that writeback keeps for the folios to come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Map {
    /// The first block it covers.
    pub first: Lblk,
    /// The extent of each block from there on, all of one kind.
    pub extents: Vec<Extent>,
    /// The inode's sequence counter when the mapping was true.
    pub cookie: u8,
}

impl Map {
    /// What it says of `block`, if it covers it.
    pub fn at(&self, block: Lblk) -> Option<Extent> {
        let offset = block.index().checked_sub(self.first.index())?;
        self.extents.get(offset).copied()
    }

    /// The blocks it covers.
    pub fn blocks(&self) -> impl Iterator<Item = Lblk> + '_ {
        (self.first.0..).map(Lblk).take(self.extents.len())
    }
}

/// Where writeback is with the folio of block [`Writeback::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WritebackAt {
    /// Before it; writeback holds no lock.
    Between,
    /// The folio is locked and not yet mapped.
    Locked,
    /// A query found it delayed, in a run that ends before this block.
    FoundDelayed(Lblk),
    /// As before, and a handle is open.
    HandleOpen(Lblk),
    /// As before, and the look-up was repeated, but outside the allocation's critical section.
    LookedUp(Lblk),
    /// It is mapped or known to be a hole, and the handle is still open.
    Allocated,
    /// It is mapped or known to be a hole.
    Mapped,
    /// Its data is with the device.
    Submitted,
    /// Writeback has finished.
    Done,
}

/// The writeback thread.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writeback {
    /// The block whose folio is being written, or comes next.
    pub next: Lblk,
    /// Where it is with that folio.
    pub at: WritebackAt,
    /// Passes over the file that remain, the current one included.
    pub passes_left: u8,
    /// The file's size when the folio was locked, if allocation may reach that far.
    pub inside: u8,
    /// The mapping found last.
    pub map: Option<Map>,
}

/// Whether there is power, and how far a mount has come after it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Power {
    /// The system runs and has not crashed.
    On,
    /// The power has failed; only the disk is left.
    Off,
    /// The journal is replayed, and the orphan list names the file.
    Replayed,
    /// Recovery is complete.
    Recovered,
}

/// A state of the race.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The file in memory; while the power is off, what a mount will find before it cleans up.
    pub inode: Inode,
    /// The page cache's copy of each block.
    pub folios: Vec<Folio>,
    /// Data on its way, in the order of submission.
    pub ioends: Vec<Ioend>,
    /// The writeback thread.
    pub writeback: Writeback,
    /// How many steps of its program the truncating task has taken.
    pub truncate: usize,
    /// The inode's sequence counter when the append reserved its block, if the append compares it.
    pub append_cookie: u8,
    /// What survives a power cut.
    pub disk: Disk,
    /// Commits made so far.
    pub commits: u8,
    /// Whether there is power.
    pub power: Power,
}

impl State {
    /// The initial state: every block just written, and nothing on disk.
    ///
    /// The disk has twice as many blocks as the file. At any time the file maps each of its
    /// blocks once at most, and the one truncate frees each of them once at most, so allocation
    /// always finds a free one.
    pub fn just_written(config: &Config) -> Self {
        let blocks = usize::from(config.blocks);
        Self {
            inode: Inode::all_delayed(config.blocks),
            folios: vec![Folio::dirty(1); blocks],
            ioends: Vec::new(),
            writeback: Writeback {
                next: Lblk(0),
                at: WritebackAt::Between,
                passes_left: config.passes,
                inside: 0,
                map: None,
            },
            truncate: 0,
            append_cookie: 0,
            disk: Disk {
                committed: Metadata::empty(config.blocks),
                medium: vec![Content::Garbage; 2 * blocks],
            },
            commits: 0,
            power: Power::On,
        }
    }

    /// Who holds the lock of a folio.
    ///
    /// Lock owners are no fields either: where an actor is says which locks it holds.
    pub fn folio_lock(&self, program: &[Action], block: Lblk) -> Option<Actor> {
        let by_writeback = self.writeback.next == block
            && !matches!(self.writeback.at, WritebackAt::Between | WritebackAt::Done);
        if by_writeback {
            return Some(Actor::Writeback);
        }
        // The task took the lock with its last step, or with the one before that and now waits
        // no more: it is released with the step that drops the folio.
        let done = &program[..self.truncate];
        let last = done
            .iter()
            .rev()
            .find(|action| action.block == Some(block))?;
        matches!(last.step, Step::LockFolio | Step::WaitWriteback).then_some(Actor::Truncate)
    }

    /// Whether someone has joined the running transaction.
    pub fn handle_is_open(&self, program: &[Action]) -> bool {
        let by_writeback = matches!(
            self.writeback.at,
            WritebackAt::HandleOpen(_) | WritebackAt::LookedUp(_) | WritebackAt::Allocated
        );
        let done = &program[..self.truncate];
        let marks = [Step::StartHandle, Step::StopHandle];
        let last = done
            .iter()
            .rev()
            .find(|action| marks.contains(&action.step));
        by_writeback || last.is_some_and(|action| action.step == Step::StartHandle)
    }

    /// The blocks that writeback knows something about: those of its map, or of the delayed run
    /// that it is about to allocate.
    pub fn looked_up(&self) -> Vec<Lblk> {
        match self.writeback.at {
            WritebackAt::FoundDelayed(end)
            | WritebackAt::HandleOpen(end)
            | WritebackAt::LookedUp(end) => (self.writeback.next.0..end.0).map(Lblk).collect(),
            WritebackAt::Done => Vec::new(),
            _ => self.writeback.map.iter().flat_map(Map::blocks).collect(),
        }
    }

    /// A free block of the disk: the lowest one that neither the file maps nor, unless
    /// `reuse_freed`, the running transaction has freed.
    pub fn free_block(&self, reuse_freed: bool) -> Pblk {
        let is_mapped = |pblk| self.inode.extents.iter().any(|e| e.pblk() == Some(pblk));
        let is_free =
            |pblk: &Pblk| !is_mapped(*pblk) && (reuse_freed || !self.inode.freed.contains(pblk));
        let all = (0..).map(Pblk).take(self.disk.medium.len());
        all.into_iter()
            .find(is_free)
            .expect("the disk has twice as many blocks as the file")
    }
}

impl Readable for State {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let inode = &self.inode;
        let orphan = |is_orphan| if is_orphan { " orphan" } else { "" };
        let ioends = self.ioends.iter().map(|ioend| {
            let Ioend { data, pblk, stage } = ioend;
            format!("{}.{}>{} {stage:?}", data.block, data.version, pblk.0)
        });
        let map = self.writeback.map.as_ref().map(|map| {
            let extents = spaced(&map.extents);
            format!(" map {}:[{extents}]@{}", map.first, map.cookie)
        });
        let writeback = format!("{} {:?}", self.writeback.next, self.writeback.at);
        let committed = &self.disk.committed;
        vec![
            ("power", format!("{:?}", self.power)),
            ("mapping", format!("[{}]", spaced(&inode.extents))),
            (
                "size",
                format!(
                    "{}/{}{}",
                    inode.i_size,
                    inode.i_disksize,
                    orphan(inode.orphan)
                ),
            ),
            ("reserved", inode.reserved.to_string()),
            (
                "quota",
                format!("{}+{}", inode.quota_used, inode.quota_reserved),
            ),
            ("seq", inode.seq.to_string()),
            ("folios", format!("[{}]", spaced(&self.folios))),
            ("io", spaced(ioends)),
            ("writeback", writeback + &map.unwrap_or_default()),
            ("truncate", self.truncate.to_string()),
            (
                "disk",
                format!(
                    "[{}] size {}{}",
                    spaced(&committed.extents),
                    committed.size,
                    orphan(committed.orphan)
                ),
            ),
            ("medium", format!("[{}]", spaced(&self.disk.medium))),
        ]
    }

    fn picture(&self) -> Picture {
        let shown = [
            "power",
            "size",
            "reserved",
            "quota",
            "io",
            "writeback",
            "truncate",
        ];
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
