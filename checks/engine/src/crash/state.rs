//! The state of a crash checker as plain data, and the ledger of what was judged.
//!
//! Several processes that each check a part of the executions meet many crash cases in common. What
//! judging one took follows from the case alone, so a list of the cases with these counts, one from
//! each process, adds up to what a single process would have counted.

use super::check::CrashChecker;
use super::memory::Memory;
use super::outcome::{CrashStats, Observations};
use crate::state::{Numbers, intern};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// What judging one crash case took, without the cases that come of cutting its recoveries off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseCounts {
    /// Disk images that it stands for.
    pub states: u128,
    /// Recoveries run.
    pub recoveries: u64,
    /// Power cuts visited in these recoveries.
    pub cuts: u64,
    /// Whether a bound left some images out.
    pub is_bounded: bool,
    /// What the recoveries reported.
    pub observations: Observations,
}

/// The cases judged, by fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, CaseCounts>",
    into = "BTreeMap<String, CaseCounts>"
)]
pub struct Ledger(pub BTreeMap<u128, CaseCounts>);

impl From<Ledger> for BTreeMap<String, CaseCounts> {
    fn from(ledger: Ledger) -> BTreeMap<String, CaseCounts> {
        let cases = ledger.0.into_iter();
        cases
            .map(|(case, counts)| (format!("{case:032x}"), counts))
            .collect()
    }
}

impl TryFrom<BTreeMap<String, CaseCounts>> for Ledger {
    type Error = std::num::ParseIntError;

    fn try_from(cases: BTreeMap<String, CaseCounts>) -> Result<Ledger, Self::Error> {
        let cases = cases.into_iter();
        let cases = cases.map(|(case, counts)| Ok((u128::from_str_radix(&case, 16)?, counts)));
        Ok(Ledger(cases.collect::<Result<_, _>>()?))
    }
}

impl<'de> Deserialize<'de> for Observations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Observations, D::Error> {
        let counts = BTreeMap::<String, u64>::deserialize(deserializer)?.into_iter();
        Ok(Observations {
            counts: counts.map(|(name, count)| (intern(&name), count)).collect(),
        })
    }
}

/// Everything that a checker remembers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CrashState {
    memory: MemoryState,
    controls: MemoryState,
    is_base_controlled: bool,
    stats: CrashStats,
    ledger: Option<Ledger>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct MemoryState {
    seen: Numbers,
    forgotten: u64,
}

impl MemoryState {
    fn of(memory: &Memory) -> MemoryState {
        MemoryState {
            seen: Numbers(memory.seen.clone()),
            forgotten: memory.forgotten,
        }
    }

    fn restore(self, memory: &mut Memory) {
        memory.seen = self.seen.0;
        memory.forgotten = self.forgotten;
    }
}

impl CrashChecker {
    /// What the checker remembers, between two executions.
    pub fn state(&self) -> CrashState {
        CrashState {
            memory: MemoryState::of(&self.memory),
            controls: MemoryState::of(&self.controls),
            is_base_controlled: self.is_base_controlled,
            stats: self.stats.clone(),
            ledger: self.ledger.clone(),
        }
    }

    /// Lets the checker remember what another one did, of the same options and the same device.
    pub fn restore(&mut self, state: CrashState) {
        state.memory.restore(&mut self.memory);
        state.controls.restore(&mut self.controls);
        self.is_base_controlled = state.is_base_controlled;
        self.stats = state.stats;
        self.ledger = state.ledger;
    }

    /// Keeps a list of the cases judged from now on, at about 100 bytes for each.
    pub fn keep_ledger(&mut self) {
        self.ledger.get_or_insert_default();
    }

    /// The list, if it is kept.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_survives() {
        let mut counts = CaseCounts {
            states: u128::MAX - 1,
            recoveries: 3,
            ..CaseCounts::default()
        };
        counts.observations.saw("journal replayed");
        let ledger = Ledger([(7, counts.clone()), (u128::MAX, counts)].into());
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
        assert!(serde_json::from_str::<Ledger>(&text.replace("ffff", "xxxx")).is_err());
    }
}
