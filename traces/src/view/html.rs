//! The race as a page that needs nothing but itself: no scripts, no fonts, no pictures from
//! elsewhere.

use super::label::{self, clean};
use super::rows::{Rows, Sort};
use super::story;
use super::{Options, ViewError};
use crate::format::Trace;
use std::fmt::{self, Write};

const STYLE: &str = "body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; \
max-width: 75em; padding: 0 1em; color: #111; background: #fff }
h1 { font-size: 1.4em; margin-bottom: 0 }
.how { color: #666; margin-top: 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .15em .8em }
td, code, pre { font-family: ui-monospace, monospace; font-size: .93em }
th + th, td + td { border-left: 1px solid #ccc }
thead th { border-bottom: 2px solid #888 }
td.n { color: #999; text-align: right; width: 2em }
.order { color: #25b }
.promise { font-weight: bold }
.device, .choice { color: #777 }
.cut td { border-top: 2px solid #c00; color: #c00; font-weight: bold }
.unreached td { color: #aaa }
dt { float: left; clear: left; width: 7em; color: #666 }
dd { margin-left: 7.5em; font-family: ui-monospace, monospace; font-size: .93em }
.lost, .torn, .violated { color: #b00 }
.violated { border: 2px solid #b00; padding: .5em 1em }
";

/// The page.
///
/// # Errors
/// If the trace is inconsistent.
pub fn render(trace: &Trace, options: &Options) -> Result<String, ViewError> {
    trace.validate()?;
    let rows = Rows::new(trace, options);
    let mut out = String::new();
    // Writing to a string can not fail.
    let _ = write_page(&mut out, trace, &rows, options);
    Ok(out)
}

fn write_page(out: &mut String, trace: &Trace, rows: &Rows, options: &Options) -> fmt::Result {
    let title = escape(&label::title(trace));
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
    )?;
    writeln!(
        out,
        "<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>"
    )?;
    writeln!(out, "<h1>{title}</h1>")?;
    writeln!(
        out,
        "<p class=\"how\">{}</p>",
        escape(&label::subtitle(trace))
    )?;
    write_table(out, trace, rows)?;
    let story = story::tell(trace, rows, options);
    if !story.is_empty() {
        writeln!(out, "<h2>After the power cut</h2>\n<dl>")?;
        for line in story {
            let word = line.fate.word();
            let class = word.replace(' ', "-");
            let text = escape(&line.text);
            writeln!(out, "<dt>{word}</dt><dd class=\"{class}\">{text}</dd>")?;
        }
        writeln!(out, "</dl>")?;
    }
    writeln!(
        out,
        "<p class=\"violated\">{}</p>",
        escape(&label::violation(trace))
    )?;
    if let Some(story) = &trace.violation.story {
        writeln!(out, "<p>{}</p>", escape(&clean(story)))?;
    }
    let command = escape(&clean(&trace.replay_command));
    writeln!(
        out,
        "<p>Run it again:</p>\n<pre>{command}</pre>\n</body>\n</html>"
    )
}

fn write_table(out: &mut String, trace: &Trace, rows: &Rows) -> fmt::Result {
    writeln!(out, "<table>\n<thead><tr><th></th>")?;
    for &task in &rows.columns {
        writeln!(out, "<th>{}</th>", escape(&clean(&trace.tasks[task].name)))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    let columns = rows.columns.len();
    let cut = format!(
        "<tr class=\"cut\"><td class=\"n\">⚡</td>{}</tr>",
        match columns {
            0 => "<td>power cut</td>".to_string(),
            _ => format!("<td colspan=\"{columns}\">power cut</td>"),
        }
    );
    for (index, row) in rows.rows.iter().enumerate() {
        if rows.cut == Some(index) {
            writeln!(out, "{cut}")?;
        }
        let unreached = match rows.cut {
            Some(cut) if index >= cut => " class=\"unreached\"",
            _ => "",
        };
        write!(out, "<tr{unreached}><td class=\"n\">{}</td>", index + 1)?;
        // One cell spans the columns on either side, so a page with many tasks stays small.
        write_gap(out, row.column)?;
        let text = escape(&rows.label_of(row));
        write!(out, "<td class=\"{}\">{text}</td>", class(row.sort))?;
        write_gap(out, columns - row.column - 1)?;
        writeln!(out, "</tr>")?;
    }
    if rows.cut == Some(rows.rows.len()) {
        writeln!(out, "{cut}")?;
    }
    writeln!(out, "</tbody>\n</table>")
}

fn write_gap(out: &mut String, columns: usize) -> fmt::Result {
    match columns {
        0 => Ok(()),
        1 => write!(out, "<td></td>"),
        _ => write!(out, "<td colspan=\"{columns}\"></td>"),
    }
}

fn class(sort: Sort) -> &'static str {
    match sort {
        Sort::Step => "step",
        Sort::Promise => "promise",
        Sort::Order => "order",
        Sort::Device => "device",
        Sort::Choice => "choice",
    }
}

/// Text that is neither a tag nor the end of an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(c),
        }
    }
    safe
}
