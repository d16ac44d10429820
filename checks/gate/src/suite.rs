//! The way to the checks: what the commands use of the suite, in one place.

use cutpoint::crash::{CutMode, Tear};

pub use cutpoint_suite::catalogue::{Catalogue, InDesign};
pub use cutpoint_suite::check::check_from;
pub use cutpoint_suite::minimise::{Minimised, minimise};
pub use cutpoint_suite::replay::replay;
pub use cutpoint_suite::report::{Part, Replayed, Report, Verdict};
pub use cutpoint_suite::request::{Conformance, Design, Engine, Granularity, Request};
pub use cutpoint_suite::resume::{Resume, lock};

/// What the command line calls the ways to choose power cuts.
pub const CUT_MODES: [(&str, CutMode); 3] = [
    ("off", CutMode::Off),
    ("frontier", CutMode::Frontier),
    ("all-cuts", CutMode::AllCuts),
];

/// What the command line calls the ways in which a write tears.
pub const TEARS: [(&str, Tear); 2] = [("block", Tear::Block), ("sector", Tear::Sector)];

/// The name of a value in such a list.
pub fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    let found = names.iter().find(|(_, named)| named == value);
    found.expect("the list names every value").0
}

/// Whether an engine visits everything within its bounds, rather than a random choice of it.
pub fn is_systematic(engine: Engine) -> bool {
    match engine {
        Engine::Dpor | Engine::Loom | Engine::Dfs => true,
        Engine::Random | Engine::Pct | Engine::Urw => false,
    }
}

/// Whether a check that found nothing ended before it reached what was asked for.
///
/// For a systematic engine the numbers of executions and seconds are budgets; what is asked for is
/// everything, or everything within a bound: of preemptions, which loom always has and of which
/// DPOR says how far it came, or of leaving power cuts out. A random engine has no other bound than
/// its number of executions, or else its time.
pub fn is_unfinished(report: &Report) -> bool {
    if !matches!(report.verdict, Verdict::WithinBounds(_)) {
        return false;
    }
    let request = &report.request;
    let executions_over = request
        .executions
        .is_some_and(|max| report.executions >= max);
    let time_over = request
        .time
        .is_some_and(|max| report.wall_s >= max.as_secs_f64())
        || request
            .cpu_time
            .is_some_and(|max| report.cpu_s >= max.as_secs_f64());
    if is_systematic(request.engine) {
        let has_bound = request.engine == Engine::Loom
            || request.preemptions.is_some()
            || report.part.as_ref().is_some_and(|part| part.is_complete)
            || request.crash == CutMode::Off;
        let covered = report.preemptions_covered;
        let bound_missed = request.engine == Engine::Dpor
            && request
                .preemptions
                .is_some_and(|asked| covered.is_none_or(|covered| (covered as usize) < asked));
        executions_over || time_over || bound_missed || !has_bound
    } else {
        request.executions.is_some() && !executions_over
    }
}
