//! What the runs of one cell come to.

use super::document::CellJson;

/// What the runs of one cell come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// Found in at least half of the runs.
    Found {
        /// The median of the seconds of processor time; a run that found nothing counts as endless.
        median_s: f64,
        /// Runs that found it.
        hits: usize,
        /// All runs.
        runs: usize,
        /// The invariants violated, each once.
        invariants: Vec<String>,
    },
    /// Found in fewer runs than that, or in none, before the time was over.
    Missed {
        /// Runs that found it.
        hits: usize,
        /// All runs.
        runs: usize,
    },
    /// Not found, though everything was visited that this way visits.
    Invisible,
    /// A run has no answer.
    Broken,
}

impl Measured {
    /// The sum of a cell's runs.
    pub fn of(cell: &CellJson) -> Measured {
        let runs = &cell.runs;
        let has_answer =
            |verdict: &str| matches!(verdict, "Violated" | "Exhausted" | "WithinBounds");
        if runs.iter().any(|run| !has_answer(&run.verdict)) {
            return Measured::Broken;
        }
        let found = || runs.iter().filter(|run| run.verdict == "Violated");
        let mut times: Vec<f64> = found().map(|run| run.cpu_s).collect();
        times.sort_by(f64::total_cmp);
        let hits = times.len();
        if hits == 0 && runs.iter().all(|run| run.complete) {
            return Measured::Invisible;
        }
        // The endless ones come last, so the median is a number if more than half are.
        match times.get((runs.len() - 1) / 2) {
            None => Measured::Missed {
                hits,
                runs: runs.len(),
            },
            Some(&median_s) => {
                let mut invariants: Vec<String> =
                    found().filter_map(|run| run.invariant.clone()).collect();
                invariants.sort();
                invariants.dedup();
                Measured::Found {
                    median_s,
                    hits,
                    runs: runs.len(),
                    invariants,
                }
            }
        }
    }

    /// Whether it was found in at least one run.
    pub fn is_found(&self) -> bool {
        match self {
            Measured::Found { .. } => true,
            Measured::Missed { hits, .. } => *hits > 0,
            Measured::Invisible | Measured::Broken => false,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::matrix::document::RunJson;

    /// A cell of runs that found something after so many seconds, or nothing.
    pub fn cell(way: &str, runs: &[Option<f64>], complete: bool) -> CellJson {
        let runs = runs.iter().zip(1..).map(|(found, seed)| RunJson {
            seed,
            verdict: if found.is_some() {
                "Violated"
            } else {
                "WithinBounds"
            }
            .into(),
            invariant: found.map(|_| "I3".into()),
            complete,
            executions: 1,
            cpu_s: found.unwrap_or(5.0),
        });
        CellJson {
            way: way.into(),
            runs: runs.collect(),
        }
    }

    #[test]
    fn runs_that_find_nothing_count_as_endless() {
        let of = |runs: &[Option<f64>]| Measured::of(&cell("random", runs, false));
        let found = |median_s, hits, runs| Measured::Found {
            median_s,
            hits,
            runs,
            invariants: vec!["I3".into()],
        };
        assert_eq!(of(&[Some(2.0)]), found(2.0, 1, 1));
        assert_eq!(of(&[Some(3.0), None, Some(1.0)]), found(3.0, 2, 3));
        assert_eq!(
            of(&[None, None, Some(1.0)]),
            Measured::Missed { hits: 1, runs: 3 }
        );
        assert_eq!(of(&[None]), Measured::Missed { hits: 0, runs: 1 });
    }

    #[test]
    fn what_a_way_can_not_see_is_told_from_what_it_had_no_time_for() {
        assert_eq!(
            Measured::of(&cell("dpor", &[None], true)),
            Measured::Invisible
        );
        let mut broken = cell("loom", &[None], true);
        broken.runs[0].verdict = "HarnessBroken".into();
        assert_eq!(Measured::of(&broken), Measured::Broken);
    }
}
