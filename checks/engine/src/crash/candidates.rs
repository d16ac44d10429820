//! What each block may hold after a power cut.
//!
//! A block's *candidates* are the contents that the medium may hold: every write that no durable
//! write was submitted after, once it had completed, and what lay beneath where no write to the
//! block is durable. Where writes
//! tear, each sector has candidates of its own. Blocks (or sectors) are independent of each other,
//! so a crash case is one small set per block and stands for the product of their sizes.

use super::frontier::{Cut, LogError, Persistence, WriteRecord};
use super::memory::Fingerprint;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes in a sector, the unit that never tears.
pub const SECTOR_SIZE: usize = 512;

/// What a write that is not durable may leave of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tear {
    /// All of the block or nothing.
    #[default]
    Block,
    /// All or nothing of each sector of [`SECTOR_SIZE`] bytes.
    Sector,
}

/// What the device held, durably, when the log began.
pub trait Base: Send + Sync + 'static {
    /// Bytes in a block.
    fn block_size(&self) -> usize;
    /// Blocks on the device.
    fn blocks(&self) -> u64;
    /// The content of a block below [`Base::blocks`], of [`Base::block_size`] bytes.
    fn read(&self, block: u64) -> Arc<[u8]>;
}

/// A [`Base`] in memory: the blocks given, and zeroes elsewhere.
#[derive(Clone, Debug)]
pub struct MemoryBase {
    blocks: u64,
    zeroes: Arc<[u8]>,
    content: BTreeMap<u64, Arc<[u8]>>,
}

impl MemoryBase {
    /// A device of zeroes.
    pub fn zeroed(block_size: usize, blocks: u64) -> MemoryBase {
        MemoryBase {
            blocks,
            zeroes: vec![0; block_size].into(),
            content: BTreeMap::new(),
        }
    }

    /// The same device with another content of one block.
    ///
    /// # Panics
    /// If `data` is not one block, or `block` lies beyond the device's end.
    pub fn with(mut self, block: u64, data: &[u8]) -> MemoryBase {
        assert_eq!(data.len(), self.zeroes.len(), "one block of data");
        assert!(block < self.blocks, "block {block} of {}", self.blocks);
        self.content.insert(block, data.into());
        self
    }
}

impl Base for MemoryBase {
    fn block_size(&self) -> usize {
        self.zeroes.len()
    }

    fn blocks(&self) -> u64 {
        self.blocks
    }

    fn read(&self, block: u64) -> Arc<[u8]> {
        self.content.get(&block).unwrap_or(&self.zeroes).clone()
    }
}

/// Where a candidate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The device held it when the log began.
    Base,
    /// A write left it.
    Write {
        /// 0 for the execution, n for its n-th recovery.
        level: u32,
        /// The submission's index in that log.
        event: usize,
    },
}

/// One content of a whole block. A candidate of a sector is its part of one.
#[derive(Clone, Debug)]
pub struct Version {
    /// The block's content.
    pub data: Arc<[u8]>,
    /// Who wrote it. Where several wrote the same, the newest.
    pub source: Source,
    /// The fingerprint of each unit.
    hashes: Arc<[u128]>,
}

/// The device as it was when the log began, and how its writes tear. Cheap to clone.
#[derive(Clone)]
pub struct Ground {
    base: Arc<dyn Base>,
    unit: usize,
    /// The base versions asked for so far.
    versions: Arc<Mutex<BTreeMap<u64, Version>>>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (blocks, size) = (self.base.blocks(), self.base.block_size());
        write!(f, "{blocks} blocks of {size} bytes, torn at {}", self.unit)
    }
}

impl Ground {
    /// A device that holds `base`.
    pub fn new(base: Arc<dyn Base>, tear: Tear) -> Ground {
        let size = base.block_size();
        let unit = match tear {
            Tear::Block => size,
            Tear::Sector => SECTOR_SIZE.min(size),
        };
        Ground {
            base,
            unit,
            versions: Arc::default(),
        }
    }

    /// The same device, on which writes tear otherwise.
    pub fn torn_at(&self, tear: Tear) -> Ground {
        Ground::new(self.base.clone(), tear)
    }

    /// Bytes in a block.
    pub fn block_size(&self) -> usize {
        self.base.block_size()
    }

    /// Blocks on the device.
    pub fn blocks(&self) -> u64 {
        self.base.blocks()
    }

    /// How many units a block has that persist by themselves.
    pub fn units(&self) -> usize {
        self.block_size().div_ceil(self.unit)
    }

    /// The bytes of unit `unit` within its block.
    pub fn range(&self, unit: usize) -> std::ops::Range<usize> {
        unit * self.unit..((unit + 1) * self.unit).min(self.block_size())
    }

    /// What the base holds in a block.
    pub fn base(&self, block: u64) -> Version {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let version = versions.entry(block);
        version
            .or_insert_with(|| self.version(self.base.read(block), Source::Base))
            .clone()
    }

    /// A content with its fingerprints.
    pub fn version(&self, data: Arc<[u8]>, source: Source) -> Version {
        let hash = |unit| Fingerprint::of(&data[self.range(unit)]);
        Version {
            hashes: (0..self.units()).map(hash).collect(),
            data,
            source,
        }
    }

    /// The versions that the writes of a log make, in the order of
    /// [`Persistence::writes`].
    ///
    /// # Errors
    /// If a write does not fit the device.
    pub fn versions(&self, log: &Persistence, level: u32) -> Result<Vec<Version>, LogError> {
        let version = |write: &WriteRecord| {
            let (event, block, bytes) = (write.event, write.block, write.data.len());
            if bytes != self.block_size() || block >= self.blocks() {
                return Err(LogError::NotABlock {
                    event,
                    block,
                    bytes,
                });
            }
            Ok(self.version(write.data.clone(), Source::Write { level, event }))
        };
        log.writes().iter().map(version).collect()
    }

    fn is_same(&self, unit: usize, a: &Version, b: &Version) -> bool {
        let range = self.range(unit);
        a.hashes[unit] == b.hashes[unit] && a.data[range.clone()] == b.data[range]
    }
}

/// Per block that a crash may have left other than in the base, per unit, the candidates from the
/// oldest to the newest.
pub type Candidates = BTreeMap<u64, Vec<Vec<Version>>>;

/// A crash case: all disk images that one power cut permits.
#[derive(Clone, Debug)]
pub struct CrashCase {
    ground: Ground,
    blocks: Candidates,
}

impl CrashCase {
    /// The one image that is the base.
    pub fn untouched(ground: &Ground) -> CrashCase {
        CrashCase {
            ground: ground.clone(),
            blocks: BTreeMap::new(),
        }
    }

    /// The case of candidates that are known; blocks that can only hold the base are dropped.
    pub fn of(ground: &Ground, mut blocks: Candidates) -> CrashCase {
        blocks.retain(|&block, units| {
            let base = ground.base(block);
            let is_base = |(unit, versions): (usize, &Vec<Version>)| {
                versions.len() == 1 && ground.is_same(unit, &versions[0], &base)
            };
            !units.iter().enumerate().all(is_base)
        });
        CrashCase {
            ground: ground.clone(),
            blocks,
        }
    }

    /// The case after a power cut at `cut` of a log that ran on this case. `versions` are those of
    /// [`Ground::versions`]. If more writes than `in_flight_max` may have reached the medium, all
    /// but the last so many of the log are taken to have.
    pub fn after(
        &self,
        log: &Persistence,
        versions: &[Version],
        cut: &Cut,
        in_flight_max: Option<usize>,
    ) -> CrashCase {
        let excess = in_flight_max.map_or(0, |max| cut.may.len().saturating_sub(max));
        let (kept, uncertain) = cut.may.split_at(excess);
        let mut per_block: BTreeMap<u64, Vec<(&WriteRecord, &Version, bool)>> = BTreeMap::new();
        for (write, version) in log.writes().iter().zip(versions) {
            let listed = |list: &[usize]| list.binary_search(&write.event).is_ok();
            let must = listed(&cut.must) || listed(kept);
            if must || listed(uncertain) {
                let writes = per_block.entry(write.block).or_default();
                writes.push((write, version, must));
            }
        }
        let mut blocks = self.blocks.clone();
        for (block, writes) in per_block {
            // A write can be the last one unless a durable write came after all of it.
            let can_be_last = |write: &WriteRecord| {
                let mut durable = writes.iter().filter(|(_, _, must)| *must);
                let is_before = |later: &WriteRecord| {
                    let completed = write.completed;
                    completed.is_some_and(|completed| log.reaches(completed, later.event))
                };
                !durable.any(|(later, ..)| is_before(later))
            };
            let last = writes.iter().filter(|(write, ..)| can_be_last(write));
            let last: Vec<&Version> = last.map(|(_, version, _)| *version).collect();
            let is_floored = writes.iter().any(|(_, _, must)| *must);
            let units = (0..self.ground.units()).map(|unit| {
                let beneath = match is_floored {
                    true => Vec::new(),
                    false => self.unit(block, unit),
                };
                let all = beneath.iter().chain(last.iter().copied());
                self.ground.merged(unit, all)
            });
            blocks.insert(block, units.collect());
        }
        CrashCase::of(&self.ground, blocks)
    }

    /// The image after all of a log that ran on this case, had there been no power cut: the last
    /// write of each block in the log, failed ones included.
    pub fn without_crash(&self, log: &Persistence, versions: &[Version]) -> CrashCase {
        let mut blocks = self.blocks.clone();
        for (write, version) in log.writes().iter().zip(versions) {
            blocks.insert(
                write.block,
                vec![vec![version.clone()]; self.ground.units()],
            );
        }
        CrashCase::of(&self.ground, blocks)
    }

    /// The device.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The candidates of the blocks that may differ from the base.
    pub fn blocks(&self) -> &Candidates {
        &self.blocks
    }

    /// The candidates of one unit of any block, from the oldest to the newest.
    pub fn unit(&self, block: u64, unit: usize) -> Vec<Version> {
        match self.blocks.get(&block) {
            Some(units) => units[unit].clone(),
            None => vec![self.ground.base(block)],
        }
    }

    /// How many images the case stands for.
    pub fn states(&self) -> u128 {
        let units = self.blocks.values().flatten();
        units.fold(1, |states: u128, unit| {
            states.saturating_mul(unit.len() as u128)
        })
    }

    /// A hash of the images that the case stands for, whoever wrote them.
    pub fn fingerprint(&self) -> u128 {
        let mut fingerprint = Fingerprint::new();
        for (block, units) in &self.blocks {
            fingerprint.write_u64(*block);
            for (unit, versions) in units.iter().enumerate() {
                let mut hashes: Vec<u128> = versions.iter().map(|v| v.hashes[unit]).collect();
                hashes.sort_unstable();
                fingerprint.write_usize(hashes.len());
                hashes.iter().for_each(|hash| fingerprint.write_u128(*hash));
            }
        }
        fingerprint.value()
    }
}

impl Ground {
    /// The distinct contents of a unit, each by its newest version.
    fn merged<'a>(
        &self,
        unit: usize,
        oldest_first: impl DoubleEndedIterator<Item = &'a Version>,
    ) -> Vec<Version> {
        let mut distinct: Vec<Version> = Vec::new();
        for version in oldest_first.rev() {
            if !distinct
                .iter()
                .any(|known| self.is_same(unit, known, version))
            {
                distinct.push(version.clone());
            }
        }
        distinct.reverse();
        distinct
    }
}
