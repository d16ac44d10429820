//! A disk after a power cut that decides what it holds only when somebody looks.
//!
//! The idea is Jaaru's lazy constraint refinement (Gorjiara, Xu, Demsky, ASPLOS 2021), on blocks
//! instead of cache lines: recovery runs on a [`LazyDisk`], which *forks* when a block with several
//! candidates is read, by running recovery again with another decision. Departure: a stateless
//! search over a list of decisions, since recovery is an ordinary function of the disk; and an
//! oracle that judges blocks one by one is handed the candidate sets and need not fork at all.
//!
//! The disk takes recovery's own writes into an overlay and logs them, because a power cut during
//! recovery is a crash case like any other, on top of what is still undecided.

use super::candidates::{CrashCase, Source};
use cutpoint_event::{Event, Log, TaskId, What};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// A block beyond the disk's end.
    #[error("block {block} lies beyond the end of the disk ({blocks} blocks)")]
    BeyondEnd {
        /// The block asked for.
        block: u64,
        /// The disk's size in blocks.
        blocks: u64,
    },
    /// Data that are not one block long.
    #[error("a write of {bytes} bytes is not one block of {block_size} bytes")]
    NotABlock {
        /// The length of the data.
        bytes: usize,
        /// Bytes in a block.
        block_size: usize,
    },
    /// The device reports that it could not do as asked. Of a write, anything may have reached the
    /// medium or may yet; of a flush, nothing is promised, by a later flush neither.
    #[error("the device reports an error on a {0}")]
    Failed(&'static str),
}

/// A disk after a power cut. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct LazyDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    case: Arc<CrashCase>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The decisions of this run: first those prescribed, then those made.
    decisions: Vec<Decision>,
    prescribed: usize,
    /// How many decisions were asked for.
    taken: usize,
    /// Why the run can not be a repetition of the prescribed one.
    diverged: Option<String>,
    pins: BTreeMap<(u64, usize), Pin>,
    overlay: BTreeMap<u64, Arc<[u8]>>,
    log: Vec<Event>,
    requests: u64,
    is_sealed: bool,
}

/// A fork: which candidate a unit turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    block: u64,
    unit: usize,
    pub choice: usize,
    pub of: usize,
}

/// A unit whose content is decided.
#[derive(Clone, Copy, Debug)]
struct Pin {
    choice: usize,
    /// How many events recovery had logged.
    at: usize,
}

/// What one unit of a block may hold.
#[derive(Clone, Debug)]
pub struct UnitCandidates {
    /// The unit's bytes within the block.
    pub range: Range<usize>,
    blocks: Vec<Arc<[u8]>>,
}

impl UnitCandidates {
    /// The contents of the unit, the oldest first; a content's position is its number.
    pub fn contents(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.blocks.iter().map(|block| &block[self.range.clone()])
    }
}

/// Which candidate a unit of the crash image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who wrote it.
    pub source: Source,
    /// Out of how many candidates.
    pub of: usize,
    /// Whether anybody looked. If not, every other candidate leads to the same finding.
    pub is_decided: bool,
}

impl LazyDisk {
    /// A disk that decides for the oldest candidate whenever it is asked.
    pub fn new(case: Arc<CrashCase>) -> LazyDisk {
        LazyDisk::prescribed(case, Vec::new())
    }

    /// A disk that begins with the given decisions and goes on with the oldest candidates.
    pub(super) fn prescribed(case: Arc<CrashCase>, decisions: Vec<Decision>) -> LazyDisk {
        let state = State {
            prescribed: decisions.len(),
            decisions,
            ..State::default()
        };
        LazyDisk {
            shared: Arc::new(Shared {
                case,
                state: Mutex::new(state),
            }),
        }
    }

    /// The disk of which every unit that is not certain holds the candidate of this number.
    pub(super) fn pinned(case: Arc<CrashCase>, choices: &BTreeMap<u64, Vec<usize>>) -> LazyDisk {
        let disk = LazyDisk::new(case);
        {
            let mut state = disk.state();
            for (&block, units) in choices {
                for (unit, &choice) in units.iter().enumerate() {
                    state.pins.insert((block, unit), Pin { choice, at: 0 });
                }
            }
        }
        disk
    }

    /// The crash case that the disk is an image of.
    pub fn case(&self) -> &Arc<CrashCase> {
        &self.shared.case
    }

    /// Size in blocks.
    pub fn blocks(&self) -> u64 {
        self.case().ground().blocks()
    }

    /// Bytes in a block.
    pub fn block_size(&self) -> usize {
        self.case().ground().block_size()
    }

    /// Reads a block, deciding what it holds.
    ///
    /// # Errors
    /// [`DiskError::BeyondEnd`].
    pub fn read(&self, block: u64) -> Result<Arc<[u8]>, DiskError> {
        self.check(block)?;
        let mut state = self.state();
        if let Some(data) = state.overlay.get(&block) {
            return Ok(data.clone());
        }
        let units = 0..self.case().ground().units();
        units.for_each(|unit| state.decide(self.case(), block, unit));
        Ok(state.current(self.case(), block))
    }

    /// Reads a part of a block, deciding only the units that it touches.
    ///
    /// # Errors
    /// [`DiskError::BeyondEnd`].
    ///
    /// # Panics
    /// If `part` does not lie within a block.
    pub fn read_part(&self, block: u64, part: Range<usize>) -> Result<Vec<u8>, DiskError> {
        self.check(block)?;
        assert!(
            part.end <= self.block_size(),
            "{part:?} is no part of a block"
        );
        let mut state = self.state();
        if !state.overlay.contains_key(&block) {
            for unit in 0..self.case().ground().units() {
                let range = self.case().ground().range(unit);
                if range.start < part.end && part.start < range.end {
                    state.decide(self.case(), block, unit);
                }
            }
        }
        Ok(state.current(self.case(), block)[part].to_vec())
    }

    /// What each unit of a block may hold, without deciding anything.
    ///
    /// # Errors
    /// [`DiskError::BeyondEnd`].
    pub fn candidates(&self, block: u64) -> Result<Vec<UnitCandidates>, DiskError> {
        self.check(block)?;
        let state = self.state();
        let unit_candidates = |unit| {
            let blocks = match state.overlay.get(&block) {
                Some(data) => vec![data.clone()],
                None => {
                    let mut versions = self.case().unit(block, unit);
                    if let Some(pin) = state.pins.get(&(block, unit)) {
                        versions = vec![versions.swap_remove(pin.choice)];
                    }
                    versions.into_iter().map(|version| version.data).collect()
                }
            };
            UnitCandidates {
                range: self.case().ground().range(unit),
                blocks,
            }
        };
        let units = 0..self.case().ground().units();
        Ok(units.map(unit_candidates).collect())
    }

    /// Decides for one of [`LazyDisk::candidates`], for an oracle that is about to report it: the
    /// finding's image then holds it.
    ///
    /// # Panics
    /// If there is no such candidate.
    pub fn pin(&self, block: u64, unit: usize, choice: usize) {
        let mut state = self.state();
        let at = state.log.len();
        let is_open =
            !state.overlay.contains_key(&block) && !state.pins.contains_key(&(block, unit));
        let of = match is_open {
            true => self.case().unit(block, unit).len(),
            false => 1,
        };
        assert!(choice < of, "candidate {choice} of {of}");
        if is_open && of > 1 {
            state.pins.insert((block, unit), Pin { choice, at });
        }
    }

    /// Submits a write of one block and returns the request's number.
    ///
    /// # Errors
    /// [`DiskError`].
    ///
    /// # Crash
    /// From here on the block may hold what it held, the new data, or a torn mixture.
    pub fn submit(&self, block: u64, data: &[u8], fua: bool) -> Result<u64, DiskError> {
        self.check(block)?;
        let (bytes, block_size) = (data.len(), self.block_size());
        if bytes != block_size {
            return Err(DiskError::NotABlock { bytes, block_size });
        }
        let mut state = self.state();
        let request = state.requests;
        state.requests += 1;
        let data: Arc<[u8]> = data.into();
        state.overlay.insert(block, data.clone());
        state.record(What::Write {
            request,
            block,
            data,
            fua,
        });
        Ok(request)
    }

    /// Completes a submitted write.
    pub fn complete(&self, request: u64) {
        self.state().record(What::Completed { request, ok: true });
    }

    /// Submits a write and completes it.
    ///
    /// # Errors
    /// As [`LazyDisk::submit`].
    pub fn write(&self, block: u64, data: &[u8], fua: bool) -> Result<(), DiskError> {
        let request = self.submit(block, data, fua)?;
        self.complete(request);
        Ok(())
    }

    /// Makes every completed write durable.
    pub fn flush(&self) {
        self.state().record(What::Flushed { ok: true });
    }

    /// Says that recovery is over and judging begins: later writes are not logged, so that no
    /// power cut falls among them.
    pub fn seal(&self) {
        self.state().is_sealed = true;
    }

    /// What recovery wrote and flushed, as the log of one task.
    pub fn recovery_log(&self) -> Log {
        Log {
            events: self.state().log.clone(),
            tasks: vec!["recovery".into()],
            ..Log::default()
        }
    }

    /// The case that is left once all is decided that recovery had looked at before its event
    /// number `events`: what a power cut there finds beneath recovery's own writes.
    pub fn decided_before(&self, events: usize) -> CrashCase {
        let mut blocks = self.case().blocks().clone();
        for (&(block, unit), pin) in &self.state().pins {
            if pin.at < events
                && let Some(units) = blocks.get_mut(&block)
            {
                units[unit] = vec![units[unit].swap_remove(pin.choice)];
            }
        }
        CrashCase::of(self.case().ground(), blocks)
    }

    /// Which candidate each unit of each uncertain block turned out to hold; where nobody looked,
    /// the newest.
    pub fn kept(&self) -> BTreeMap<u64, Vec<Kept>> {
        let state = self.state();
        let kept = |block: u64, unit: usize| {
            let versions = &self.case().blocks()[&block][unit];
            let pin = state.pins.get(&(block, unit));
            Kept {
                source: versions[pin.map_or(versions.len() - 1, |pin| pin.choice)].source,
                of: versions.len(),
                is_decided: versions.len() == 1 || pin.is_some(),
            }
        };
        let blocks = self.case().blocks().iter();
        blocks
            .map(|(&block, units)| (block, (0..units.len()).map(|u| kept(block, u)).collect()))
            .collect()
    }

    /// The crash image that recovery started from, as the blocks that may differ from the base;
    /// where nobody looked, the newest candidate.
    pub fn crash_image(&self) -> BTreeMap<u64, Arc<[u8]>> {
        let state = self.state();
        let blocks = self.case().blocks().keys();
        blocks
            .map(|&block| (block, state.on_medium(self.case(), block)))
            .collect()
    }

    /// All blocks as they are now, recovery's writes included, for external judges; where nobody
    /// looked, the newest candidate.
    pub fn materialise(&self) -> Vec<(u64, Arc<[u8]>)> {
        let state = self.state();
        let content = |block| (block, state.current(self.case(), block));
        (0..self.blocks()).map(content).collect()
    }

    /// Ends a run and hands out its decisions, prescribed ones included.
    ///
    /// # Errors
    /// How the run differs from the one that the decisions were prescribed by.
    pub(super) fn into_decisions(self) -> Result<Vec<Decision>, String> {
        let mut state = self.state();
        if let Some(message) = state.diverged.take() {
            return Err(message);
        }
        if state.taken < state.prescribed {
            let missing = state.decisions[state.taken];
            return Err(format!("recovery did not repeat its read {missing:?}"));
        }
        Ok(std::mem::take(&mut state.decisions))
    }

    fn check(&self, block: u64) -> Result<(), DiskError> {
        let blocks = self.blocks();
        if block < blocks {
            Ok(())
        } else {
            Err(DiskError::BeyondEnd { block, blocks })
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing leaves the state half changed, so a panic elsewhere does not spoil it.
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, what: What) {
        if !self.is_sealed {
            self.log.push(Event {
                task: TaskId(0),
                what,
            });
        }
    }

    fn decide(&mut self, case: &CrashCase, block: u64, unit: usize) {
        let of = case
            .blocks()
            .get(&block)
            .map_or(1, |units| units[unit].len());
        if of == 1 || self.pins.contains_key(&(block, unit)) {
            return;
        }
        let asked = Decision {
            block,
            unit,
            choice: 0,
            of,
        };
        if self.taken == self.decisions.len() {
            self.decisions.push(asked);
        }
        let prescribed = self.decisions[self.taken];
        let choice = prescribed.choice;
        if (Decision { choice, ..asked }) != prescribed {
            self.diverged.get_or_insert_with(|| {
                format!("recovery read block {block} where it had read {prescribed:?} before")
            });
        }
        self.taken += 1;
        let (choice, at) = (choice.min(of - 1), self.log.len());
        self.pins.insert((block, unit), Pin { choice, at });
    }

    fn current(&self, case: &CrashCase, block: u64) -> Arc<[u8]> {
        let overlay = self.overlay.get(&block).cloned();
        overlay.unwrap_or_else(|| self.on_medium(case, block))
    }

    /// What the medium held when recovery started; the newest candidate where that is open.
    fn on_medium(&self, case: &CrashCase, block: u64) -> Arc<[u8]> {
        let Some(units) = case.blocks().get(&block) else {
            return case.ground().base(block).data;
        };
        let version = |unit: usize| {
            let pin = self.pins.get(&(block, unit));
            &units[unit][pin.map_or(units[unit].len() - 1, |pin| pin.choice)]
        };
        if units.len() == 1 {
            return version(0).data.clone();
        }
        let ranges = (0..units.len()).map(|unit| (unit, case.ground().range(unit)));
        ranges
            .flat_map(|(unit, range)| version(unit).data[range].iter().copied())
            .collect()
    }
}
