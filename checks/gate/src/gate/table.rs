//! The results for a person: a table for each kind of job, and what was not measured.

use super::Row;
use super::jobs::{Expect, Plan, Task};
use super::run::Outcome;
use crate::json::{CheckJson, DifferentialJson, ModelJson};
use crate::layout::{Cell, Column, cell, number, render, words};
use crate::numbers::{count, many, seconds};
use crate::output::{BAD, GOOD, HALF, plain};
use crate::replay::CORRECT;
use std::collections::BTreeMap;

const CHECKS: [Column; 11] = [
    words("scenario"),
    words("protocol"),
    words("engine"),
    words("verdict"),
    words("invariant"),
    number("executions"),
    number("traces"),
    number("crash states"),
    number("recoveries"),
    number("e2fsck"),
    number("s"),
];

const MODELS: [Column; 7] = [
    words("model"),
    words("without rule"),
    words("verdict"),
    words("invariant"),
    number("states"),
    number("depth"),
    number("s"),
];

const DIFFERENTIALS: [Column; 7] = [
    words("DPOR against"),
    number("programs"),
    words("verdict"),
    number("traces"),
    number("executions"),
    number("theirs"),
    number("s"),
];

const REPLAYS: [Column; 5] = [
    words("counterexample"),
    words("replayed on"),
    words("verdict"),
    words("invariant"),
    number("s"),
];

/// The tables of all kinds of jobs that ran.
pub fn of(rows: &[Row<'_>]) -> String {
    let (mut checks, mut models, mut replays) = (Vec::new(), Vec::new(), Vec::new());
    let mut differentials = Vec::new();
    for row in rows {
        match &row.job.task {
            Task::Check(_) => checks.push(check_cells(row)),
            Task::Model {
                spec,
                without,
                is_wide,
            } => models.push(model_cells(row, spec, *without, *is_wide)),
            Task::Differential { judge, .. } => {
                differentials.push(differential_cells(row, judge.name()));
            }
            Task::Replay { on_correct, .. } => replays.push(replay_cells(row, *on_correct)),
        }
    }
    let mut text = String::new();
    render(&mut text, &CHECKS, &checks);
    render(&mut text, &MODELS, &models);
    render(&mut text, &DIFFERENTIALS, &differentials);
    render(&mut text, &REPLAYS, &replays);
    text
}

/// What the jobs did not look at, in words.
pub fn not_measured(rows: &[Row<'_>], plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let mut without_judge: BTreeMap<String, u64> = BTreeMap::new();
    for check in rows.iter().filter_map(check) {
        let e2fsck = &check.e2fsck;
        if e2fsck.not_measured > 0 {
            let why = plain(e2fsck.why_not.as_deref().unwrap_or("no reason given"));
            *without_judge.entry(why).or_default() += e2fsck.not_measured;
        }
    }
    for (why, images) in without_judge {
        let images = many(images, "image", "images");
        lines.push(format!("e2fsck did not judge {images}: {why}"));
    }
    for row in rows {
        if let Some(check) = check(row).filter(|check| check.verdict == "WithinBounds") {
            let bound = plain(check.why.as_deref().unwrap_or("a bound that is not stated"));
            lines.push(format!("{}: only {bound}", row.job.name));
        }
    }
    let unrecorded = plan.unrecorded.iter();
    lines.extend(unrecorded.map(|name| format!("{name}: the corpus has no counterexample of it")));
    lines
}

fn check<'a>(row: &'a Row<'_>) -> Option<&'a CheckJson> {
    match &row.finished.outcome {
        Outcome::Check(check) => Some(check),
        _ => None,
    }
}

fn check_cells(row: &Row<'_>) -> Vec<Cell> {
    let Task::Check(request) = &row.job.task else {
        return Vec::new();
    };
    let counted = |of: fn(&CheckJson) -> String| cell(check(row).map_or("-".into(), of));
    vec![
        cell(&request.scenario),
        cell(request.variant.as_deref().unwrap_or(CORRECT)),
        cell(request.engine),
        verdict(row),
        invariant(row),
        counted(|check| count(check.executions)),
        counted(|check| count(check.traces_distinct)),
        counted(|check| count(check.crash_states_covered)),
        counted(|check| count(check.recoveries_run)),
        match check(row).map(|check| &check.e2fsck) {
            Some(e2fsck) if e2fsck.judged == 0 && e2fsck.not_measured > 0 => Cell {
                text: "NotMeasured".into(),
                style: HALF,
            },
            Some(e2fsck) => cell(count(e2fsck.judged)),
            None => cell("-"),
        },
        cell(seconds(row.finished.wall_s)),
    ]
}

fn model_cells(row: &Row<'_>, spec: &str, without: Option<&str>, is_wide: bool) -> Vec<Cell> {
    let model = match &row.finished.outcome {
        Outcome::Model(model) => Some(model),
        _ => None,
    };
    let counted = |of: fn(&ModelJson) -> u64| cell(model.map_or("-".into(), |m| count(of(m))));
    vec![
        cell(spec),
        cell(without.unwrap_or(if is_wide { "none, wide" } else { "none" })),
        verdict(row),
        invariant(row),
        counted(|model| model.states),
        counted(|model| model.depth),
        cell(seconds(row.finished.wall_s)),
    ]
}

fn differential_cells(row: &Row<'_>, judge: &str) -> Vec<Cell> {
    let document = match &row.finished.outcome {
        Outcome::Differential(document) => Some(document),
        _ => None,
    };
    let counted = |of: fn(&DifferentialJson) -> u64| {
        cell(document.map_or("-".into(), |document| count(of(document))))
    };
    vec![
        cell(judge),
        counted(|document| document.programs),
        verdict(row),
        counted(|document| document.traces_distinct),
        counted(|document| document.executions),
        counted(|document| document.judges_executions),
        cell(seconds(row.finished.wall_s)),
    ]
}

fn replay_cells(row: &Row<'_>, on_correct: bool) -> Vec<Cell> {
    let recorded = match &row.finished.outcome {
        Outcome::Replay(replay) => replay.variant.as_deref(),
        _ => None,
    };
    let name = row.job.name.split('/').nth(1).unwrap_or(&row.job.name);
    vec![
        cell(name),
        cell(if on_correct {
            CORRECT
        } else {
            recorded.unwrap_or("-")
        }),
        verdict(row),
        invariant(row),
        cell(seconds(row.finished.wall_s)),
    ]
}

/// The verdict, in the colour of what the rules make of it.
fn verdict(row: &Row<'_>) -> Cell {
    let verdict = row.finished.outcome.verdict();
    let style = match verdict {
        _ if !row.faults.is_empty() => BAD,
        "WithinBounds" => HALF,
        _ => GOOD,
    };
    Cell {
        text: plain(verdict),
        style,
    }
}

/// The violated invariant; where it is not the expected one, both.
fn invariant(row: &Row<'_>) -> Cell {
    let found = row.finished.outcome.invariant().map(plain);
    match (&row.job.expect, found) {
        (Expect::Violates(Some(expected)), found) if found.as_ref() != Some(expected) => Cell {
            text: format!("{expected} → {}", found.as_deref().unwrap_or("none")),
            style: BAD,
        },
        (_, found) => cell(found.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::jobs::Job;
    use crate::gate::judge::judge;
    use crate::gate::judge::tests::{check_json, job, replay};
    use crate::gate::run::Finished;

    fn row(job: &Job, outcome: Outcome) -> Row<'_> {
        let finished = Finished {
            outcome,
            wall_s: 1.25,
            is_resumed: false,
        };
        Row {
            job,
            faults: judge(job, &finished.outcome),
            finished,
        }
    }

    fn unstyled(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_line_up_and_a_wrong_invariant_shows_both() {
        let holds = job(Expect::Holds);
        let caught = job(Expect::Violates(Some("I3".into())));
        let mut check = check_json("Exhausted", None);
        check.executions = 1_234;
        check.e2fsck.not_measured = 5;
        let rows = [
            row(&holds, Outcome::Check(Box::new(check))),
            row(
                &caught,
                Outcome::Check(Box::new(check_json("Violated", Some("I8")))),
            ),
            row(&caught, Outcome::Broken("killed".into())),
        ];
        let text = unstyled(&of(&rows));
        let lines: Vec<&str> = text.lines().collect();
        let ends: Vec<usize> = lines[..4].iter().map(|line| line.chars().count()).collect();
        assert_eq!(ends, [ends[0]; 4], "{text}");
        let words: Vec<Vec<&str>> = lines
            .iter()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|word| !word.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(words[1][..4], ["s", "correct", "dpor", "Exhausted"]);
        assert_eq!(
            words[1][4..],
            ["1,234", "10", "0", "0", "NotMeasured", "1.25"]
        );
        assert_eq!(words[2][3..5], ["Violated", "I3 → I8"]);
        assert_eq!(words[3][3..5], ["HarnessBroken", "I3 → none"]);
        assert_eq!(words[3][5..], ["-", "-", "-", "-", "-", "1.25"]);
    }

    #[test]
    fn each_kind_of_job_has_a_table_of_its_own() {
        let recorded = Job {
            name: "replay/t/correct".into(),
            task: Task::Replay {
                file: "t.json".into(),
                on_correct: true,
            },
            expect: Expect::Gone,
        };
        let expected = "\
counterexample  replayed on  verdict  invariant     s
t               correct      Gone                1.25

";
        assert_eq!(unstyled(&of(&[row(&recorded, replay("Gone"))])), expected);
    }

    #[test]
    fn what_was_not_measured_is_counted_and_said() {
        let holds = job(Expect::Holds);
        let mut check = check_json("WithinBounds", None);
        check.why = Some("1 preemption".into());
        check.e2fsck.not_measured = 5;
        check.e2fsck.why_not = Some("not installed".into());
        let outcome = Outcome::Check(Box::new(check));
        let rows = [row(&holds, outcome.clone()), row(&holds, outcome)];
        let plan = Plan {
            jobs: Vec::new(),
            unrecorded: vec!["v".into()],
        };
        let expected = [
            "e2fsck did not judge 10 images: not installed",
            "s/correct/dpor: only 1 preemption",
            "s/correct/dpor: only 1 preemption",
            "v: the corpus has no counterexample of it",
        ];
        assert_eq!(not_measured(&rows, &plan), expected);
    }
}
