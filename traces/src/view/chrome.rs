//! The execution as Chrome trace events, for Perfetto and `chrome://tracing`.
//!
//! A trace has no clock, so an event's time is its index: one "microsecond" each. Arrows are the
//! immediate happens-before edges between tasks.
//!
//! # Source
//! The "Trace Event Format": complete events (`X`), metadata (`M`), flows (`s` and `f`), and a
//! global instant (`i`) for the power cut.

use super::ViewError;
use super::label::{self, clean};
use super::rows::happened;
use crate::format::{Kind, Trace};
use crate::order::Order;
use serde_json::{Value, json};

/// The trace as a document of trace events.
///
/// # Errors
/// If the trace is inconsistent.
pub fn render(trace: &Trace) -> Result<String, ViewError> {
    trace.validate()?;
    let order = Order::new(&trace.events, trace.tasks.len(), |_| true);
    // Written event by event: a document of one value would need many times the trace's memory.
    let mut out = String::from("{\"traceEvents\": [\n");
    for (task, named) in trace.tasks.iter().enumerate() {
        let name = clean(&named.name);
        push(
            &mut out,
            &json!({
                "ph": "M", "name": "thread_name", "pid": 0, "tid": task, "args": { "name": name },
            }),
        );
    }
    let mut flow = 0u64;
    for (index, event) in trace.events.iter().enumerate() {
        let mut shown = json!({
            "ph": "X", "ts": index, "dur": 1, "pid": 0, "tid": event.task,
            "name": label::event(trace, event), "cat": category(&event.kind),
        });
        if !happened(trace, index) {
            shown["cname"] = json!("grey");
        }
        push(&mut out, &shown);
        for from in order.other_tasks_before(index) {
            flow += 1;
            let start = trace.events[from].task;
            push(
                &mut out,
                &json!({
                    "ph": "s", "id": flow, "ts": from, "pid": 0, "tid": start,
                    "name": "before", "cat": "order",
                }),
            );
            push(
                &mut out,
                &json!({
                    "ph": "f", "bp": "e", "id": flow, "ts": index, "pid": 0, "tid": event.task,
                    "name": "before", "cat": "order",
                }),
            );
        }
    }
    if trace.crash.is_some() {
        let end = (0..trace.events.len())
            .rev()
            .find(|&index| happened(trace, index));
        push(
            &mut out,
            &json!({
                "ph": "i", "s": "g", "ts": end.map_or(0, |end| end + 1), "pid": 0, "tid": 0,
                "name": "power cut",
            }),
        );
    }
    out.truncate(out.trim_end_matches(",\n").len());
    let other = json!({ "title": label::title(trace), "violation": label::violation(trace) });
    out.push_str(&format!("\n],\n\"otherData\": {other}}}\n"));
    Ok(out)
}

fn push(out: &mut String, event: &Value) {
    out.push_str(&event.to_string());
    out.push_str(",\n");
}

fn category(kind: &Kind) -> &'static str {
    match kind {
        Kind::Op { .. } => "operation",
        Kind::Step { .. } => "step",
        Kind::Acknowledged { .. } => "promise",
        Kind::Write { .. } | Kind::Completed { .. } | Kind::Flushed { .. } => "device",
        Kind::Chosen { .. } => "choice",
    }
}
