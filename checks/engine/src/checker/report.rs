//! What a check found out, and how it is told.

use crate::crash::CrashStats;
use crate::lockgraph::LockGraph;
use crate::verdict::Verdict;
use cutpoint_traces::Trace;
use cutpoint_traces::format::Kind;
use cutpoint_traces::view::{Options, text};
use std::fmt;
use std::panic::Location;
use std::path::PathBuf;

/// What a check found out.
#[derive(Debug)]
pub struct Report {
    /// The check's name.
    pub name: String,
    /// The answer.
    pub verdict: Verdict,
    /// Executions run.
    pub executions: u64,
    /// Executions among them that could only repeat others.
    pub sleep_blocked: u64,
    /// Mazurkiewicz traces seen, if known.
    pub traces_distinct: Option<u64>,
    /// What was explored of power cuts.
    pub crash: CrashStats,
    /// The order of locks.
    pub locks: LockGraph,
    /// The counterexample, if there is one.
    pub trace: Option<Box<Trace>>,
    /// Where it was written to.
    pub trace_file: Option<PathBuf>,
    /// Why it could not be written.
    pub not_written: Option<String>,
}

impl Report {
    /// Whether nothing is violated in what was explored.
    pub fn holds(&self) -> bool {
        matches!(
            self.verdict,
            Verdict::Exhausted { .. } | Verdict::WithinBounds { .. }
        )
    }

    /// The report, if nothing is violated.
    ///
    /// # Panics
    /// Otherwise, with the report as text. The text is printed here and not by the panic hook,
    /// which says where in the checker the panic was raised: that helps nobody.
    #[track_caller]
    pub fn expect_holds(self) -> Report {
        if self.holds() {
            return self;
        }
        let text = format!("check '{}' at {}:\n{self}", self.name, Location::caller());
        eprintln!("{text}");
        std::panic::resume_unwind(Box::new(text));
    }
}

impl fmt::Display for Report {
    /// The counterexample in columns, if there is one, or else the verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(trace) = &self.trace else {
            return write!(f, "{}", self.verdict);
        };
        // Code that names no steps has only its operations to show.
        let has_steps = trace.events.iter().any(|event| {
            let kind = &event.kind;
            matches!(kind, Kind::Step { .. } | Kind::Acknowledged { .. })
        });
        let options = Options {
            all: !has_steps,
            ..Options::default()
        };
        match text::render(trace, &options) {
            Ok(text) => f.write_str(&text)?,
            Err(error) => writeln!(f, "{}\n(no picture: {error})", self.verdict)?,
        }
        match &self.not_written {
            Some(why) => writeln!(f, "the trace could not be written: {why}"),
            None => Ok(()),
        }
    }
}
