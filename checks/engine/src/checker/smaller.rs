//! Making the counterexample of a check smaller before anybody reads it.

use super::Checker;
use super::session::{Body, Session};
use crate::explore::Execution;
use crate::minimise::{Ran, Schedule, minimise, run};
use cutpoint_event::Log;
use cutpoint_traces::Trace;
use std::path::Path;

impl Checker {
    /// Tries at most so many schedules to make a counterexample smaller ([`crate::minimise`]): a
    /// thousand, unless said otherwise, and none at all if this is 0. The verdict holds the
    /// execution as it was found, the trace the smaller one.
    pub fn minimise(mut self, attempts: u64) -> Checker {
        self.attempts = attempts;
        self
    }
}

/// An attempt that fails as the counterexample does.
struct Attempt {
    ran: Ran,
    log: Option<Log>,
    trace: Box<Trace>,
}

impl Session<'_> {
    /// A smaller counterexample, or the same if none is found.
    pub(super) fn smaller(&mut self, found: Box<Trace>, body: &Body, path: &Path) -> Box<Trace> {
        if self.checker.attempts == 0 {
            return found;
        }
        // What the report says is of the exploration.
        let crash = std::mem::take(&mut self.crash);
        let locks = std::mem::take(&mut self.locks);
        let smaller = self.search(&found, body, path);
        (self.crash, self.locks) = (crash, locks);
        smaller.unwrap_or(found)
    }

    fn search(&mut self, found: &Trace, body: &Body, path: &Path) -> Option<Box<Trace>> {
        let start = Schedule::of(found);
        let attempts = Some(self.checker.attempts);
        let mut tried = 0_u64;
        let smallest = minimise(&start, attempts, &mut |schedule, best| {
            tried += 1;
            let (checker, most) = (self.checker, self.checker.attempts);
            self.progress.tick(|| {
                let operations = best.map_or(schedule.events.len(), |best| best.operations);
                let tried = format!("attempt {tried} of at most {most}");
                format!(
                    "{}: {operations} operations, smaller? {tried}",
                    checker.name
                )
            });
            let attempt = self.attempt(schedule, found, body, path)?;
            Some(attempt.ran)
        })?;
        let last = self.attempt(&smallest.ran.schedule, found, body, path)?;
        let mut trace = last.trace;
        if let (Some(log), Some(cuts)) = (&last.log, &self.cuts)
            && let Some(violation) = cuts.check.minimal(log, &found.violation.invariant)
        {
            *trace = self.trace_of_crash(path, log, &violation, cuts.base);
        }
        trace.left_out = last.ran.schedule.left_out;
        Some(trace)
    }

    /// Runs a schedule. `None` unless it fails as `found` does.
    fn attempt(
        &mut self,
        schedule: &Schedule,
        found: &Trace,
        body: &Body,
        path: &Path,
    ) -> Option<Attempt> {
        self.begin_again();
        let options = self.checker.options.clone();
        let mut log = None;
        let mut observe = |execution: &Execution<'_>| {
            log = found.crash.is_some().then(|| execution.log.clone());
            self.observe(execution)
        };
        let body = body.clone();
        let (explored, _, ran) = run(schedule, &options, move || body(), &mut observe);
        let (_, trace) = self.conclude(&explored, path);
        let (ran, trace) = ran.zip(trace)?;
        let is_same = trace.violation.invariant == found.violation.invariant
            && trace.crash.is_some() == found.crash.is_some();
        is_same.then_some(Attempt { ran, log, trace })
    }
}
