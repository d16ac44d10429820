//! What an execution shows although nothing went wrong in it: a cycle in the order of locks, or
//! memory that was used without the lock that protects it, whoever came first.

use super::Session;
use crate::record;
use crate::request::{Granularity, Request};
use cutpoint::data_race::data_race;
use cutpoint::explore::Execution;
use cutpoint_event::Finding;

impl Session {
    /// Looks for both. The first that there is is kept, with its execution, for a check that finds
    /// nothing else: what goes wrong in an execution says more.
    pub(super) fn look_for_latent(&mut self, request: &Request, execution: &Execution<'_>) {
        let cycle = self.cycle(execution);
        if self.latent.is_some() {
            return;
        }
        if let Some(finding) = cycle.or_else(|| race(request, execution)) {
            let trace = record::of_finding(request, execution.log, &finding);
            self.latent = Some(Box::new(trace));
        }
    }

    /// Adds an execution to the order of locks.
    fn cycle(&mut self, execution: &Execution<'_>) -> Option<Finding> {
        if !self.locks.add(execution.number, execution.log) || self.latent.is_some() {
            return None;
        }
        let cycles = self.locks.cycles();
        let cycle = cycles.first()?;
        Some(Finding {
            invariant: "I34",
            expected: "the order of locks and waits has no cycle".into(),
            observed: cycle.to_string(),
        })
    }
}

/// At the granularity of atomics it is not known which accesses are part of one operation.
fn race(request: &Request, execution: &Execution<'_>) -> Option<Finding> {
    if request.granularity != Granularity::Lock {
        return None;
    }
    let race = data_race(execution.log)?;
    Some(Finding {
        invariant: "I35",
        expected: "a lock orders those who use the same bytes of memory".into(),
        observed: race.in_words(&execution.log.tasks),
    })
}
