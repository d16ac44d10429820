//! `cutpoint replay`: the schedule of a counterexample, run again.

use crate::args::ReplayArgs;
use crate::exit::{Exit, Failure};
use crate::json::{REPLAY_SCHEMA, ReplayJson};
use crate::output::{self, BAD, GOOD, HALF, plain, styled};
use crate::suite::{self, Replayed};
use cutpoint_traces::Trace;
use std::time::Instant;

/// What the command line calls the protocol without a seeded variant.
pub const CORRECT: &str = "correct";

/// Runs the command.
///
/// # Errors
/// If the trace can not be read, or names what there is not.
pub fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let trace = Trace::read(&args.trace)?;
    let variant = args.variant.as_deref();
    let variant = variant.map(|name| (name != CORRECT).then_some(name));
    let started = Instant::now();
    let replayed = suite::replay(&trace, variant)?;
    let wall_s = started.elapsed().as_secs_f64();

    let replayed_on = variant.unwrap_or(trace.variant.as_deref());
    if let Some(path) = &args.json {
        let document = document(args, &trace, replayed_on, &replayed, wall_s);
        output::write_json(path, &document)?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&text(&trace, replayed_on, &replayed))?;
    }
    Ok(exit(&replayed))
}

/// What the answer means to the caller.
fn exit(replayed: &Replayed) -> Exit {
    match replayed {
        Replayed::Reproduces { .. } | Replayed::Differs { .. } => Exit::Violated,
        Replayed::Gone => Exit::Holds,
        Replayed::NoLongerApplies { .. } => Exit::Unfinished,
    }
}

/// The answer for a person.
fn text(trace: &Trace, variant: Option<&str>, replayed: &Replayed) -> String {
    let protocol = plain(variant.unwrap_or("the correct protocol"));
    let scenario = plain(&trace.scenario);
    let recorded = plain(&trace.violation.invariant);
    let answer = match replayed {
        Replayed::Reproduces { observed } => format!(
            "{}: {recorded} is violated again\n  expected {}\n  observed {}",
            styled(BAD, "reproduces"),
            plain(&trace.violation.expected),
            plain(observed)
        ),
        Replayed::Gone => format!(
            "{}: the schedule could be followed, and {recorded} holds",
            styled(GOOD, "gone")
        ),
        Replayed::Differs {
            invariant,
            observed,
        } => format!(
            "{}: not {recorded} but {} is violated\n  observed {}",
            styled(BAD, "differs"),
            plain(invariant),
            plain(observed)
        ),
        Replayed::NoLongerApplies { why } => {
            format!("{}: {}", styled(HALF, "no longer applies"), plain(why))
        }
    };
    format!("{scenario}, {protocol}\n{answer}\n")
}

/// The answer for a program.
fn document(
    args: &ReplayArgs,
    trace: &Trace,
    variant: Option<&str>,
    replayed: &Replayed,
    wall_s: f64,
) -> ReplayJson {
    let (verdict, invariant, observed, why) = match replayed {
        Replayed::Reproduces { observed } => (
            "Reproduces",
            Some(&trace.violation.invariant),
            Some(observed),
            None,
        ),
        Replayed::Gone => ("Gone", None, None, None),
        Replayed::Differs {
            invariant,
            observed,
        } => ("Differs", Some(invariant), Some(observed), None),
        Replayed::NoLongerApplies { why } => ("NoLongerApplies", None, None, Some(why)),
    };
    ReplayJson {
        schema: REPLAY_SCHEMA.into(),
        trace_file: args.trace.display().to_string(),
        scenario: trace.scenario.clone(),
        variant: variant.map(str::to_string),
        verdict: verdict.into(),
        invariant: invariant.cloned(),
        observed: observed.cloned(),
        why: why.cloned(),
        wall_s: Some(wall_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_exit_code() {
        let observed = String::new;
        let differs = Replayed::Differs {
            invariant: "I4".into(),
            observed: observed(),
        };
        assert_eq!(exit(&Replayed::Gone), Exit::Holds);
        assert_eq!(
            exit(&Replayed::Reproduces {
                observed: observed()
            }),
            Exit::Violated
        );
        assert_eq!(exit(&differs), Exit::Violated);
        let no_longer = Replayed::NoLongerApplies { why: observed() };
        assert_eq!(exit(&no_longer), Exit::Unfinished);
    }
}
