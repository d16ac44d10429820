//! Making a recorded counterexample smaller: [`cutpoint::minimise`] on a scenario of the suite.

use crate::check::{Session, options};
use crate::on_shuttle;
use crate::record;
use crate::replay::{replay, request_of};
use crate::report::{Replayed, Verdict};
use crate::request::{Request, RequestError};
use cutpoint::crash::{CrashFailure, CutMode};
use cutpoint::explore::Execution;
use cutpoint::minimise::{Cost, Ran, Schedule, minimise as search, run};
use cutpoint_event::Log;
use cutpoint_traces::Trace;
use std::sync::Arc;

/// A smaller counterexample.
#[derive(Clone, Debug)]
pub struct Minimised {
    /// The counterexample.
    pub trace: Trace,
    /// How large the schedule was.
    pub before: Cost,
    /// How large it is.
    pub after: Cost,
    /// Schedules tried.
    pub attempts: u64,
    /// Whether no single change makes it smaller. If not, the budget was spent.
    pub is_minimal: bool,
}

/// What a minimisation says while it runs.
#[derive(Clone, Copy, Debug)]
pub struct Attempts {
    /// Schedules tried so far.
    pub tried: u64,
    /// The size of the smallest counterexample so far.
    pub smallest: Cost,
}

/// Makes a counterexample smaller, by trying at most so many schedules. A counterexample that does
/// not reproduce is not made smaller; the answer then is what replaying it showed.
///
/// # Errors
/// [`RequestError`], if the trace names what there is not.
pub fn minimise(
    trace: &Trace,
    attempts_max: Option<u64>,
    progress: &mut dyn FnMut(Attempts),
) -> Result<Result<Minimised, Replayed>, RequestError> {
    let mut request = request_of(trace, trace.variant.as_deref())?;
    if trace.crash.is_none() {
        request.crash = CutMode::Off;
    }
    let mut attempts = Attempter::new(&request, trace)?;
    let mut tried = 0;
    let mut attempt = |schedule: &Schedule, smallest: Option<Cost>| {
        tried += 1;
        if let Some(smallest) = smallest {
            progress(Attempts { tried, smallest });
        }
        attempts.attempt(schedule).map(|(ran, _)| ran)
    };
    let start = Schedule::of(trace);
    let Some(found) = search(&start, attempts_max, &mut attempt) else {
        return replay(trace, None).map(Err);
    };
    let Some((_, smaller)) = attempts.attempt(&found.ran.schedule) else {
        let why = "the smallest schedule found does not reproduce".into();
        return Ok(Err(Replayed::NoLongerApplies { why }));
    };
    Ok(Ok(Minimised {
        trace: attempts.trace(smaller, &found.ran),
        before: found.before,
        after: found.ran.cost(),
        attempts: found.attempts,
        is_minimal: found.is_minimal,
    }))
}

/// A counterexample as an attempt recorded it, with the execution that shows it.
struct Recorded {
    trace: Box<Trace>,
    log: Option<Log>,
}

struct Attempter<'a> {
    request: &'a Request,
    original: &'a Trace,
    body: Arc<dyn Fn() + Send + Sync>,
    session: Session,
}

impl<'a> Attempter<'a> {
    fn new(request: &'a Request, original: &'a Trace) -> Result<Attempter<'a>, RequestError> {
        let unknown = || RequestError::UnknownScenario {
            name: request.scenario.clone(),
        };
        let (scenario, variant) = (request.scenario.as_str(), request.variant.as_deref());
        let body = on_shuttle::runtime::body(scenario, variant, request.design);
        Ok(Attempter {
            request,
            original,
            body: Arc::from(body.ok_or_else(unknown)?),
            session: Session::new(request)?,
        })
    }

    /// Runs a schedule. Answers what happened if the invariant is violated again.
    fn attempt(&mut self, schedule: &Schedule) -> Option<(Ran, Recorded)> {
        self.session.begin_again();
        let (request, session) = (self.request, &mut self.session);
        let mut log = None;
        let mut observe = |execution: &Execution<'_>| {
            if request.crash != CutMode::Off {
                log = Some(execution.log.clone());
            }
            session.observe(request, execution)
        };
        let body = self.body.clone();
        let (explored, _, ran) = run(schedule, &options(request), move || body(), &mut observe);
        let Some(Verdict::Violated(trace)) = self.session.failure(request, &explored) else {
            return None;
        };
        let is_same = trace.violation.invariant == self.original.violation.invariant
            && trace.crash.is_some() == self.original.crash.is_some();
        ran.filter(|_| is_same)
            .map(|ran| (ran, Recorded { trace, log }))
    }

    /// The counterexample to keep: with the smallest power cut, and as the original was found.
    fn trace(&self, recorded: Recorded, ran: &Ran) -> Trace {
        let mut trace = *recorded.trace;
        if let Some(log) = &recorded.log {
            let invariant = &self.original.violation.invariant;
            let (checker, recovery, base) = self.session.crash_parts();
            // A cut that can not be made smaller is kept as it was found.
            if let Ok::<_, CrashFailure>(Some(violation)) =
                checker.minimal(log, recovery, invariant)
            {
                trace = record::of_crash(self.request, log, &violation, base);
            }
        }
        trace.left_out = ran.schedule.left_out.clone();
        trace.engine = self.original.engine.clone();
        trace.seed = self.original.seed;
        trace.crash_mode = self.original.crash_mode.clone();
        trace.replay_command = self.original.replay_command.clone();
        trace
    }
}
