//! Tables of text: columns that line up, whatever is in them.

use crate::output::{BOLD, styled};
use anstyle::Style;

/// Between two columns.
const GAP: &str = "  ";

/// A cell.
#[derive(Clone)]
pub struct Cell {
    /// What it says, without escape codes.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

/// A column.
#[derive(Clone, Copy)]
pub struct Column {
    /// What stands at its top.
    pub title: &'static str,
    /// Whether it holds numbers, which line up at their end.
    pub is_number: bool,
}

/// A column of words.
pub const fn words(title: &'static str) -> Column {
    Column {
        title,
        is_number: false,
    }
}

/// A column of numbers.
pub const fn number(title: &'static str) -> Column {
    Column {
        title,
        is_number: true,
    }
}

/// A cell that looks as usual.
pub fn cell(text: impl ToString) -> Cell {
    Cell {
        text: text.to_string(),
        style: Style::new(),
    }
}

/// Adds a table to the text, unless it is empty.
pub fn render(text: &mut String, columns: &[Column], rows: &[Vec<Cell>]) {
    if rows.is_empty() {
        return;
    }
    let header: Vec<Cell> = columns
        .iter()
        .map(|column| Cell {
            text: column.title.into(),
            style: BOLD,
        })
        .collect();
    let lines = || std::iter::once(&header).chain(rows);
    let width = |at: usize| lines().map(|line| line[at].text.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).filter_map(width).collect();
    for line in lines() {
        let cells = line.iter().zip(columns).zip(&widths);
        let padded: Vec<String> = cells
            .map(|((cell, column), width)| {
                let padding = " ".repeat(width - cell.text.chars().count());
                let text = styled(cell.style, &cell.text);
                match column.is_number {
                    true => padding + &text,
                    false => text + &padding,
                }
            })
            .collect();
        text.push_str(padded.join(GAP).trim_end());
        text.push('\n');
    }
    text.push('\n');
}
