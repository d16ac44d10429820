//! One file and the disk under it: the parts of a state that every model shares.
//!
//! Sizes are counted in blocks, because no rule of the modelled races depends on where inside a
//! block the file ends. Bytes are replaced by tags that say whose data a block holds, so that
//! "stale", "lost" and "another block's" are tests for equality. Some fields exist only for the
//! invariants: no step reads them, and each says so.

use std::fmt;
use std::ops::Range;

/// A block of the file, counted from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lblk(pub u8);

impl fmt::Display for Lblk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Lblk {
    /// Position of this block in a vector that has one element for each block.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Size in blocks of a file that ends with this block.
    pub fn end(self) -> u8 {
        self.0 + 1
    }
}

/// A block of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pblk(pub u8);

impl Pblk {
    /// Position of this block in [`Disk::medium`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What the file maps one of its blocks to.
///
/// This is the union of the extent status tree and of the on-disk extent tree. The kernel keeps
/// the two equal but for `Delayed`, which exists in memory only, and a model of a race inside
/// that equality would have to split them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Nothing; reads as zeroes.
    Hole,
    /// Space is reserved but not chosen: delayed allocation.
    Delayed,
    /// Allocated, reads as zeroes.
    Unwritten(Pblk),
    /// Allocated and holding the file's data.
    Written(Pblk),
}

impl Extent {
    /// The block of the disk behind this one, if one is allocated.
    pub fn pblk(self) -> Option<Pblk> {
        match self {
            Self::Hole | Self::Delayed => None,
            Self::Unwritten(pblk) | Self::Written(pblk) => Some(pblk),
        }
    }

    /// What a transaction records of it: delayed allocation never reaches the disk.
    pub fn on_disk(self) -> Self {
        if self == Self::Delayed {
            Self::Hole
        } else {
            self
        }
    }

    /// Whether `next`, the extent of the following block, continues the same run.
    fn continues(self, next: Self) -> bool {
        match (self, next) {
            (Self::Hole, Self::Hole) | (Self::Delayed, Self::Delayed) => true,
            (Self::Unwritten(a), Self::Unwritten(b)) | (Self::Written(a), Self::Written(b)) => {
                b.0 == a.0 + 1
            }
            _ => false,
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hole => write!(f, "-"),
            Self::Delayed => write!(f, "d"),
            Self::Unwritten(pblk) => write!(f, "u{}", pblk.0),
            Self::Written(pblk) => write!(f, "w{}", pblk.0),
        }
    }
}

/// Data of one block of the file: which block, and which write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Data {
    /// The block it was written to.
    pub block: Lblk,
    /// 1 for the first write to this block, 2 for the next.
    pub version: u8,
}

/// What a block of the disk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Bytes of an earlier owner, which must never become readable.
    Garbage,
    /// Data of this file.
    Data(Data),
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbage => write!(f, "?"),
            Self::Data(data) => write!(f, "{}.{}", data.block.0, data.version),
        }
    }
}

/// The file in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inode {
    /// The mapping of each block. \[i_data_sem\]
    pub extents: Vec<Extent>,
    /// Size in blocks that the running system sees. \[folio lock, i_rwsem\]
    pub i_size: u8,
    /// Size in blocks that the next commit puts on disk. \[i_data_sem\]
    pub i_disksize: u8,
    /// Blocks that delayed allocation has reserved. Signed, so that an error shows as a number
    /// below zero and not as an overflow.
    pub reserved: i8,
    /// Blocks that quota counts as used.
    pub quota_used: i8,
    /// Blocks that quota counts as reserved.
    pub quota_reserved: i8,
    /// Grows with every change of the mapping; a copy of it is a map's validity cookie.
    pub seq: u8,
    /// Whether the file is on the orphan list.
    pub orphan: bool,
    /// Blocks that the running transaction has freed. They are nobody's, and they become
    /// allocatable when it has committed. In ascending order.
    pub freed: Vec<Pblk>,
    /// Blocks that a truncate call brought below the size on disk by setting it. They may read as
    /// zeroes, which is then no sign of lost data. For invariants only.
    pub explicit: Range<u8>,
}

impl Inode {
    /// A file whose every block was just written and is delayed; nothing of it is on disk.
    pub fn all_delayed(blocks: u8) -> Self {
        let count = i8::try_from(blocks).expect("a model has a handful of blocks");
        Self {
            extents: vec![Extent::Delayed; usize::from(blocks)],
            i_size: blocks,
            i_disksize: 0,
            reserved: count,
            quota_used: 0,
            quota_reserved: count,
            seq: 0,
            orphan: false,
            freed: Vec::new(),
            explicit: 0..0,
        }
    }

    /// The file that a mount finds on the disk.
    pub fn mounted(metadata: &Metadata) -> Self {
        let used = metadata
            .extents
            .iter()
            .filter(|extent| extent.pblk().is_some())
            .count();
        Self {
            extents: metadata.extents.clone(),
            i_size: metadata.size,
            i_disksize: metadata.size,
            reserved: 0,
            quota_used: i8::try_from(used).expect("a model has a handful of blocks"),
            quota_reserved: 0,
            seq: 0,
            orphan: metadata.orphan,
            freed: Vec::new(),
            explicit: metadata.explicit.clone(),
        }
    }

    /// What a commit at this moment makes durable.
    pub fn metadata(&self) -> Metadata {
        Metadata {
            extents: self.extents.iter().map(|extent| extent.on_disk()).collect(),
            size: self.i_disksize,
            orphan: self.orphan,
            explicit: self.explicit.clone(),
        }
    }

    /// The longest run that starts at `first`, as one lookup returns it.
    pub fn run(&self, first: Lblk) -> Vec<Extent> {
        let tail = &self.extents[first.index()..];
        let breaks = tail.windows(2).position(|pair| !pair[0].continues(pair[1]));
        tail[..breaks.map_or(tail.len(), |at| at + 1)].to_vec()
    }

    /// Sets both sizes, as a truncate call does: the size on disk too, whatever it was before.
    pub fn set_sizes(&mut self, size: u8) {
        self.explicit = self.i_disksize.min(size)..size;
        self.i_size = size;
        self.i_disksize = size;
    }

    /// Takes every block from `size` on out of the mapping: delayed ones are dropped, allocated
    /// ones are freed in the running transaction. Reservations are given back if
    /// `release_reservations`, which is wrong to leave out.
    pub fn remove_extents(&mut self, size: u8, release_reservations: bool) {
        for extent in &mut self.extents[usize::from(size)..] {
            match *extent {
                Extent::Hole => continue,
                Extent::Delayed if release_reservations => {
                    self.reserved -= 1;
                    self.quota_reserved -= 1;
                }
                Extent::Delayed => {}
                Extent::Unwritten(pblk) | Extent::Written(pblk) => {
                    self.quota_used -= 1;
                    self.freed.push(pblk);
                }
            }
            *extent = Extent::Hole;
        }
        self.freed.sort_unstable();
        self.seq += 1;
    }
}

/// The file as a committed transaction describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// The mapping of each block, never [`Extent::Delayed`].
    pub extents: Vec<Extent>,
    /// Size in blocks.
    pub size: u8,
    /// Whether the orphan list names the file.
    pub orphan: bool,
    /// As [`Inode::explicit`].
    pub explicit: Range<u8>,
}

impl Metadata {
    /// A file without blocks.
    pub fn empty(blocks: u8) -> Self {
        Self {
            extents: vec![Extent::Hole; usize::from(blocks)],
            size: 0,
            orphan: false,
            explicit: 0..0,
        }
    }
}

/// What survives a power cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The file after replay of every committed transaction.
    pub committed: Metadata,
    /// What each block of the disk holds.
    pub medium: Vec<Content>,
}

/// How far one write of file data has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IoStage {
    /// The device has it.
    InFlight,
    /// The device has finished; the completion worker has not looked at it.
    Completed,
    /// The extent is converted and the size raised, but the folio is still under writeback.
    Converted,
    /// The folio's writeback has ended before the conversion, which is wrong.
    EndedUnconverted,
}

/// One write of file data on its way, with the work that must follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ioend {
    /// What is written.
    pub data: Data,
    /// Where it is written.
    pub pblk: Pblk,
    /// How far it has come.
    pub stage: IoStage,
}

/// The page cache's copy of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Folio {
    /// Not in the cache.
    Absent,
    /// In the cache and uptodate.
    Present {
        /// Which write it holds, as [`Data::version`].
        version: u8,
        /// Newer than the disk.
        dirty: bool,
        /// Being written, until the completion worker ends it.
        writeback: bool,
    },
}

impl Folio {
    /// A folio just written through the page cache.
    pub fn dirty(version: u8) -> Self {
        Self::Present {
            version,
            dirty: true,
            writeback: false,
        }
    }

    /// Whether it is in the cache and dirty.
    pub fn is_dirty(self) -> bool {
        matches!(self, Self::Present { dirty: true, .. })
    }

    /// Whether it is in the cache and under writeback.
    pub fn is_under_writeback(self) -> bool {
        matches!(
            self,
            Self::Present {
                writeback: true,
                ..
            }
        )
    }
}

impl fmt::Display for Folio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Absent => write!(f, "-"),
            Self::Present {
                version,
                dirty,
                writeback,
            } => {
                let dirty = if dirty { "d" } else { "" };
                let writeback = if writeback { "w" } else { "" };
                write!(f, "{version}{dirty}{writeback}")
            }
        }
    }
}
