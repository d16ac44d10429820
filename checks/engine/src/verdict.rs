//! What a check may say, and nothing stronger.

use crate::explore::{Explored, Found, StoppedBy};
use std::fmt;

/// The outcome of a check.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Every execution was covered and none violates anything.
    Exhausted {
        /// How many executions it took, sleep-blocked ones included.
        executions: u64,
    },
    /// No violation within bounds that leave executions out.
    WithinBounds {
        /// How many executions were run.
        executions: u64,
        /// The bounds, in words.
        bounds: String,
    },
    /// A violation, with the execution that shows it.
    Violated(Box<Found>),
    /// The check could not be made here, and says nothing about the code.
    NotMeasured(String),
    /// The check itself is at fault and accuses nobody.
    HarnessBroken(String),
}

impl Verdict {
    /// What an exploration proves. `bounds` names the bounds that the search was given besides its
    /// budget, or is empty.
    pub fn of(explored: Explored, bounds: &str) -> Verdict {
        if let StoppedBy::Harness(why) = explored.stopped_by {
            return Verdict::HarnessBroken(why);
        }
        if let Some(found) = explored.finding {
            return Verdict::Violated(Box::new(found));
        }
        let executions = explored.executions;
        if explored.complete && bounds.is_empty() {
            return Verdict::Exhausted { executions };
        }
        let mut all: Vec<String> = Vec::new();
        if !bounds.is_empty() {
            all.push(bounds.into());
        }
        match explored.stopped_by {
            StoppedBy::Executions => all.push(format!("{executions} executions")),
            StoppedBy::Time => all.push("the time given".into()),
            StoppedBy::Memory => all.push("the memory given".into()),
            StoppedBy::Preemptions => {}
            StoppedBy::Observer => all.push("stopped by its observer".into()),
            StoppedBy::Unsupported(what) => all.push(what),
            _ => {}
        }
        if let Some(most) = explored.preemptions_covered.filter(|_| !explored.complete) {
            all.push(within_preemptions(most));
        }
        Verdict::WithinBounds {
            executions,
            bounds: all.join(", "),
        }
    }

    /// Whether the verdict claims a violation.
    pub fn is_violated(&self) -> bool {
        matches!(self, Verdict::Violated(_))
    }
}

/// A bound on preemptions in words, which a search has reached.
pub fn within_preemptions(most: u32) -> String {
    let preemptions = match most {
        0 => "no preemption".into(),
        1 => "at most 1 preemption".into(),
        _ => format!("at most {most} preemptions"),
    };
    format!("{preemptions}, complete for this bound")
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Exhausted { executions } => {
                write!(f, "holds: exhausted in {executions} executions")
            }
            Verdict::WithinBounds { executions, bounds } => {
                write!(
                    f,
                    "no violation in {executions} executions, within bounds: {bounds}"
                )
            }
            Verdict::Violated(found) => {
                f.write_str("violated:")?;
                for finding in &found.findings {
                    write!(
                        f,
                        " {}: expected {}, observed {};",
                        finding.invariant, finding.expected, finding.observed
                    )?;
                }
                Ok(())
            }
            Verdict::NotMeasured(why) => write!(f, "not measured: {why}"),
            Verdict::HarnessBroken(why) => write!(f, "harness broken: {why}"),
        }
    }
}
