//! The matrix for people: a table for the terminal, and one in Markdown to keep.

use super::document::{MatrixJson, RowJson};
use super::measured::Measured;
use super::way::Way;
use crate::layout::{Cell, Column, cell, number, render, words};
use crate::numbers::{many, seconds};
use crate::output::{BAD, FAINT, GOOD, HALF, styled};
use anstyle::Style;
use std::fmt::Write;

/// What the cells mean.
const LEGEND: &str = "\
Seconds of processor time until the first violation; for random, pct and urw the median over the
seeds, where a seed that finds nothing counts as endless, and in brackets how many seeds find it.
\"> t\": not found in t seconds. \"-\": not found, though all was visited that this way visits: for
dpor without power cuts every interleaving, for \"fewest first\" and loom those with few preemptions
(three, and two), for one schedule every power cut of it. An invariant is named where it is not the
one expected. A variant that one seed finds counts as found.
";

/// The table for a terminal.
pub fn of(matrix: &MatrixJson) -> String {
    let mut columns: Vec<Column> = vec![words("variant"), words("breaks"), words("crash")];
    columns.extend(Way::ALL.map(|way| number(way.name())));
    let rows: Vec<Vec<Cell>> = matrix
        .rows
        .iter()
        .map(|row| styled_row(matrix, row))
        .collect();
    let mut text = String::new();
    render(&mut text, &columns, &rows);
    for line in sums(matrix) {
        let _ = writeln!(text, "{line}");
    }
    let _ = write!(text, "\n{}", styled(FAINT, LEGEND));
    text
}

/// The table as Markdown.
pub fn markdown(matrix: &MatrixJson) -> String {
    let mut text = format!(
        "# Which way of exploring finds which variant\n\nMade by `cutpoint matrix --time {} \
         --seeds {} --markdown FILE`, one process at a time for each processor.\n\n{LEGEND}\n",
        matrix.time_s, matrix.seeds
    );
    let mut line = |cells: Vec<String>| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    let heads = ["variant", "breaks", "crash"].map(String::from);
    let ways = Way::ALL.map(|way| way.name().to_string());
    line(heads.into_iter().chain(ways).collect());
    line(
        ["---"; 3]
            .into_iter()
            .chain(["--:"; Way::ALL.len()])
            .map(Into::into)
            .collect(),
    );
    for row in &matrix.rows {
        line(plain_row(matrix, row));
    }
    text.push('\n');
    for sum in sums(matrix) {
        let _ = writeln!(text, "- {sum}");
    }
    text
}

fn plain_row(matrix: &MatrixJson, row: &RowJson) -> Vec<String> {
    styled_row(matrix, row)
        .into_iter()
        .map(|cell| cell.text)
        .collect()
}

fn styled_row(matrix: &MatrixJson, row: &RowJson) -> Vec<Cell> {
    let mut cells = vec![
        cell(&row.variant),
        cell(&row.invariant),
        cell(if row.needs_crash { "yes" } else { "no" }),
    ];
    let measured = row.cells.iter().map(Measured::of);
    cells.extend(measured.map(|measured| of_cell(matrix, row, &measured)));
    cells
}

fn of_cell(matrix: &MatrixJson, row: &RowJson, measured: &Measured) -> Cell {
    let share = |hits: usize, runs: usize| match runs {
        1 => String::new(),
        _ => format!(" ({hits}/{runs})"),
    };
    let (text, style) = match measured {
        Measured::Found {
            median_s,
            hits,
            runs,
            invariants,
        } => {
            let others: Vec<&str> = invariants
                .iter()
                .filter(|invariant| **invariant != row.invariant)
                .map(String::as_str)
                .collect();
            let others = match others.is_empty() {
                true => String::new(),
                false => format!(" {}", others.join(" ")),
            };
            let text = seconds(*median_s) + &share(*hits, *runs) + &others;
            (text, if hits == runs { GOOD } else { HALF })
        }
        Measured::Missed { hits, runs } => {
            let text = format!("> {}{}", matrix.time_s, share(*hits, *runs));
            (text, if *hits > 0 { HALF } else { Style::new() })
        }
        Measured::Invisible => ("-".into(), Style::new()),
        Measured::Broken => ("broken".into(), BAD),
    };
    Cell { text, style }
}

/// How many variants each way finds.
fn sums(matrix: &MatrixJson) -> Vec<String> {
    let variants = matrix.rows.len();
    let with_crash = matrix.rows.iter().filter(|row| row.needs_crash).count();
    let sum = |(at, way): (usize, Way)| {
        let found = |row: &&RowJson| Measured::of(&row.cells[at]).is_found();
        let found: Vec<&RowJson> = matrix.rows.iter().filter(found).collect();
        let crash = found.iter().filter(|row| row.needs_crash).count();
        format!(
            "{}: {} of {}, among them {crash} of the {with_crash} that need a power cut",
            way.name(),
            found.len(),
            many(variants as u64, "variant", "variants")
        )
    };
    Way::ALL.into_iter().enumerate().map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::measured::tests::cell as runs;

    fn matrix() -> MatrixJson {
        let cells = vec![
            runs("dpor", &[Some(0.25)], false),
            runs("fewest first", &[Some(0.5)], false),
            runs("dpor, no crash", &[None], true),
            runs("loom", &[None], false),
            runs("random", &[Some(1.0), None, Some(2.0)], false),
            runs("pct", &[None, Some(1.0), None], false),
            runs("urw", &[Some(0.5); 3], false),
            runs("one schedule", &[None], true),
            runs("conformance", &[None], false),
        ];
        MatrixJson {
            schema: "s".into(),
            time_s: 5.0,
            seeds: 3,
            rows: vec![RowJson {
                variant: "v".into(),
                scenario: "s".into(),
                invariant: "I8".into(),
                needs_crash: true,
                cells,
            }],
        }
    }

    #[test]
    fn every_kind_of_cell_is_told_from_the_others() {
        let row = plain_row(&matrix(), &matrix().rows[0]);
        let expected = [
            "v",
            "I8",
            "yes",
            "0.25 I3",
            "0.50 I3",
            "-",
            "> 5",
            "2.00 (2/3) I3",
            "> 5 (1/3)",
            "0.50 (3/3) I3",
            "-",
            "> 5",
        ];
        assert_eq!(row, expected);
    }

    #[test]
    fn the_sums_count_what_any_seed_finds() {
        let sums = sums(&matrix());
        assert!(sums[0].starts_with("dpor: 1 of 1 variant,"), "{}", sums[0]);
        assert!(sums[3].starts_with("loom: 0 of 1 variant,"), "{}", sums[3]);
        assert!(sums[5].starts_with("pct: 1 of 1 variant,"), "{}", sums[5]);
    }

    #[test]
    fn the_markdown_has_as_many_columns_in_every_line() {
        let text = markdown(&matrix());
        let bars: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.matches('|').count())
            .collect();
        assert_eq!(bars, [Way::ALL.len() + 4; 3], "{text}");
    }
}
