//! The happens-before graph for Graphviz.
//!
//! Tasks are columns of nodes joined by their program order; the edges between columns are the
//! transitive reduction of the order among the events that are shown.

use super::label::{self, clean};
use super::rows::{Row, Rows, Sort};
use super::{Options, ViewError};
use crate::format::Trace;
use crate::order::Order;
use std::fmt::Write;

/// The graph.
///
/// # Errors
/// If the trace is inconsistent.
pub fn render(trace: &Trace, options: &Options) -> Result<String, ViewError> {
    trace.validate()?;
    let rows = Rows::new(trace, options);
    let is_shown = |event: usize| rows.number_of(event).is_some();
    let shown = Order::new(&trace.events, trace.tasks.len(), is_shown);
    let mut out = String::new();
    // Writing to a string can not fail.
    let _ = write_graph(&mut out, trace, &rows, &shown);
    Ok(out)
}

fn write_graph(
    out: &mut String,
    trace: &Trace,
    rows: &Rows,
    shown: &Order<'_>,
) -> std::fmt::Result {
    writeln!(out, "digraph trace {{")?;
    let caption = format!("{}\n{}", label::title(trace), label::violation(trace));
    writeln!(out, "  label={};", quoted(&caption))?;
    writeln!(out, "  labelloc=t; newrank=true;")?;
    writeln!(out, "  node [shape=box, fontname=monospace];")?;
    for (column, &task) in rows.columns.iter().enumerate() {
        writeln!(out, "  subgraph cluster_{column} {{")?;
        writeln!(
            out,
            "    label={};",
            quoted(&clean(&trace.tasks[task].name))
        )?;
        for row in rows.rows.iter().filter(|row| row.column == column) {
            write_node(out, rows, row)?;
        }
        writeln!(out, "  }}")?;
    }
    for row in &rows.rows {
        let to = row.event;
        if let Some(from) = shown.previous(to) {
            writeln!(out, "  e{from} -> e{to} [weight=10];")?;
        }
        for from in shown.other_tasks_before(to) {
            writeln!(out, "  e{from} -> e{to} [color=blue];")?;
        }
    }
    writeln!(out, "}}")
}

fn write_node(out: &mut String, rows: &Rows, row: &Row) -> std::fmt::Result {
    let number = rows.number_of(row.event).unwrap_or_default();
    let words = format!("{number} {}", row.label);
    let lost = rows.cut.is_some_and(|cut| number > cut);
    let style = match row.sort {
        _ if lost => ", style=dotted, fontcolor=gray",
        Sort::Step => "",
        Sort::Promise => ", style=bold",
        Sort::Order => ", shape=ellipse",
        Sort::Device => ", shape=cylinder",
        Sort::Choice => ", shape=diamond",
    };
    writeln!(out, "    e{} [label={}{style}];", row.event, quoted(&words))
}

/// A string of the DOT language, in which a backslash starts an escape.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}
