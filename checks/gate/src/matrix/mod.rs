//! `cutpoint matrix`: which way of exploring finds which seeded variant, and at what cost.
//!
//! Every way has the same processor time for every variant, so what else the machine does matters
//! little, and one process runs at a time for each processor. The
//! answer is a measurement and not a gate: nothing fails because a way finds less than another.
//! In reading order: [`way`] lists the ways, [`measured`] condenses the runs of one cell,
//! [`document`] is the result for programs, [`text`] the one for people.

mod document;
mod measured;
mod text;
mod way;

use crate::args::MatrixArgs;
use crate::exit::{Exit, Failure};
use crate::gate::{Expect, Finished, Job, Outcome, Progress, Runner, Task};
use crate::numbers;
use crate::output;
use crate::suite::{Catalogue, Request};
use document::{CellJson, MatrixJson, RowJson, RunJson};
use std::time::Duration;
use way::Way;

/// The real time after which a run counts as hung: far beyond its budget, which is of processor
/// time, and others may use the machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// One run: a cell, and for the ways that draw lots a seed.
struct Run<'a> {
    variant: &'a str,
    way: Way,
    seed: u64,
}

/// Runs the command.
///
/// # Errors
/// If a variant is unknown, a result can not be written, or this program does not find itself.
pub fn run(args: &MatrixArgs) -> Result<Exit, Failure> {
    for path in args.json.iter().chain(&args.markdown) {
        output::check_directory(path)?;
    }
    let catalogue = Catalogue::get();
    let variants = variants(args, catalogue)?;
    let runs: Vec<Run<'_>> = variants
        .iter()
        .flat_map(|variant| runs(variant, args.seeds))
        .collect();
    let jobs: Vec<Job> = runs.iter().map(|run| job(run, args, catalogue)).collect();
    let identity = format!("matrix of {} s", args.time.as_secs_f64());
    let runner = Runner::new(&identity, args.time + PATIENCE, args.resume.as_deref())?;
    let progress = Progress::new(jobs.len());
    let finished = runner.run(&jobs, &progress);
    progress.end();

    let matrix = document(args, catalogue, &runs, &finished);
    if let Some(path) = &args.json {
        output::write_json(path, &matrix)?;
    }
    if let Some(path) = &args.markdown {
        output::write_file(path, text::markdown(&matrix).as_bytes())?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&text::of(&matrix))?;
    }
    let broken = broken(&jobs, &finished);
    for line in &broken {
        output::complain(line);
    }
    Ok(match broken.is_empty() {
        true => Exit::Holds,
        false => Exit::Broken,
    })
}

/// The variants asked for, or all of them.
fn variants<'a>(args: &'a MatrixArgs, catalogue: &'a Catalogue) -> Result<Vec<&'a str>, Failure> {
    let known = |name: &str| catalogue.variants.contains_key(name);
    if let Some(unknown) = args.variants.iter().find(|name| !known(name)) {
        return Err(Failure::Other(format!(
            "there is no variant '{unknown}'; 'cutpoint list' lists them"
        )));
    }
    Ok(match args.variants.is_empty() {
        true => catalogue.variants.keys().map(String::as_str).collect(),
        false => args.variants.iter().map(String::as_str).collect(),
    })
}

/// The runs of a row.
fn runs<'a>(variant: &'a str, seeds: u64) -> impl Iterator<Item = Run<'a>> {
    Way::ALL.into_iter().flat_map(move |way| {
        let seeds = if way.draws_lots() { seeds } else { 1 };
        (1..=seeds).map(move |seed| Run { variant, way, seed })
    })
}

fn job(run: &Run<'_>, args: &MatrixArgs, catalogue: &Catalogue) -> Job {
    let variant = &catalogue.variants[run.variant];
    let request = Request {
        seed: run.seed,
        cpu_time: Some(args.time),
        ..Request::new(&variant.scenario, Some(run.variant))
    };
    Job {
        name: format!("{}/{}/{}", run.variant, run.way.name(), run.seed),
        task: Task::Check(Box::new(run.way.of(request))),
        // Nobody judges it.
        expect: Expect::Violates(None),
    }
}

fn document(
    args: &MatrixArgs,
    catalogue: &Catalogue,
    runs: &[Run<'_>],
    finished: &[Finished],
) -> MatrixJson {
    let mut rows: Vec<RowJson> = Vec::new();
    for (run, finished) in runs.iter().zip(finished) {
        if rows.last().is_none_or(|row| row.variant != run.variant) {
            let variant = &catalogue.variants[run.variant];
            rows.push(RowJson {
                variant: run.variant.into(),
                scenario: variant.scenario.clone(),
                invariant: variant.invariant.clone(),
                needs_crash: variant.needs_crash,
                cells: Vec::new(),
            });
        }
        let cells = &mut rows.last_mut().expect("there is one now").cells;
        let way = run.way.name();
        if cells.last().is_none_or(|cell| cell.way != way) {
            let way = way.into();
            cells.push(CellJson { way, runs: vec![] });
        }
        let cell = cells.last_mut().expect("there is one now");
        cell.runs.push(RunJson::of(run.way, run.seed, finished));
    }
    MatrixJson {
        schema: document::SCHEMA.into(),
        time_s: args.time.as_secs_f64(),
        seeds: args.seeds,
        rows,
    }
}

/// The runs that have no answer.
fn broken(jobs: &[Job], finished: &[Finished]) -> Vec<String> {
    let broken = jobs.iter().zip(finished).filter_map(|(job, finished)| {
        let why = match &finished.outcome {
            Outcome::Broken(why) => why.as_str(),
            Outcome::Check(check) if check.verdict == "HarnessBroken" => {
                check.why.as_deref().unwrap_or("no reason given")
            }
            _ => return None,
        };
        Some(format!("{}: {}", job.name, output::plain(why)))
    });
    let mut lines: Vec<String> = broken.collect();
    if lines.len() > 1 {
        lines.push(numbers::many(lines.len() as u64, "run", "runs") + " without an answer");
    }
    lines
}
