//! The race as a picture: a lifeline per task, an arrow per order that the schedule forced.
//!
//! Drawn without Graphviz, so it needs nothing installed. Lengths are in pixels.

use super::html::escape;
use super::label::{self, clean};
use super::rows::{Row, Rows, Sort};
use super::story;
use super::wrap::wrap;
use super::{Options, ViewError};
use crate::format::Trace;
use std::fmt::Write;

const COLUMN: usize = 340;
const LINE: usize = 18;
const CHARACTERS: usize = 40;
const MARGIN: usize = 12;

/// The picture.
///
/// # Errors
/// If the trace is inconsistent.
pub fn render(trace: &Trace, options: &Options) -> Result<String, ViewError> {
    trace.validate()?;
    let rows = Rows::new(trace, options);
    let mut picture = Picture {
        width: COLUMN * rows.columns.len().max(2) + 2 * MARGIN,
        y: MARGIN,
        lifelines: String::new(),
        body: String::new(),
    };
    picture.text(&label::title(trace), "t");
    picture.y += LINE;
    let top = picture.y;
    for (column, &task) in rows.columns.iter().enumerate() {
        picture.label(column, &clean(&trace.tasks[task].name), "t");
    }
    picture.y += LINE;
    picture.rows(&rows);
    picture.lifelines(rows.columns.len(), top + LINE + LINE / 2);
    picture.y += LINE / 2;
    for line in story::tell(trace, &rows, options) {
        picture.text(&format!("{}: {}", line.fate.word(), line.text), "p");
    }
    picture.text(&label::violation(trace), "v");
    Ok(picture.finish())
}

struct Picture {
    width: usize,
    /// Where the next line starts.
    y: usize,
    lifelines: String,
    body: String,
}

/// Where a label is.
#[derive(Clone, Copy)]
struct Label {
    column: usize,
    /// Its middle.
    y: usize,
    width: usize,
}

impl Label {
    fn left(self) -> usize {
        middle(self.column).saturating_sub(self.width / 2)
    }

    fn right(self) -> usize {
        middle(self.column) + self.width / 2
    }
}

impl Picture {
    fn rows(&mut self, rows: &Rows) {
        // Where each row's label is: arrows start at earlier ones.
        let mut labels: Vec<Label> = Vec::with_capacity(rows.rows.len());
        for (index, row) in rows.rows.iter().enumerate() {
            if rows.cut == Some(index) {
                self.cut();
            }
            let text = format!("{} {}", index + 1, row.label);
            let lines = wrap(&text, CHARACTERS, 2);
            let label = Label {
                column: row.column,
                y: self.y + LINE * lines.len() / 2,
                width: lines.iter().map(|line| width(line)).max().unwrap_or(0),
            };
            for &from in &row.after {
                self.arrow(labels[from], label);
            }
            labels.push(label);
            for line in lines {
                self.label(row.column, &line, class(row));
                self.y += LINE;
            }
            self.y += LINE / 2;
        }
        if rows.cut == Some(rows.rows.len()) {
            self.cut();
        }
    }

    fn lifelines(&mut self, columns: usize, top: usize) {
        for column in 0..columns {
            let (x, bottom) = (middle(column), self.y);
            // Writing to a string can not fail, here and below.
            let _ = writeln!(
                self.lifelines,
                "<line class=\"l\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{bottom}\"/>"
            );
        }
    }

    /// A line of text in a column, on a white ground so that the lifeline does not cross it.
    fn label(&mut self, column: usize, text: &str, class: &str) {
        let (x, y) = (middle(column), self.y);
        let width = width(text);
        let left = x.saturating_sub(width / 2);
        let _ = writeln!(
            self.body,
            "<rect x=\"{left}\" y=\"{y}\" width=\"{width}\" height=\"{LINE}\"/>\
             <text class=\"m {class}\" x=\"{x}\" y=\"{}\">{}</text>",
            y + 13,
            escape(text)
        );
    }

    /// An arrow between the sides of two labels that face each other.
    fn arrow(&mut self, from: Label, to: Label) {
        let (start, end) = match from.column < to.column {
            true => (from.right(), to.left()),
            false => (from.left(), to.right()),
        };
        let _ = writeln!(
            self.lifelines,
            "<line class=\"a\" marker-end=\"url(#h)\" x1=\"{start}\" y1=\"{}\" x2=\"{end}\" \
             y2=\"{}\"/>",
            from.y, to.y
        );
    }

    fn cut(&mut self) {
        let (y, right) = (self.y + LINE / 2, self.width - MARGIN);
        let _ = writeln!(
            self.body,
            "<line class=\"c\" x1=\"{MARGIN}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>"
        );
        self.y += LINE;
        self.text("⚡ power cut", "v");
    }

    /// Text across the picture.
    fn text(&mut self, text: &str, class: &str) {
        for line in wrap(text, (self.width - 2 * MARGIN) / 8, 2) {
            let y = self.y + 13;
            let line = escape(&line).replace("  ", "\u{a0}\u{a0}");
            let _ = writeln!(
                self.body,
                "<text class=\"{class}\" x=\"{MARGIN}\" y=\"{y}\">{line}</text>"
            );
            self.y += LINE;
        }
    }

    fn finish(self) -> String {
        let (width, height) = (self.width, self.y + MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\">\n<style>\n{STYLE}</style>\n\
             <defs><marker id=\"h\" orient=\"auto\" markerWidth=\"8\" markerHeight=\"8\" \
             refX=\"7\" refY=\"3\"><path d=\"M0,0 L7,3 L0,6 z\"/></marker></defs>\n\
             <rect width=\"{width}\" height=\"{height}\"/>\n{}{}</svg>\n",
            self.lifelines, self.body
        )
    }
}

const STYLE: &str = "text { font: 13px monospace; fill: black }
rect { fill: white }
.m { text-anchor: middle }
.t { font-weight: bold }
.l { stroke: #bbb }
.a { stroke: #36c; stroke-dasharray: 4 3 }
.c { stroke: #c00; stroke-width: 2 }
.o { fill: #36c }
.d { fill: #777 }
.v { fill: #c00; font-weight: bold }
";

/// The width of a label with room on either side.
fn width(text: &str) -> usize {
    8 * text.chars().count() + 6
}

fn middle(column: usize) -> usize {
    MARGIN + COLUMN * column + COLUMN / 2
}

fn class(row: &Row) -> &'static str {
    match row.sort {
        Sort::Step => "s",
        Sort::Promise => "t",
        Sort::Order => "o",
        Sort::Device | Sort::Choice => "d",
    }
}
