//! `cutpoint differential`: the explorer itself against others, on generated programs.

use crate::args::DifferentialArgs;
use crate::exit::{Exit, Failure};
use crate::json::{DIFFERENTIAL_SCHEMA, DifferentialJson};
use crate::numbers::{count, many, seconds};
use crate::output::{self, BAD, BOLD, GOOD, styled};
use cutpoint::differential::{Disagreement, Settings, Tally, against_enumeration, against_loom};
use std::fmt::Write;
use std::time::Instant;

/// With whom DPOR is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Brute force, and shuttle's depth-first search.
    Enumeration,
    /// loom.
    Loom,
}

impl Judge {
    /// Both.
    pub const ALL: [Judge; 2] = [Judge::Enumeration, Judge::Loom];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Judge::Enumeration => "enumeration",
            Judge::Loom => "loom",
        }
    }

    fn compare(self, settings: &Settings) -> Result<Tally, Box<Disagreement>> {
        match self {
            Judge::Enumeration => against_enumeration(settings),
            Judge::Loom => against_loom(settings),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// If the result can not be written.
pub fn run(args: &DifferentialArgs) -> Result<Exit, Failure> {
    if let Some(path) = &args.json {
        output::check_directory(path)?;
    }
    let started = Instant::now();
    let settings = Settings {
        seed: args.seed,
        ..Settings::new(args.programs)
    };
    let result = args.judge.compare(&settings);
    let document = document(args, result, started.elapsed().as_secs_f64());
    if let Some(path) = &args.json {
        output::write_json(path, &document)?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&text(&document))?;
    }
    Ok(match document.why {
        None => Exit::Holds,
        Some(_) => Exit::Violated,
    })
}

fn document(
    args: &DifferentialArgs,
    result: Result<Tally, Box<Disagreement>>,
    wall_s: f64,
) -> DifferentialJson {
    let why = result.as_ref().err().map(ToString::to_string);
    let tally = result.unwrap_or_default();
    DifferentialJson {
        schema: DIFFERENTIAL_SCHEMA.into(),
        judge: args.judge.name().into(),
        seed: args.seed,
        verdict: if why.is_none() { "Holds" } else { "Violated" }.into(),
        why,
        programs: tally.programs,
        judged: tally.judged,
        plain: tally.plain,
        deadlocks: tally.deadlocks,
        traces_distinct: tally.traces,
        executions: tally.executions,
        judges_executions: tally.judges_executions,
        wall_s: Some(wall_s),
    }
}

/// The result for a person.
fn text(document: &DifferentialJson) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(styled(BOLD, format!("DPOR against {}", document.judge)));
    if let Some(why) = &document.why {
        line(format!("{}: {why}", styled(BAD, &document.verdict)));
        return text;
    }
    let programs = many(document.programs, "program", "programs");
    line(format!(
        "{}: the same traces on {programs}, {} judged by {}",
        styled(GOOD, &document.verdict),
        count(document.judged),
        match document.judge.as_str() {
            "loom" => "loom",
            _ => "shuttle's depth-first search, too",
        }
    ));
    line(format!(
        "  {} traces in {} executions, against {}; {} programs can deadlock; {} s",
        count(document.traces_distinct),
        count(document.executions),
        count(document.judges_executions),
        count(document.deadlocks),
        seconds(document.wall_s.unwrap_or_default())
    ));
    if document.plain > 0 {
        line(format!(
            "  {} more programs use plain shuttle types: every order of turns was run",
            count(document.plain)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutpoint::explore::dpor::Mistake;

    fn args() -> DifferentialArgs {
        DifferentialArgs {
            judge: Judge::Enumeration,
            programs: 300,
            seed: 1,
            json: None,
        }
    }

    #[test]
    fn agreement_holds_and_a_wrong_explorer_is_violated_with_the_program() {
        let right = Judge::Enumeration.compare(&Settings::new(50));
        let right = document(&args(), right, 0.5);
        assert_eq!((right.verdict.as_str(), right.programs), ("Holds", 50));
        assert!(right.executions < right.judges_executions);
        let settings = Settings {
            mistake: Mistake::BacktrackSets,
            ..Settings::new(20_000)
        };
        let wrong = document(&args(), Judge::Enumeration.compare(&settings), 0.5);
        assert_eq!(wrong.verdict, "Violated");
        let why = wrong.why.as_deref().unwrap();
        assert!(
            why.contains("DPOR lacks") && why.contains("Program("),
            "{why}"
        );
        assert!(text(&wrong).contains("Program("));
    }
}
