//! Edge coverage of the models of races by executions of the code.

use super::automaton::Deviation;
use super::edges::{Coverage, Reason};
use super::graph::Graph;
use super::tour::{Progress, Tour};
use super::{Projection, dio_extension, short_write_punch, writeback_truncate};
use stateright::Model;

/// The models that executions are read as paths of, and the scenario of each.
pub const COVERED: [(&str, &str); 3] = [
    ("writeback_truncate", "writeback_vs_truncate"),
    ("dio_extension", "dio_extend_vs_delalloc_writeback"),
    ("short_write_punch", "short_write_punch_vs_mmap_fault"),
];

/// A model's coverage, and the work that it took.
#[derive(Clone, Debug)]
pub struct Covered {
    /// The scenario that was run.
    pub scenario: &'static str,
    /// Executions, and what came of them.
    pub progress: Progress,
    /// Edges taken by the exploration; the tour took the rest.
    pub by_exploration: u64,
    /// Whether every order of every trace was looked at.
    pub is_complete: bool,
    /// The coverage.
    pub coverage: Coverage,
}

/// A table of reasons for the edges of a model that the code does not take.
pub type Reasons<M> = &'static [Reason<<M as Model>::State>];

/// Explores the scenario of a model and tours its graph. `None` if no executions are read as paths
/// of it. `executions` bounds the exploration.
///
/// # Errors
/// An execution that is no path of the model.
pub fn cover(
    model: &str,
    executions: Option<u64>,
    progress: &mut dyn FnMut(&Progress),
) -> Option<Result<Covered, Deviation>> {
    let (_, scenario) = COVERED.into_iter().find(|(name, _)| *name == model)?;
    Some(match model {
        "writeback_truncate" => {
            let races = writeback_truncate::Races::new();
            tour(scenario, races, executions, progress)
        }
        "dio_extension" => tour(scenario, dio_extension::Races::new(), executions, progress),
        _ => {
            let races = short_write_punch::Races::new();
            tour(scenario, races, executions, progress)
        }
    })
}

fn tour<P: Projection>(
    scenario: &'static str,
    projection: P,
    executions: Option<u64>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Covered, Deviation> {
    let graph = Graph::of(&projection);
    let reasons = projection.reasons();
    let mut tour = Tour::new(scenario, projection);
    tour.explore(executions, progress)?;
    tour.go(progress)?;
    Ok(Covered {
        scenario,
        progress: tour.progress(),
        by_exploration: tour.by_exploration(),
        is_complete: tour.is_complete(),
        coverage: Coverage::of(&graph, &tour.done(), reasons),
    })
}
