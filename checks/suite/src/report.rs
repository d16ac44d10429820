//! What a check found out.

use crate::request::Request;
use cutpoint::crash::{CrashStats, Ledger};
use cutpoint::lockgraph::GraphState;
use cutpoint::state::Numbers;
use cutpoint_traces::Trace;
use std::collections::BTreeMap;

/// The outcome of a check.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub request: Request,
    /// The answer.
    pub verdict: Verdict,
    /// Executions run, those that were given up for repeating others included.
    pub executions: u64,
    /// Mazurkiewicz traces seen.
    pub traces_distinct: u64,
    /// Executions given up because they could only repeat others.
    pub sleep_blocked: u64,
    /// Every execution with at most so many preemptions was covered, if the engine knows.
    pub preemptions_covered: Option<u32>,
    /// Preemptions in the counterexample, if there is one and the engine knows.
    pub preemptions: Option<u32>,
    /// What was explored of power cuts.
    pub crash: CrashStats,
    /// What the external judge saw.
    pub e2fsck: External,
    /// Named interesting states, with the number of executions or recoveries that reached them.
    pub reached: BTreeMap<&'static str, u64>,
    /// Lock classes that somebody waited for, waits other than for locks included.
    pub lock_classes: u64,
    /// Orders seen between these: one was waited for while another was held.
    pub lock_edges: u64,
    /// The graph of these orders for Graphviz, with a witness for each.
    pub lock_graph: String,
    /// If this is a part of a search, what it takes to put the parts together.
    pub part: Option<Part>,
    /// Seconds of real time.
    pub wall_s: f64,
    /// Seconds of processor time.
    pub cpu_s: f64,
    /// The largest amount of memory that the process held, in bytes.
    pub peak_rss_bytes: u64,
}

/// What it takes to put the parts of a search together.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// A number for the way in which the search was split; 0 if something was found.
    pub split: u64,
    /// Whether everything in this part was explored.
    pub is_complete: bool,
    /// The bounds besides that this is a part, in words.
    pub bounds: String,
    /// The crash cases judged.
    pub cases: Ledger,
    /// The images that the external judge has seen, by fingerprint.
    pub images: Numbers,
    /// The order of locks.
    pub locks: GraphState,
}

/// The answer to a check.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Holds in every execution and every power cut.
    Exhausted,
    /// Holds in everything that was explored; the text says what that was.
    WithinBounds(String),
    /// Does not hold; here is the counterexample.
    Violated(Box<Trace>),
    /// Nothing can be said.
    NotMeasured(String),
    /// The check itself is wrong.
    HarnessBroken(String),
}

impl Verdict {
    /// Its name in JSON and in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Exhausted => "Exhausted",
            Verdict::WithinBounds(_) => "WithinBounds",
            Verdict::Violated(_) => "Violated",
            Verdict::NotMeasured(_) => "NotMeasured",
            Verdict::HarnessBroken(_) => "HarnessBroken",
        }
    }
}

/// What an external judge saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// Images that it judged.
    pub judged: u64,
    /// Images equal to one that it had judged.
    pub cached: u64,
    /// Images that it could not judge.
    pub not_measured: u64,
    /// Why not, if it could not.
    pub why_not: Option<String>,
}

/// The state of a check under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Executions run so far.
    pub executions: u64,
    /// Recoveries run so far.
    pub recoveries: u64,
}

/// What replaying a trace showed.
#[derive(Clone, Debug)]
pub enum Replayed {
    /// The same invariant is violated again.
    Reproduces {
        /// What was observed this time.
        observed: String,
    },
    /// The schedule could be followed, and nothing is violated.
    Gone,
    /// Something else is violated.
    Differs {
        /// The invariant now violated.
        invariant: String,
        /// What was observed.
        observed: String,
    },
    /// The code no longer takes these steps.
    NoLongerApplies {
        /// Where it left the trace, and how.
        why: String,
    },
}
