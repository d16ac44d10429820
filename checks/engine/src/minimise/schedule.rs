//! A schedule, and running it.

use super::Ran;
use crate::explore::replay::{Matched, ReplayEvent, by_events, recording};
use crate::explore::{Execution, Explored, Observer, Options};
use crate::record;
use cutpoint_event::part;
use cutpoint_traces::Trace;

/// What a replay needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Parts of the scenario that do not take part, sorted.
    pub left_out: Vec<String>,
    /// The operations, in order.
    pub events: Vec<ReplayEvent>,
    /// The choices, in order.
    pub choices: Vec<(String, u64)>,
}

impl Schedule {
    /// The schedule of a trace.
    pub fn of(trace: &Trace) -> Schedule {
        Schedule {
            left_out: trace.left_out.clone(),
            events: record::operations(trace),
            choices: record::choices(trace),
        }
    }
}

/// Runs `body` once, by a schedule. Answers how it went, and what happened if it came to an end.
pub fn run(
    schedule: &Schedule,
    options: &Options,
    body: impl Fn() + Send + Sync + 'static,
    observe: Observer<'_>,
) -> (Explored, Matched, Option<Ran>) {
    part::leave_out(&schedule.left_out);
    let mut seen = None;
    let mut watch = |execution: &Execution<'_>| {
        seen = Some(recording(execution.log));
        observe(execution)
    };
    let (events, choices) = (schedule.events.clone(), schedule.choices.clone());
    let (explored, matched) = by_events(events, choices, options, body, &mut watch);
    let parts = part::asked().into_iter().map(String::from).collect();
    part::leave_out(&[]);
    let preemptions = matched.preemptions;
    let ran = seen.map(|(events, choices)| Ran {
        schedule: Schedule {
            left_out: schedule.left_out.clone(),
            events,
            choices,
        },
        parts,
        preemptions,
    });
    (explored, matched, ran)
}
