//! What comes of checking executions for power cuts: what was explored, and what was found.

#[cfg(doc)]
use super::CrashOptions;
use super::candidates::CrashCase;
use super::frontier::{Cut, LogError};
use super::lazy::Kept;
use cutpoint_event::Event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An invariant that does not hold after recovery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: expected {expected}, observed {observed}")]
pub struct CrashFinding {
    /// The invariant's id, like "I20".
    pub invariant: &'static str,
    /// What it demands here.
    pub expected: String,
    /// What there is.
    pub observed: String,
}

/// Named things that a recovery did, to show that checks are not vacuous.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Observations {
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl Observations {
    /// Counts one more of `name`.
    pub fn saw(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// How often `name` was seen.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// All counts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(name, count)| (*name, *count))
    }

    pub(super) fn add(&mut self, other: &Observations) {
        for (name, count) in other.iter() {
            *self.counts.entry(name).or_default() += count;
        }
    }
}

/// What was explored so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashStats {
    /// Cuts visited, those of recoveries included.
    pub crash_frontiers: u64,
    /// Distinct crash cases judged.
    pub crash_cases: u64,
    /// Disk images that these stand for; saturates.
    pub crash_states_covered: u128,
    /// Recoveries run.
    pub recoveries_run: u64,
    /// Controls run: checks of the harness that accuse nobody.
    pub controls_run: u64,
    /// Crash cases of which a bound of [`CrashOptions`] left some images out. If this is not 0,
    /// the result holds within bounds only.
    pub cases_bounded: u64,
    /// Cases that were not remembered for want of room.
    pub cases_forgotten: u64,
    /// What recoveries reported.
    pub observations: Observations,
}

/// A power cut in a recovery.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryCrash {
    /// What the recovery wrote and flushed, up to its end.
    pub events: Vec<Event>,
    /// How many of these events had happened.
    pub prefix: usize,
    /// Durability events among these, by index.
    pub frontier: Vec<usize>,
}

/// A finding, with everything needed to show and to repeat it.
#[derive(Clone, Debug)]
pub struct CrashViolation {
    /// What does not hold.
    pub finding: CrashFinding,
    /// The cut of the execution.
    pub cut: Cut,
    /// The power cuts in recoveries that followed, the first recovery first.
    pub recovery_crashes: Vec<RecoveryCrash>,
    /// What the blocks of the last crash image hold; a block's units are its sectors if writes
    /// tear.
    pub kept: BTreeMap<u64, Vec<Kept>>,
    /// The crash image that the failing recovery started from: the blocks that may differ from
    /// the base.
    pub image: BTreeMap<u64, Arc<[u8]>>,
    /// What the failing recovery itself wrote and flushed.
    pub recovery: Vec<Event>,
    /// The crash case that the last crash image is one of.
    pub case: Arc<CrashCase>,
}

/// Why a check did not pass.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CrashFailure {
    /// The code under test is wrong.
    #[error("{} is violated after a power cut: expected {}, observed {}",
        .0.finding.invariant, .0.finding.expected, .0.finding.observed)]
    Violated(Box<CrashViolation>),
    /// The check itself is wrong.
    #[error("the harness is broken: {0}")]
    HarnessBroken(String),
}

impl From<LogError> for CrashFailure {
    fn from(error: LogError) -> CrashFailure {
        CrashFailure::HarnessBroken(error.to_string())
    }
}
