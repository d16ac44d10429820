//! Replaying a trace: the recorded events are followed by name, not by position, and every oracle
//! looks at what comes of it.

use crate::check::{Session, options};
use crate::conformance;
use crate::on_shuttle;
use crate::report::{Replayed, Verdict};
use crate::request::{Conformance, Request, RequestError};
use cutpoint::crash::Tear;
use cutpoint::explore::Execution;
use cutpoint::explore::replay::Matched;
use cutpoint::minimise::{Schedule, run};
use cutpoint::record::operations;
use cutpoint_traces::Trace;
use cutpoint_traces::format::{BlockVersion, Crash};

/// Replays a trace. `variant` replaces the recorded one: `Some(None)` is the correct protocol.
///
/// # Errors
/// [`RequestError`], if the trace names a scenario, a variant or a setting that there is not.
pub fn replay(trace: &Trace, variant: Option<Option<&str>>) -> Result<Replayed, RequestError> {
    let recorded = trace.variant.as_deref();
    let request = request_of(trace, variant.unwrap_or(recorded))?;
    let unknown = || RequestError::UnknownScenario {
        name: trace.scenario.clone(),
    };
    let (scenario, variant) = (trace.scenario.as_str(), request.variant.as_deref());
    let body = on_shuttle::runtime::body(scenario, variant, request.design).ok_or_else(unknown)?;
    let mut session = Session::new(&request)?;
    let mut observe = |execution: &Execution<'_>| session.observe(&request, execution);
    let options = options(&request);
    let (explored, matched, _) = run(&Schedule::of(trace), &options, body, &mut observe);
    let expected = &trace.violation.invariant;
    Ok(match session.failure(&request, &explored) {
        Some(Verdict::Violated(again)) if again.violation.invariant == *expected => {
            Replayed::Reproduces {
                observed: again.violation.observed,
            }
        }
        Some(Verdict::Violated(other)) => Replayed::Differs {
            invariant: other.violation.invariant,
            observed: other.violation.observed,
        },
        Some(other) => Replayed::NoLongerApplies {
            why: format!("{other:?}"),
        },
        None => gone(&matched, trace),
    })
}

/// Nothing is violated. The schedule counts as followed if at least half of it happened again: a
/// corrected protocol takes other steps here and there, another scenario takes none of them.
fn gone(matched: &Matched, trace: &Trace) -> Replayed {
    let recorded = operations(trace).len();
    if matched.skipped * 2 > recorded {
        let why = format!(
            "{} of {recorded} recorded operations did not happen again, the first is number {}",
            matched.skipped,
            matched.diverged_at.map_or(0, |at| at + 1)
        );
        return Replayed::NoLongerApplies { why };
    }
    Replayed::Gone
}

/// The request that recorded a trace, with another variant.
pub(crate) fn request_of(trace: &Trace, variant: Option<&str>) -> Result<Request, RequestError> {
    let setting = |what: &str, error: String| {
        RequestError::Unsupported(format!("the trace's {what} is not known here: {error}"))
    };
    let catalogue = crate::catalogue::Catalogue::get();
    catalogue.scenario(&trace.scenario)?;
    if let Some(variant) = variant {
        catalogue.variant(&trace.scenario, variant)?;
    }
    let mut request = Request::new(&trace.scenario, variant);
    request.design = trace
        .design
        .parse()
        .map_err(|error| setting("design", error))?;
    request.granularity = trace
        .granularity
        .parse()
        .map_err(|error| setting("granularity", error))?;
    let cuts: Vec<&Crash> =
        std::iter::successors(trace.crash.as_ref(), |crash| crash.nested.as_deref()).collect();
    let survivors = cuts.iter().flat_map(|crash| &crash.survivors);
    if survivors
        .into_iter()
        .any(|survivor| matches!(survivor.version, BlockVersion::Torn { .. }))
    {
        request.tear = Tear::Sector;
    }
    // Other counterexamples are about other invariants, which is all that is looked at again.
    request.conformance = match trace.violation.invariant == conformance::INVARIANT {
        false => Conformance::Off,
        true if variant.is_some() => Conformance::Only,
        true => Conformance::On,
    };
    let nested = cuts.len().saturating_sub(1) as u32;
    request.recovery_crashes = request.recovery_crashes.max(nested);
    Ok(request)
}
