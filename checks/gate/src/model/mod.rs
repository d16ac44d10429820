//! `cutpoint model`: every state of a model, with all rules or without some; its counterexamples
//! as files; stateright's explorer of it in a browser; and which of its edges the code takes.

pub mod args;
mod cover;
mod explore;
mod export;

pub use cover::run as cover;
pub use explore::run as explore;

use crate::exit::{Exit, Failure};
use crate::json::{MODEL_SCHEMA, ModelJson};
use crate::numbers::{count, many, seconds};
use crate::output::{self, BAD, BOLD, COMMAND, FAINT, GOOD, HALF, styled};
use crate::spinner::Spinner;
use args::{ModelArgs, SpecSize};
use cutpoint_model::check::Progress;
use cutpoint_model::rule::Rule;
pub use cutpoint_model::specs::SPECS;
use cutpoint_model::specs::{Report, Request, Size, Spec};
use std::fmt::Write;
use std::time::Instant;

impl From<SpecSize> for Size {
    fn from(size: SpecSize) -> Size {
        match size {
            SpecSize::Default => Size::Default,
            SpecSize::Wide => Size::Wide,
        }
    }
}

/// Runs `model check`.
///
/// # Errors
/// If there is no such model or rule, if files are asked for that this check does not give, or if
/// they can not be written.
pub fn run(args: &ModelArgs) -> Result<Exit, Failure> {
    let Some(name) = &args.spec else {
        return check_all(args);
    };
    let spec = find(name)?;
    let request = Request {
        without: rules(spec, &args.without)?,
        size: args.size.into(),
    };
    let (report, document) = check(spec, &request);
    if let Some(path) = &args.json {
        output::write_json(path, &document)?;
    }
    if let Some(path) = &args.trace {
        let trace = export::trace(spec, &request, found(&report, "--trace")?);
        trace.write(path)?;
    }
    if let Some(path) = &args.itf {
        let itf = export::itf(spec, &request, found(&report, "--itf")?);
        output::write_file(path, itf.as_bytes())?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&(table(std::slice::from_ref(&document)) + &details(&document)))?;
    }
    Ok(exit(&document))
}

fn found<'a>(
    report: &'a Report,
    option: &str,
) -> Result<&'a cutpoint_model::specs::Found, Failure> {
    report.violated.as_ref().ok_or_else(|| {
        Failure::Other(format!(
            "nothing is violated, so there is no counterexample for {option}; \
             switch a rule off with --without"
        ))
    })
}

/// Every model, one after the other.
fn check_all(args: &ModelArgs) -> Result<Exit, Failure> {
    if args.json.is_some() || args.trace.is_some() || args.itf.is_some() {
        let message = "--json, --trace and --itf are about one model: name it";
        return Err(Failure::Other(message.into()));
    }
    if !args.without.is_empty() {
        let message = "a rule belongs to a model: name the model to switch its rule off";
        return Err(Failure::Other(message.into()));
    }
    let request = Request {
        without: Vec::new(),
        size: args.size.into(),
    };
    let documents: Vec<_> = SPECS.iter().map(|spec| check(spec, &request).1).collect();
    output::print(&table(&documents))?;
    let worst = documents.iter().map(exit).max_by_key(|exit| *exit as u8);
    Ok(worst.unwrap_or(Exit::Holds))
}

/// Checks one model, with a sign of life.
fn check(spec: &Spec, request: &Request) -> (Report, ModelJson) {
    let started = Instant::now();
    let mut spinner = Spinner::new();
    let report = spec.check(request, &mut |progress| {
        spinner.tick(|| format!("{}: {}", spec.name, size(&progress)));
    });
    drop(spinner);
    let document = document(spec, request, &report, started.elapsed().as_secs_f64());
    (report, document)
}

fn document(spec: &Spec, request: &Request, report: &Report, wall_s: f64) -> ModelJson {
    let found = report.violated.as_ref();
    let verdict = match found {
        Some(_) => "Violated",
        None if report.unreached.is_empty() => "Holds",
        None => "Vacuous",
    };
    let steps = found.map_or(&[][..], |found| &found.steps);
    let unreached = report.unreached.iter();
    ModelJson {
        schema: MODEL_SCHEMA.into(),
        spec: spec.name.into(),
        without: request.without.iter().map(|r| r.name().into()).collect(),
        size: request.size.name().into(),
        verdict: verdict.into(),
        invariant: found.map(|found| found.invariant.id().into()),
        actions: steps.iter().map(|step| step.text.clone()).collect(),
        unreached: unreached.map(|name| name.to_string()).collect(),
        states: report.explored.unique_states as u64,
        depth: report.explored.depth as u64,
        wall_s: Some(wall_s),
    }
}

/// What the verdict means to the caller. A model whose required situations were never reached
/// says nothing about the protocol.
fn exit(document: &ModelJson) -> Exit {
    match document.verdict.as_str() {
        "Holds" => Exit::Holds,
        "Violated" => Exit::Violated,
        _ => Exit::Broken,
    }
}

fn find(name: &str) -> Result<&'static Spec, Failure> {
    SPECS.iter().find(|spec| spec.name == name).ok_or_else(|| {
        let names: Vec<_> = SPECS.iter().map(|spec| spec.name).collect();
        let names = names.join(", ");
        Failure::Other(format!("there is no model '{name}'; there is: {names}"))
    })
}

fn rules(spec: &Spec, names: &[String]) -> Result<Vec<Rule>, Failure> {
    names.iter().map(|name| rule(spec, name)).collect()
}

fn rule(spec: &Spec, name: &str) -> Result<Rule, Failure> {
    spec.rules
        .iter()
        .copied()
        .find(|rule| rule.name() == name)
        .ok_or_else(|| {
            let names: Vec<_> = spec.rules.iter().map(|rule| rule.name()).collect();
            let names = names.join(", ");
            Failure::Other(format!(
                "model '{}' has no rule '{name}'; it has: {names}",
                spec.name
            ))
        })
}

fn size(progress: &Progress) -> String {
    let states = many(progress.unique_states as u64, "state", "states");
    format!("{states}, depth {}", count(progress.depth as u64))
}

/// The command that repeats a check.
fn command(spec: &Spec, request: &Request) -> String {
    let without = request.without.iter();
    let without: String = without.map(|rule| format!(" --without {rule}")).collect();
    let size = match request.size {
        Size::Default => "",
        Size::Wide => " --size wide",
    };
    format!("cutpoint model check {}{without}{size}", spec.name)
}

/// One row for each check.
fn table(documents: &[ModelJson]) -> String {
    let mut text = String::new();
    let head = format!(
        "{:<20} {:<32} {:<10} {:>12} {:>6} {:>9}",
        "model", "without", "verdict", "states", "depth", "seconds"
    );
    let _ = writeln!(text, "{}", styled(BOLD, head));
    for document in documents {
        let without = match document.without.is_empty() {
            true => "-".to_string(),
            false => document.without.join(", "),
        };
        let style = match document.verdict.as_str() {
            "Holds" => GOOD,
            "Violated" => BAD,
            _ => HALF,
        };
        let verdict = match &document.invariant {
            Some(invariant) => format!("not {invariant}"),
            None => document.verdict.clone(),
        };
        let verdict = styled(style, format!("{verdict:<10}"));
        let _ = writeln!(
            text,
            "{:<20} {without:<32} {verdict} {:>12} {:>6} {:>9}",
            document.spec,
            count(document.states),
            count(document.depth),
            seconds(document.wall_s.unwrap_or_default())
        );
    }
    text
}

/// What a row has no room for: the counterexample, or what was never reached.
fn details(document: &ModelJson) -> String {
    let mut text = String::new();
    if !document.unreached.is_empty() {
        let names = document.unreached.join(", ");
        let _ = writeln!(text, "\n{}: never reached: {names}", document.spec);
    }
    let Some(invariant) = &document.invariant else {
        return text;
    };
    let known = cutpoint_model::invariants::Invariant::with_id(invariant);
    let statement = known.map_or("", |invariant| invariant.statement());
    let _ = writeln!(text, "\n{} violated: {statement}", styled(BAD, invariant));
    for (index, action) in document.actions.iter().enumerate() {
        let _ = writeln!(text, "  {:>3}  {action}", index + 1);
    }
    let without = document.without.iter();
    let without: String = without.map(|rule| format!(" --without {rule}")).collect();
    let look = format!("cutpoint model explore {}{without}", document.spec);
    let _ = writeln!(
        text,
        "{} {}",
        styled(FAINT, "look at it:"),
        styled(COMMAND, look)
    );
    text
}
