//! `cutpoint minimise`: a smaller counterexample from a counterexample.

use crate::args::MinimiseArgs;
use crate::exit::{Exit, Failure};
use crate::json::{MINIMISE_SCHEMA, MinimiseJson, SizeJson};
use crate::numbers::{count, many, seconds};
use crate::output::{self, COMMAND, GOOD, HALF, plain, quoted, styled};
use crate::spinner::Spinner;
use crate::suite::{self, Minimised, Replayed};
use cutpoint::minimise::Cost;
use cutpoint_traces::Trace;
use cutpoint_traces::format::BlockVersion;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Runs the command.
///
/// # Errors
/// If the trace can not be read or names what there is not, or the result can not be written.
pub fn run(args: &MinimiseArgs) -> Result<Exit, Failure> {
    let trace = Trace::read(&args.trace)?;
    let path = match &args.output {
        Some(path) => path.clone(),
        None => beside(&args.trace)?,
    };
    for path in args.json.iter().chain([&path]) {
        output::check_directory(path)?;
    }
    let started = Instant::now();
    let mut spinner = Spinner::new();
    let minimised = suite::minimise(&trace, args.attempts, &mut |attempts| {
        spinner.tick(|| {
            let Cost {
                parts,
                preemptions,
                switches,
                operations,
                ..
            } = attempts.smallest;
            format!(
                "schedule {}: {parts} parts, {preemptions} preemptions, {switches} switches, \
                 {operations} operations",
                count(attempts.tried)
            )
        });
    })?;
    drop(spinner);
    let mut document = MinimiseJson {
        schema: MINIMISE_SCHEMA.into(),
        trace_file: args.trace.display().to_string(),
        output: None,
        verdict: String::new(),
        why: None,
        before: None,
        after: None,
        attempts: 0,
        wall_s: started.elapsed().as_secs_f64(),
    };
    let exit = match &minimised {
        Ok(minimised) => {
            minimised.trace.write(&path)?;
            describe(&mut document, &trace, minimised, &path);
            match minimised.is_minimal {
                true => Exit::Holds,
                false => Exit::Unfinished,
            }
        }
        Err(replayed) => {
            (document.verdict, document.why) = not_reproduced(replayed);
            Exit::Unfinished
        }
    };
    if let Some(path) = &args.json {
        output::write_json(path, &document)?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&text(&document))?;
    }
    Ok(exit)
}

/// Where the smaller trace goes if nothing else is said. A file that is there stays.
fn beside(trace: &Path) -> Result<PathBuf, Failure> {
    let path = trace.with_extension("min.json");
    if path.exists() {
        let path = path.display();
        return Err(Failure::Other(format!(
            "{path} exists and is not overwritten; say where to write with -o FILE"
        )));
    }
    Ok(path)
}

fn describe(document: &mut MinimiseJson, before: &Trace, minimised: &Minimised, path: &Path) {
    document.output = Some(path.display().to_string());
    let verdict = match minimised.is_minimal {
        true => "Minimised",
        false => "Smaller",
    };
    document.verdict = verdict.into();
    document.before = Some(size(&minimised.before, before));
    document.after = Some(size(&minimised.after, &minimised.trace));
    document.attempts = minimised.attempts;
}

fn size(cost: &Cost, trace: &Trace) -> SizeJson {
    let crash = trace.crash.as_ref();
    let cut = crash.map(|crash| crash.after.iter().map(|count| *count as usize).sum());
    let survived = |crash: &cutpoint_traces::format::Crash| {
        let survivors = crash.survivors.iter();
        survivors
            .filter(|survivor| survivor.version != BlockVersion::Base)
            .count()
    };
    SizeJson {
        parts: cost.parts,
        faults: cost.faults,
        preemptions: cost.preemptions,
        switches: cost.switches,
        operations: cost.operations,
        events: cut.unwrap_or(trace.events.len()),
        survivors: crash.map_or(0, survived),
    }
}

fn not_reproduced(replayed: &Replayed) -> (String, Option<String>) {
    match replayed {
        // The search replays the trace first, so this is not expected; it is said as it is.
        Replayed::Reproduces { .. } => (
            "NoLongerApplies".into(),
            Some("the trace reproduces in some replays only".into()),
        ),
        Replayed::Gone => (
            "Gone".into(),
            Some("nothing is violated when the trace is replayed".into()),
        ),
        Replayed::Differs { invariant, .. } => (
            "Differs".into(),
            Some(format!(
                "{invariant} is violated when the trace is replayed"
            )),
        ),
        Replayed::NoLongerApplies { why } => ("NoLongerApplies".into(), Some(why.clone())),
    }
}

/// The result for a person.
fn text(document: &MinimiseJson) -> String {
    let mut text = String::new();
    let (Some(before), Some(after), Some(output)) =
        (&document.before, &document.after, &document.output)
    else {
        let why = document.why.as_deref().unwrap_or_default();
        let verdict = styled(HALF, &document.verdict);
        return format!("{verdict}: {}\nnothing is written\n", plain(why));
    };
    let style = match document.verdict.as_str() {
        "Minimised" => GOOD,
        _ => HALF,
    };
    let tried = many(document.attempts, "schedule tried", "schedules tried");
    let wall = seconds(document.wall_s);
    let _ = writeln!(
        text,
        "{}: {tried}, {wall}",
        styled(style, &document.verdict)
    );
    let mut row = |name: &str, before: usize, after: usize| {
        let _ = writeln!(text, "  {name:<20}{before:>6} -> {after}");
    };
    row("parts", before.parts, after.parts);
    row("faults", before.faults as usize, after.faults as usize);
    row("preemptions", before.preemptions, after.preemptions);
    row("switches", before.switches, after.switches);
    row("operations", before.operations, after.operations);
    row("events", before.events, after.events);
    row("surviving blocks", before.survivors, after.survivors);
    if document.verdict != "Minimised" {
        text.push_str("the budget of attempts was spent; a smaller one may exist\n");
    }
    let command = format!("cutpoint show {}", quoted(output));
    let _ = writeln!(text, "to see it: {}", styled(COMMAND, command));
    text
}
