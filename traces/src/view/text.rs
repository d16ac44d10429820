//! The race as text: one column per task that acts, as in kernel mails.
//!
//! By default it shows the steps, the promises, failed requests, and the operations that explain
//! why a step could not come earlier ("after 3"); not the setup before the first spawn, nor locks
//! that ordered nothing. Where too many tasks act for columns to be legible, each line names its
//! task instead. A run of one task's steps that differ in their arguments only is one row, with the
//! first and the last. Where the text would have more than 40 lines, rows that follow each other in
//! one column share lines. `--all` undoes both. Rows that only repeat
//! others, as in a livelock, are counted.

use super::label::{self, clean};
use super::repeats::{self, Repeat};
use super::rows::{Rows, Sort};
use super::story::{self, Fate};
use super::wrap::{share, wrap};
use super::{Options, ViewError};
use crate::format::Trace;
use std::ops::Range;

/// Between two columns.
const SEPARATOR: &str = " | ";
/// Lines that the text may have before events that follow each other in one column share lines.
const LINES_MAX: usize = 40;
/// The narrowest column that is worth having.
const COLUMN_MIN: usize = 16;

/// A piece of a line, all in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// How to print it.
    pub style: Style,
    /// What to print.
    pub text: String,
}

/// How a piece of the text may be printed. What it looks like is the caller's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// Like other text.
    Plain,
    /// The title and the tasks' names.
    Heading,
    /// A step.
    Step,
    /// A promise to the user.
    Promise,
    /// An operation that explains the order.
    Order,
    /// The device's events.
    Device,
    /// A value that the explorer chose.
    Choice,
    /// The power cut.
    Crash,
    /// What the device lost or tore.
    Lost,
    /// What is wrong.
    Violation,
    /// A command to run.
    Command,
    /// What matters least.
    Faint,
}

/// A line of the text view, without its end.
pub type Line = Vec<Span>;

/// The race as text without styles. Every line ends with a newline.
///
/// # Errors
/// If the trace is inconsistent.
pub fn render(trace: &Trace, options: &Options) -> Result<String, ViewError> {
    let mut text = String::new();
    for line in lines(trace, options)? {
        let start = text.len();
        text.extend(line.iter().map(|span| span.text.as_str()));
        text.truncate(start + text[start..].trim_end().len());
        text.push('\n');
    }
    Ok(text)
}

/// The race as lines of styled pieces, for a caller that prints in colour.
///
/// # Errors
/// If the trace is inconsistent.
pub fn lines(trace: &Trace, options: &Options) -> Result<Vec<Line>, ViewError> {
    trace.validate()?;
    let rows = Rows::new(trace, options);
    let lines = page(trace, &rows, options, false);
    if options.all || lines.len() <= LINES_MAX {
        return Ok(lines);
    }
    Ok(page(trace, &rows, options, true))
}

/// The page; densely, if events share lines.
fn page(trace: &Trace, rows: &Rows, options: &Options, densely: bool) -> Vec<Line> {
    let mut page = Page {
        width: options.width.clamp(Options::WIDTH_MIN, Options::WIDTH_MAX),
        lines: Vec::new(),
    };
    page.paragraph(Style::Heading, &label::title(trace));
    page.paragraph(Style::Faint, &label::subtitle(trace));
    page.blank();
    let table = Table::new(trace, rows, page.width);
    table.print(&mut page, densely);
    page.blank();
    let story = story::tell(trace, rows, options);
    for line in &story {
        page.entry(fate_style(line.fate), line.fate.word(), &line.text);
    }
    if !story.is_empty() {
        page.blank();
    }
    page.paragraph(Style::Violation, &label::violation(trace));
    if let Some(story) = &trace.violation.story {
        page.paragraph(Style::Plain, &clean(story));
    }
    if let Some(image) = story::image(trace) {
        page.paragraph(Style::Faint, &image);
    }
    // Not wrapped, so that it can be copied as a whole.
    page.line(
        Style::Command,
        format!("replay: {}", clean(&trace.replay_command)),
    );
    page.lines
}

fn fate_style(fate: Fate) -> Style {
    match fate {
        Fate::Cut => Style::Crash,
        Fate::Lost | Fate::Overtaken | Fate::Torn => Style::Lost,
        Fate::Durable | Fate::Either => Style::Faint,
        Fate::Kept | Fate::Recovery => Style::Plain,
    }
}

fn row_style(sort: Sort) -> Style {
    match sort {
        Sort::Step => Style::Step,
        Sort::Promise => Style::Promise,
        Sort::Order => Style::Order,
        Sort::Device => Style::Device,
        Sort::Choice => Style::Choice,
    }
}

/// The lines so far.
struct Page {
    width: usize,
    lines: Vec<Line>,
}

impl Page {
    fn blank(&mut self) {
        self.lines.push(Line::new());
    }

    fn line(&mut self, style: Style, text: String) {
        self.lines.push(vec![Span { style, text }]);
    }

    fn paragraph(&mut self, style: Style, text: &str) {
        for text in wrap(text, self.width, 2) {
            self.line(style, text);
        }
    }

    /// A word, and text in a column of its own beside it.
    fn entry(&mut self, style: Style, word: &str, text: &str) {
        let word_width = 10;
        let texts = wrap(text, self.width - word_width, 2);
        for (index, text) in texts.into_iter().enumerate() {
            let word = if index == 0 { word } else { "" };
            self.line(style, format!("{word:word_width$}{text}"));
        }
    }
}

/// The race, laid out.
struct Table<'a> {
    rows: &'a Rows,
    names: Vec<String>,
    /// The width of each column, or nothing if each line names its task.
    widths: Option<Vec<usize>>,
}

impl<'a> Table<'a> {
    fn new(trace: &Trace, rows: &'a Rows, width: usize) -> Table<'a> {
        let names: Vec<String> = rows
            .columns
            .iter()
            .map(|&task| clean(&trace.tasks[task].name))
            .collect();
        let count = names.len().max(1);
        let room = width.saturating_sub(SEPARATOR.len() * (count - 1));
        let widths = (room / count >= COLUMN_MIN).then(|| {
            let mut wanted: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
            for row in &rows.rows {
                let label = rows.digits() + 1 + rows.label_of(row).chars().count();
                wanted[row.column] = wanted[row.column].max(label);
            }
            share(&wanted, room)
        });
        Table {
            rows,
            names,
            widths,
        }
    }

    fn print(&self, page: &mut Page, densely: bool) {
        if let Some(widths) = &self.widths {
            self.print_header(widths, page);
        }
        let rows = &self.rows.rows;
        // Nothing repeats across a power cut.
        let side = |row: usize| self.rows.cut.is_some_and(|cut| row >= cut);
        let shows = |row: usize| (rows[row].column, &rows[row].label, side(row));
        let mut repeats = repeats::find(rows.len(), |a, b| shows(a) == shows(b)).into_iter();
        let mut repeat = repeats.next();
        let mut index = 0;
        while index < rows.len() {
            if self.rows.cut == Some(index) {
                self.print_cut(page);
            }
            let hidden_from = repeat.map(|repeat| repeat.hidden_from());
            if let Some(hidden) = repeat.filter(|_| hidden_from == Some(index)) {
                page.line(Style::Faint, self.repeated(&hidden));
                index = hidden.end();
                repeat = repeats.next();
                continue;
            }
            let shares_line = |next: &usize| {
                let (row, next_row) = (&rows[index], &rows[*next]);
                let is_apart = self.rows.cut == Some(*next) || hidden_from == Some(*next);
                row.column == next_row.column && row.sort == next_row.sort && !is_apart
            };
            let more = match densely {
                true => (index + 1..rows.len()).take_while(shares_line).count(),
                false => 0,
            };
            let run = index..index + 1 + more;
            index = run.end;
            match &self.widths {
                Some(widths) => self.print_run(run, widths, page),
                None => self.print_named(run, page),
            }
        }
        if self.rows.cut == Some(self.rows.rows.len()) {
            self.print_cut(page);
        }
    }

    /// What stands for rows that repeat others.
    fn repeated(&self, repeat: &Repeat) -> String {
        let digits = self.rows.digits();
        let (first, last) = (repeat.start + 1, repeat.hidden_from());
        let rows = match repeat.period {
            1 => format!("{first} comes"),
            _ => format!("{first} to {last} come"),
        };
        let times = repeat.times - 1;
        format!(
            "{:>digits$} {rows} {times} times more, up to {}",
            "…",
            repeat.end()
        )
    }

    fn print_cut(&self, page: &mut Page) {
        page.line(Style::Crash, "⚡ power cut".to_string());
    }

    fn print_header(&self, widths: &[usize], page: &mut Page) {
        let cells: Vec<Vec<String>> = self
            .names
            .iter()
            .zip(widths)
            .map(|(name, &width)| wrap(name, width, 0))
            .collect();
        for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let cell = |column: usize| cells[column].get(at).map_or("", String::as_str);
            page.lines.push(columns(widths, cell, |_| Style::Heading));
        }
    }

    fn print_run(&self, run: Range<usize>, widths: &[usize], page: &mut Page) {
        let row = &self.rows.rows[run.start];
        let style = row_style(row.sort);
        let texts: Vec<String> = run.map(|index| self.numbered(index)).collect();
        let indent = self.rows.digits() + 1;
        for text in wrap(&texts.join("; "), widths[row.column], indent) {
            let cell = |column: usize| {
                if column == row.column {
                    text.as_str()
                } else {
                    ""
                }
            };
            page.lines.push(columns(widths, cell, |_| style));
        }
    }

    fn print_named(&self, run: Range<usize>, page: &mut Page) {
        let digits = self.rows.digits();
        let row = &self.rows.rows[run.start];
        let name = &self.names[row.column];
        let label = self.rows.label_of(row);
        let mut texts = vec![format!("{:digits$} {name}: {label}", run.start + 1)];
        texts.extend(run.skip(1).map(|index| self.numbered(index)));
        for text in wrap(&texts.join("; "), page.width, digits + 1) {
            page.line(row_style(row.sort), text);
        }
    }

    fn numbered(&self, index: usize) -> String {
        let digits = self.rows.digits();
        let label = self.rows.label_of(&self.rows.rows[index]);
        format!("{:digits$} {label}", index + 1)
    }
}

/// One line of cells.
fn columns<'t>(
    widths: &[usize],
    cell: impl Fn(usize) -> &'t str,
    style: impl Fn(usize) -> Style,
) -> Line {
    let mut line = Line::new();
    for (column, &width) in widths.iter().enumerate() {
        if column > 0 {
            line.push(Span {
                style: Style::Faint,
                text: SEPARATOR.to_string(),
            });
        }
        line.push(Span {
            style: style(column),
            text: format!("{:width$}", cell(column)),
        });
    }
    line
}
