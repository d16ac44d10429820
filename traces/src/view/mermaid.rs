//! The race as a Mermaid sequence diagram, which forges render inside Markdown.
//!
//! A step is a note over its task's lifeline; an operation that explains the order is an arrow from
//! the step that had to come first.

use super::label::{self, clean};
use super::rows::Rows;
use super::story;
use super::{Options, ViewError};
use crate::format::Trace;
use std::fmt::Write;

/// The diagram.
///
/// # Errors
/// If the trace is inconsistent.
pub fn render(trace: &Trace, options: &Options) -> Result<String, ViewError> {
    trace.validate()?;
    let rows = Rows::new(trace, options);
    let mut out = String::from("sequenceDiagram\n");
    for (column, &task) in rows.columns.iter().enumerate() {
        line(
            &mut out,
            &format!("participant T{column} as {}", text(&trace.tasks[task].name)),
        );
    }
    let last = rows.columns.len().saturating_sub(1);
    let over_all = match last {
        0 => "T0".to_string(),
        _ => format!("T0,T{last}"),
    };
    if rows.columns.is_empty() {
        line(&mut out, "participant T0 as nobody");
    }
    line(
        &mut out,
        &format!("Note over {over_all}: {}", text(&label::title(trace))),
    );
    for (index, row) in rows.rows.iter().enumerate() {
        if rows.cut == Some(index) {
            line(&mut out, &format!("Note over {over_all}: ⚡ power cut"));
        }
        let (to, words) = (row.column, text(&row.label));
        let number = index + 1;
        for &from in &row.after {
            let from = rows.rows[from].column;
            line(&mut out, &format!("T{from}-->>T{to}: {number} {words}"));
        }
        if row.after.is_empty() {
            line(&mut out, &format!("Note over T{to}: {number} {words}"));
        }
    }
    if rows.cut == Some(rows.rows.len()) {
        line(&mut out, &format!("Note over {over_all}: ⚡ power cut"));
    }
    for part in story::tell(trace, &rows, options) {
        let words = text(&part.text);
        line(
            &mut out,
            &format!("Note over {over_all}: {}: {words}", part.fate.word()),
        );
    }
    line(
        &mut out,
        &format!("Note over {over_all}: {}", text(&label::violation(trace))),
    );
    Ok(out)
}

fn line(out: &mut String, content: &str) {
    // Writing to a string can not fail.
    let _ = writeln!(out, "    {content}");
}

/// Text that can not end its statement: what Mermaid reads as syntax is written as an entity code.
fn text(words: &str) -> String {
    let mut safe = String::new();
    for c in clean(words).chars() {
        match c {
            '#' | ';' | ':' | '<' | '>' | '"' | '%' | '&' | '{' | '}' | '`' => {
                let _ = write!(safe, "#{};", u32::from(c));
            }
            _ => safe.push(c),
        }
    }
    safe
}
