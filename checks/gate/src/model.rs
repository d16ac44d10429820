//! `cutpoint model check`: every state of a model, with all rules or without some.

use crate::args::ModelArgs;
use crate::exit::{Exit, Failure};
use crate::json::{MODEL_SCHEMA, ModelJson};
use crate::numbers::{count, many, seconds};
use crate::output::{self, BAD, BOLD, GOOD, HALF, styled};
use crate::spinner::Spinner;
use cutpoint_model::check::{Outcome, Progress, Verdict};
use cutpoint_model::rule::{Rule, Rules};
use cutpoint_model::writeback_truncate::{self, Config};
use std::fmt::{Display, Write};
use std::time::Instant;

/// A model that can be checked.
pub struct Spec {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// The rules that it has.
    pub rules: &'static [Rule],
    check: fn(Rules, &mut dyn FnMut(Progress)) -> Explored,
}

/// The models.
pub const SPECS: &[Spec] = &[Spec {
    name: "writeback_truncate",
    about: "writeback of delayed blocks against truncate and append, with commits, a power cut \
            and recovery",
    rules: writeback_truncate::RULES,
    check: |rules, progress| {
        let config = Config {
            rules,
            ..Config::default()
        };
        Explored::new(writeback_truncate::check(&config, progress))
    },
}];

/// What a search found, in the words of its model.
struct Explored {
    verdict: &'static str,
    invariant: Option<&'static str>,
    actions: Vec<String>,
    unreached: Vec<&'static str>,
    size: Progress,
}

impl Explored {
    fn new<S, A: Display>(outcome: Outcome<S, A>) -> Explored {
        let explored = Explored {
            verdict: "Holds",
            invariant: None,
            actions: Vec::new(),
            unreached: Vec::new(),
            size: outcome.explored,
        };
        match outcome.verdict {
            Verdict::Holds => explored,
            Verdict::Vacuous { unreached } => Explored {
                verdict: "Vacuous",
                unreached,
                ..explored
            },
            Verdict::Violated(counterexample) => Explored {
                verdict: "Violated",
                invariant: Some(counterexample.property),
                actions: counterexample.actions.iter().map(A::to_string).collect(),
                ..explored
            },
        }
    }
}

/// Runs the command.
///
/// # Errors
/// If there is no such model or rule, or the result can not be written.
pub fn run(args: &ModelArgs) -> Result<Exit, Failure> {
    let spec = find(&args.spec)?;
    let without: Vec<Rule> = args
        .without
        .iter()
        .map(|name| rule(spec, name))
        .collect::<Result<_, _>>()?;
    let started = Instant::now();
    let mut spinner = Spinner::new();
    let explored = (spec.check)(Rules::without(without.iter().copied()), &mut |progress| {
        spinner.tick(|| format!("{}: {}", spec.name, size(&progress)));
    });
    drop(spinner);
    let document = ModelJson {
        schema: MODEL_SCHEMA.into(),
        spec: spec.name.into(),
        without: without.iter().map(|rule| rule.name().into()).collect(),
        verdict: explored.verdict.into(),
        invariant: explored.invariant.map(str::to_string),
        actions: explored.actions,
        unreached: explored
            .unreached
            .iter()
            .map(|name| name.to_string())
            .collect(),
        states: explored.size.unique_states as u64,
        depth: explored.size.depth as u64,
        wall_s: Some(started.elapsed().as_secs_f64()),
    };
    if let Some(path) = &args.json {
        output::write_json(path, &document)?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&text(&document, &size(&explored.size)))?;
    }
    Ok(exit(&document))
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

/// The result for a person.
fn text(document: &ModelJson, size: &str) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    let rules = match document.without.is_empty() {
        true => "all rules".to_string(),
        false => format!("without {}", document.without.join(", ")),
    };
    line(styled(BOLD, format!("{}, {rules}", document.spec)));
    match &document.invariant {
        Some(invariant) => line(format!("{} of {invariant}", styled(BAD, &document.verdict))),
        None if document.unreached.is_empty() => line(styled(GOOD, &document.verdict)),
        None => line(format!(
            "{}: never reached: {}",
            styled(HALF, &document.verdict),
            document.unreached.join(", ")
        )),
    }
    line(format!(
        "  {size}, {} s",
        seconds(document.wall_s.unwrap_or_default())
    ));
    for (index, action) in document.actions.iter().enumerate() {
        line(format!("  {:>3}  {action}", index + 1));
    }
    text
}
