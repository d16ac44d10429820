//! The matrix for programs.

use super::way::Way;
use crate::gate::{Finished, Outcome};
use serde::Serialize;

/// The schema of [`MatrixJson`].
pub const SCHEMA: &str = "cutpoint-matrix/1";

/// The result of `matrix`.
#[derive(Clone, Debug, Serialize)]
pub struct MatrixJson {
    /// Its kind and version.
    pub schema: String,
    /// Seconds that each run had.
    pub time_s: f64,
    /// Runs of each cell whose way draws lots.
    pub seeds: u64,
    /// One for each variant.
    pub rows: Vec<RowJson>,
}

/// A variant.
#[derive(Clone, Debug, Serialize)]
pub struct RowJson {
    /// Its name.
    pub variant: String,
    /// The scenario.
    pub scenario: String,
    /// The invariant that it is expected to violate.
    pub invariant: String,
    /// Whether it takes a power cut to show.
    pub needs_crash: bool,
    /// One for each way.
    pub cells: Vec<CellJson>,
}

/// A variant explored in one way.
#[derive(Clone, Debug, Serialize)]
pub struct CellJson {
    /// The way.
    pub way: String,
    /// One for each seed.
    pub runs: Vec<RunJson>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunJson {
    /// The seed, which means something for ways that draw lots.
    pub seed: u64,
    /// As in the result of `check`.
    pub verdict: String,
    /// The invariant violated.
    pub invariant: Option<String>,
    /// Whether everything was visited that the way visits. One that draws lots has no such end.
    pub complete: bool,
    /// Executions run.
    pub executions: u64,
    /// Seconds of processor time.
    pub cpu_s: f64,
}

impl RunJson {
    /// The run of a seed.
    pub fn of(way: Way, seed: u64, finished: &Finished) -> RunJson {
        let check = match &finished.outcome {
            Outcome::Check(check) => Some(check),
            _ => None,
        };
        RunJson {
            seed,
            verdict: finished.outcome.verdict().into(),
            invariant: finished.outcome.invariant().map(Into::into),
            complete: check.is_some_and(|check| way.is_complete(check)),
            executions: check.map_or(0, |check| check.executions),
            cpu_s: check.and_then(|check| check.cpu_s).unwrap_or(0.0),
        }
    }
}
