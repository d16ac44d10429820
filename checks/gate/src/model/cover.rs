//! `cutpoint model cover`: which edges of a model's graph executions of the code take.

use super::args::CoverArgs;
use super::find;
use crate::exit::{Exit, Failure};
use crate::json::{COVER_SCHEMA, CoverJson, ReasonJson};
use crate::numbers::{count, many, seconds};
use crate::output::{self, BAD, BOLD, GOOD, HALF, styled};
use crate::spinner::Spinner;
use cutpoint_suite::conformance::cover::{COVERED, Covered, cover};
use cutpoint_suite::conformance::tour::Progress;
use std::fmt::Write;
use std::time::Instant;

/// Runs the command.
///
/// # Errors
/// If there is no such model, if executions are not read as paths of it, or if the file can not be
/// written.
pub fn run(args: &CoverArgs) -> Result<Exit, Failure> {
    let spec = find(&args.spec)?;
    let started = Instant::now();
    let mut spinner = Spinner::new();
    let covered = cover(spec.name, args.executions, &mut |progress| {
        spinner.tick(|| format!("{}: {}", spec.name, line(progress)));
    });
    drop(spinner);
    let Some(covered) = covered else {
        let names = COVERED.map(|(name, _)| name).join(", ");
        return Err(Failure::Other(format!(
            "no scenario's executions are read as paths of the model '{}'; they are of: {names}",
            spec.name
        )));
    };
    let covered = match covered {
        Ok(covered) => covered,
        Err(found) => {
            output::complain(&format!(
                "an execution is no path of the model {}: expected {}; it did {}",
                spec.name, found.expected, found.observed
            ));
            return Ok(Exit::Violated);
        }
    };
    let document = document(spec.name, &covered, started.elapsed().as_secs_f64());
    if let Some(path) = &args.json {
        output::write_json(path, &document)?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&text(&document))?;
    }
    Ok(exit(&document))
}

fn line(progress: &Progress) -> String {
    let explored = many(progress.explored, "execution", "executions");
    let edges = many(progress.taken, "edge", "edges");
    match progress.looked_at {
        0 => format!("{explored} explored, {edges} taken"),
        looked_at => {
            let of = count(progress.orders);
            format!("{} of {of} orders toured, {edges} taken", count(looked_at))
        }
    }
}

fn document(spec: &str, covered: &Covered, wall_s: f64) -> CoverJson {
    let coverage = &covered.coverage;
    let faults = coverage.faults();
    // A table of reasons is about all executions: fewer of them leave more edges.
    let verdict = match (covered.is_complete, faults.is_empty()) {
        (false, _) => "WithinBounds",
        (true, true) => "Holds",
        (true, false) => "Violated",
    };
    let reason = |(what, edges): &(&str, u64)| ReasonJson {
        reason: (*what).into(),
        edges: *edges,
    };
    CoverJson {
        schema: COVER_SCHEMA.into(),
        spec: spec.into(),
        scenario: covered.scenario.into(),
        verdict: verdict.into(),
        states: coverage.states,
        visited: coverage.visited,
        edges: coverage.edges,
        explored: covered.by_exploration,
        toured: coverage.taken - covered.by_exploration,
        passed: coverage.passed,
        reasons: coverage.reasons.iter().map(reason).collect(),
        behind: coverage.behind,
        faults,
        executions: covered.progress.explored,
        runs: covered.progress.runs,
        wall_s: Some(wall_s),
    }
}

fn exit(document: &CoverJson) -> Exit {
    match document.verdict.as_str() {
        "Holds" => Exit::Holds,
        "Violated" => Exit::Violated,
        _ => Exit::Unfinished,
    }
}

fn text(document: &CoverJson) -> String {
    let mut text = String::new();
    let head = format!("{} by {}", document.spec, document.scenario);
    let _ = writeln!(text, "{}", styled(BOLD, head));
    let mut row = |number: u64, what: &str| {
        let _ = writeln!(text, "{:>9}  {what}", count(number));
    };
    row(document.states, "states with the power on");
    row(document.visited, "of them visited by the code");
    row(document.edges, "edges");
    let by = many(document.executions, "execution", "executions");
    row(document.explored, &format!("taken by exploration, in {by}"));
    let by = many(document.runs, "more", "more");
    row(document.toured, &format!("taken by the tour, in {by}"));
    for reason in &document.reasons {
        row(reason.edges, &format!("not taken: {}", reason.reason));
    }
    let passed = "not taken: the state is passed within one turn of the code";
    row(document.passed, passed);
    row(document.behind, "not taken: reached over edges above only");
    for fault in &document.faults {
        let _ = writeln!(text, "           {}", styled(BAD, fault));
    }
    let (style, verdict) = match document.verdict.as_str() {
        "Holds" => (
            GOOD,
            "every edge is taken, has a reason, or lies behind such edges",
        ),
        "Violated" => (BAD, "the reasons are not those"),
        _ => (HALF, "not all executions were looked at: no verdict"),
    };
    let wall = seconds(document.wall_s.unwrap_or_default());
    let _ = writeln!(text, "{} ({wall} s)", styled(style, verdict));
    text
}
