//! Running a scenario along a guide, for example a counterexample of a model: see
//! [`crate::conformance::guide`].

use crate::check::{Session, options};
use crate::conformance::guide::Guide;
use crate::on_shuttle;
use crate::report::Verdict;
use crate::request::{Conformance, Request, RequestError};
use cutpoint::explore::Execution;
use cutpoint::explore::replay::by_events;
use cutpoint_traces::Trace;

/// What came of a guide.
#[derive(Clone, Debug)]
pub struct Guided {
    /// The counterexample, if something is violated.
    pub found: Option<Box<Trace>>,
    /// Schedules tried.
    pub attempts: u64,
    /// Operations of the guide that did not happen in the last of them.
    pub skipped: usize,
    /// Operations and choices of the guide.
    pub length: usize,
}

/// Runs a scenario along a guide, judged as in a check, until `invariant` is violated. If it is not
/// at once, the guide is tried with each of its operations left out: the code may take two steps of
/// the model at once, or a step at another place, and then one operation leads astray.
///
/// # Errors
/// [`RequestError`], if there is no such thing to run.
pub fn run(request: &Request, guide: &Guide, invariant: &str) -> Result<Guided, RequestError> {
    let request = Request {
        conformance: Conformance::Off,
        ..request.clone()
    };
    let (events, choices) = guide;
    let length = events.len() + choices.len();
    let mut attempts = 0;
    let mut skipped = 0;
    for left_out in std::iter::once(None).chain((0..events.len()).map(Some)) {
        let kept = events.iter().enumerate();
        let kept = kept.filter(|(at, _)| Some(*at) != left_out);
        let events = kept.map(|(_, event)| event.clone()).collect();
        attempts += 1;
        let attempt = attempt(&request, (events, choices.clone()))?;
        skipped = attempt.1;
        let found = attempt.0.filter(|t| t.violation.invariant == invariant);
        if found.is_some() {
            return Ok(Guided {
                found,
                attempts,
                skipped,
                length,
            });
        }
    }
    Ok(Guided {
        found: None,
        attempts,
        skipped,
        length,
    })
}

/// Runs once. Answers what is violated, and how much of the guide did not happen.
fn attempt(request: &Request, guide: Guide) -> Result<(Option<Box<Trace>>, usize), RequestError> {
    let unknown = || RequestError::UnknownScenario {
        name: request.scenario.clone(),
    };
    let variant = request.variant.as_deref();
    let body = on_shuttle::runtime::body(&request.scenario, variant, request.design);
    let mut session = Session::new(request)?;
    let mut observe = |execution: &Execution<'_>| session.observe(request, execution);
    let (events, choices) = guide;
    let options = options(request);
    let body = body.ok_or_else(unknown)?;
    let (explored, matched) = by_events(events, choices, &options, body, &mut observe);
    let found = match session.failure(request, &explored) {
        Some(Verdict::Violated(trace)) => Some(trace),
        _ => None,
    };
    Ok((found, matched.skipped))
}
