//! A model's counterexample as a file: a trace, which every view can show, and ITF.
//!
//! A trace has a task for each actor. Every step of a model happens after every earlier one, so
//! the clocks are those of a total order. The arguments of a step are the values of the state that
//! it changed. ITF has the states themselves, which a trace has no place for.

use super::command;
use cutpoint_model::specs::{Found, Request, Shown, Spec, Taken};
use cutpoint_traces::Trace;
use cutpoint_traces::format::{self, Arg, Event, Kind, Task, Tool, Value, Violation};
use serde_json::json;

/// The counterexample as a trace.
pub(super) fn trace(spec: &Spec, request: &Request, found: &Found) -> Trace {
    let mut actors: Vec<&str> = Vec::new();
    for step in &found.steps {
        if !actors.contains(&step.actor.as_str()) {
            actors.push(&step.actor);
        }
    }
    let mut clock = vec![0; actors.len()];
    let mut before = &found.before;
    let mut events = Vec::new();
    for step in &found.steps {
        let actor = actors.iter().position(|actor| *actor == step.actor);
        let task = actor.expect("every actor was collected");
        clock[task] += 1;
        events.push(Event {
            task: u32::try_from(task).expect("a model has few actors"),
            clock: clock.clone(),
            kind: Kind::Step {
                name: step.step.into(),
                args: args(before, step),
            },
        });
        before = &step.after;
    }
    let without: Vec<_> = request.without.iter().map(|rule| rule.name()).collect();
    Trace {
        magic: format::MAGIC.into(),
        version: format::VERSION,
        tool: Tool {
            name: "cutpoint".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        },
        scenario: format!("model {}", spec.name),
        variant: (!without.is_empty()).then(|| format!("without {}", without.join(", "))),
        design: if spec.name.ends_with("_bh") {
            "bh"
        } else {
            "im"
        }
        .into(),
        runtime: "model".into(),
        engine: "breadth-first".into(),
        granularity: "step".into(),
        crash_mode: "model".into(),
        seed: None,
        left_out: Vec::new(),
        tasks: actors
            .iter()
            .map(|name| Task {
                name: name.to_string(),
            })
            .collect(),
        objects: Vec::new(),
        events,
        choices: Vec::new(),
        crash: None,
        violation: Violation {
            invariant: found.invariant.id().into(),
            expected: found.invariant.statement().into(),
            observed: line(before),
            story: None,
        },
        image: None,
        replay_command: command(spec, request),
    }
}

/// Where the step was taken, and what it changed.
fn args(before: &Shown, step: &Taken) -> Vec<Arg> {
    let arg = |key: &str, value: &str| Arg {
        key: key.into(),
        value: Value::Word(value.into()),
    };
    let place = step.place.iter().map(|place| arg("", place));
    let pairs = before.variables.iter().zip(&step.after.variables);
    let changed = pairs.filter(|(old, new)| old != new);
    let changed = changed.map(|(_, (name, value))| arg(name, value));
    place.chain(changed).collect()
}

fn line(state: &Shown) -> String {
    let values = state.variables.iter();
    let values: Vec<_> = values
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    values.join(", ")
}

/// The counterexample in the Informal Trace Format: every variable of every state as a string, and
/// the action that led to it.
///
/// # Source
/// Apalache's ADR-015, "Informal Trace Format in JSON".
pub(super) fn itf(spec: &Spec, request: &Request, found: &Found) -> String {
    let names = found.before.variables.iter().map(|(name, _)| *name);
    let vars: Vec<_> = ["action"].into_iter().chain(names).collect();
    let state = |index: usize, action: &str, shown: &Shown| {
        let mut state = serde_json::Map::new();
        state.insert("#meta".into(), json!({ "index": index }));
        state.insert("action".into(), json!(action));
        for (name, value) in &shown.variables {
            state.insert((*name).into(), json!(value));
        }
        serde_json::Value::Object(state)
    };
    let mut states = vec![state(0, "Init", &found.before)];
    for (index, step) in found.steps.iter().enumerate() {
        states.push(state(index + 1, &step.text, &step.after));
    }
    let document = json!({
        "#meta": {
            "format": "ITF",
            "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
            "source": command(spec, request),
            "status": "violation",
            "description": format!("{}: {}", found.invariant, found.invariant.statement()),
        },
        "vars": vars,
        "states": states,
    });
    format!("{document:#}\n")
}
