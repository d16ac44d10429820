//! The execution in the Informal Trace Format, the JSON that TLA⁺ tools exchange.
//!
//! State 0 is the one before the first event; state `n` is the one after event `n - 1`. The
//! variables are what a trace knows: who did what, how many events each task has done, what happens
//! before, and whether the power is on. The state of the file system itself is not in the trace.
//!
//! # Source
//! Apalache's ADR-015, "Informal Trace Format in JSON": integers are written as `#bigint`
//! objects, functions as `#map` objects, sequences as lists.

use super::ViewError;
use super::label::{self, clean};
use super::rows::happened;
use crate::format::Trace;
use serde_json::{Value, json};

/// The most numbers per variable in a document. Each takes some 30 bytes.
const NUMBERS_MAX: usize = 4 << 20;

/// The trace as an ITF document.
///
/// # Errors
/// If the trace is inconsistent, or if its events times its tasks are more than four million: every
/// state repeats a number for each task.
pub fn render(trace: &Trace) -> Result<String, ViewError> {
    trace.validate()?;
    let (events, tasks) = (trace.events.len(), trace.tasks.len());
    if events.saturating_mul(tasks) > NUMBERS_MAX {
        return Err(ViewError::TooLarge { events, tasks });
    }
    let names: Vec<String> = trace
        .tasks
        .iter()
        .enumerate()
        .map(|(index, task)| format!("{index} {}", clean(&task.name)))
        .collect();
    let head = json!({
        "format": "ITF",
        "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
        "source": clean(&trace.scenario),
        "status": "violation",
        "description": label::violation(trace),
    });
    let mut done = vec![0; names.len()];
    let state = |index: usize, task: &str, action: &str, done: &[u32], clock: &[u32], on: bool| {
        json!({
            "#meta": { "index": index },
            "task": task,
            "action": action,
            "done": map(&names, done),
            "before": map(&names, clock),
            "powered": on,
        })
    };
    // Written state by state: a document of one value would need many times the trace's memory.
    let mut out = format!(
        "{{\n\"#meta\": {head},\n\"vars\": [\"task\", \"action\", \"done\", \"before\", \
         \"powered\"],\n\"states\": [\n"
    );
    out.push_str(&state(0, "", "Init", &done, &done, true).to_string());
    for (index, event) in trace.events.iter().enumerate() {
        let task = event.task as usize;
        done[task] += 1;
        let action = label::event(trace, event);
        let on = happened(trace, index);
        let state = state(index + 1, &names[task], &action, &done, &event.clock, on);
        out.push_str(",\n");
        out.push_str(&state.to_string());
    }
    out.push_str("\n]\n}\n");
    Ok(out)
}

/// A function from tasks to numbers. Names carry the task's index, as a name need not be unique.
fn map(names: &[String], numbers: &[u32]) -> Value {
    let pairs: Vec<Value> = names
        .iter()
        .zip(numbers)
        .map(|(name, number)| json!([name, { "#bigint": number.to_string() }]))
        .collect();
    json!({ "#map": pairs })
}
