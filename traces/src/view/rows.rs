//! Which events to show, in which column, with which number: the table behind every picture.

use super::Options;
use super::label;
use crate::format::{Event, Kind, Trace};
use crate::order::Order;

/// The events to show.
pub(crate) struct Rows {
    /// The tasks that have a column, by index.
    pub(crate) columns: Vec<usize>,
    /// The events, in the order to print them.
    pub(crate) rows: Vec<Row>,
    /// How many of the rows come before the power cut, if there is one.
    pub(crate) cut: Option<usize>,
    /// For each event, its row.
    row_of: Vec<Option<usize>>,
}

/// An event to show, or a run of events of one task that differ in their arguments only.
pub(crate) struct Row {
    /// The index in the trace, of the first.
    pub(crate) event: usize,
    /// Its column, an index into [`Rows::columns`].
    pub(crate) column: usize,
    /// What it did.
    pub(crate) label: String,
    /// The rows that it had to come after, for an operation that explains the order.
    pub(crate) after: Vec<usize>,
    /// What sort of event.
    pub(crate) sort: Sort,
}

/// Whether an event that is shown right after another is the same step again: the next state of a
/// commit, the next folio of a run. Such a run is one row.
fn is_repetition(trace: &Trace, one: usize, next: usize) -> bool {
    let (before, after) = (&trace.events[one], &trace.events[next]);
    let is_same_step = match (&before.kind, &after.kind) {
        (Kind::Step { name, .. }, Kind::Step { name: again, .. }) => name == again,
        _ => false,
    };
    let same_side = happened(trace, one) == happened(trace, next);
    before.task == after.task && is_same_step && same_side
}

/// Sorts of events, for colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Step,
    Promise,
    Order,
    Device,
    Choice,
}

impl Rows {
    /// Picks the events of a validated trace.
    pub(crate) fn new(trace: &Trace, options: &Options) -> Rows {
        let tells = tells(trace, options);
        let told = Order::new(&trace.events, trace.tasks.len(), |index| tells[index]);
        let explains = explain_order(trace, &told);
        let mut shown: Vec<usize> = (0..trace.events.len())
            .filter(|&index| options.all || tells[index] || explains[index])
            .collect();
        // What did not happen comes last, if at all; the order among the rest stays.
        shown.sort_by_key(|&index| !happened(trace, index));
        let has_happened = |&&index: &&usize| happened(trace, index);
        let before_cut = shown.iter().filter(has_happened).count();
        let after = |index: usize| match explains[index] {
            true => told.other_tasks_before(index),
            false => Vec::new(),
        };
        let mut rows = Rows::lay_out(trace, &shown, after, !options.all);
        rows.cut = trace.crash.as_ref().map(|_| match before_cut {
            0 => 0,
            // A run of events does not go on beyond the cut.
            some => rows.row_of[shown[some - 1]].map_or(0, |row| row + 1),
        });
        rows
    }

    fn lay_out(
        trace: &Trace,
        shown: &[usize],
        after: impl Fn(usize) -> Vec<usize>,
        folds: bool,
    ) -> Rows {
        let runs: Vec<&[usize]> = shown
            .chunk_by(|&one, &next| folds && is_repetition(trace, one, next))
            .collect();
        let mut row_of = vec![None; trace.events.len()];
        let mut acts = vec![false; trace.tasks.len()];
        for (row, run) in runs.iter().enumerate() {
            for &index in *run {
                row_of[index] = Some(row);
                acts[trace.events[index].task as usize] = true;
            }
        }
        let columns: Vec<usize> = (0..acts.len()).filter(|&task| acts[task]).collect();
        let mut column_of = vec![0; acts.len()];
        for (column, &task) in columns.iter().enumerate() {
            column_of[task] = column;
        }
        let row = |run: &&[usize]| {
            let index = run[0];
            let event = &trace.events[index];
            Row {
                event: index,
                column: column_of[event.task as usize],
                label: label::run(trace, run),
                after: after(index)
                    .into_iter()
                    .filter_map(|from| row_of[from])
                    .collect(),
                sort: sort(event),
            }
        };
        let rows = runs.iter().map(row).collect();
        Rows {
            columns,
            rows,
            cut: None,
            row_of,
        }
    }

    /// The number that an event is printed with, counting from 1.
    pub(crate) fn number_of(&self, event: usize) -> Option<usize> {
        self.row_of.get(event).copied().flatten().map(|row| row + 1)
    }

    /// The label of a row, and what it had to wait for.
    pub(crate) fn label_of(&self, row: &Row) -> String {
        if row.after.is_empty() {
            return row.label.clone();
        }
        let numbers: Vec<String> = row
            .after
            .iter()
            .map(|from| (from + 1).to_string())
            .collect();
        format!("{} after {}", row.label, numbers.join(", "))
    }

    /// The numbers' width in characters.
    pub(crate) fn digits(&self) -> usize {
        self.rows.len().max(1).ilog10() as usize + 1
    }
}

fn sort(event: &Event) -> Sort {
    match event.kind {
        Kind::Step { .. } => Sort::Step,
        Kind::Acknowledged { .. } => Sort::Promise,
        Kind::Op { .. } => Sort::Order,
        Kind::Write { .. } | Kind::Completed { .. } | Kind::Flushed { .. } => Sort::Device,
        Kind::Chosen { .. } => Sort::Choice,
    }
}

/// Whether an event happened before the power was cut.
pub(crate) fn happened(trace: &Trace, index: usize) -> bool {
    let event = &trace.events[index];
    let task = event.task as usize;
    match &trace.crash {
        Some(crash) => event.clock[task] <= crash.after[task],
        None => true,
    }
}

/// Which events tell the story by themselves: steps, promises, faults that the explorer chose (the
/// first choice is always the ordinary one) and requests that failed.
fn tells(trace: &Trace, options: &Options) -> Vec<bool> {
    let is_spawn = |event: &Event| matches!(&event.kind, Kind::Op { op, .. } if op == "Spawn");
    let setup = match trace.events.iter().position(is_spawn) {
        Some(spawn) if !options.all => spawn,
        _ => 0,
    };
    let tells = |(index, event): (usize, &Event)| {
        let told = match event.kind {
            Kind::Step { .. } | Kind::Acknowledged { .. } => true,
            Kind::Chosen { value, .. } => value != 0,
            Kind::Completed { ok, .. } | Kind::Flushed { ok } => !ok,
            Kind::Op { .. } | Kind::Write { .. } => false,
        };
        told && index >= setup && (options.all || happened(trace, index))
    };
    trace.events.iter().enumerate().map(tells).collect()
}

/// Which events are operations through which their task learns that something told has happened in
/// another task, before telling something more of its own. Without them the story's order would
/// look like chance.
fn explain_order(trace: &Trace, told: &Order<'_>) -> Vec<bool> {
    let mut previous: Vec<Option<&Event>> = vec![None; trace.tasks.len()];
    let mut explains = vec![false; trace.events.len()];
    for (index, event) in trace.events.iter().enumerate() {
        let task = event.task as usize;
        let before = previous[task].replace(event);
        let Kind::Op { op, .. } = &event.kind else {
            continue;
        };
        if label::is_lifecycle(op) || !happened(trace, index) {
            continue;
        }
        let tells_later = told.last(task) > told.newest(task, event.clock[task]);
        let learns = |other: usize| {
            let known = told.newest(other, event.clock[other]);
            known > before.and_then(|before| told.newest(other, before.clock[other]))
        };
        let mut others = (0..event.clock.len()).filter(|&other| other != task);
        explains[index] = tells_later && others.any(learns);
    }
    explains
}
