//! Runs under limits, for those who split a search: what happens in one execution, or how many
//! there are.

use super::limits::{Limit, Nth};
use super::split::Part;
use super::wakeup::{Action, Event, NONE, Pool};
use super::{Dpor, Kind, Mistake, PLAIN};
use crate::clock::place;
use crate::explore::drive::{Body, drive_on};
use crate::explore::turns::PLAIN_TYPES;
use crate::explore::{Execution, Options, StoppedBy};
use cutpoint_event::{ObjectId, Op};
use std::ops::ControlFlow;
use std::rc::Rc;

/// Runs a scenario once under each of several lists of limits.
pub(super) struct Prober<'a> {
    options: Options,
    body: &'a Body,
    policy: Option<Dpor>,
    /// The number of runs.
    pub(super) runs: u64,
    /// Whether a run met plain shuttle types that were not expected.
    pub(super) has_met_plain_types: bool,
}

impl Dpor {
    /// Prepares for executions under these limits, or for one of them.
    fn probe(&mut self, limits: &[Limit], is_probe: bool) {
        (self.is_probe, self.started) = (is_probe, false);
        self.units = vec![limits.to_vec()].into_iter();
        self.levels.clear();
        self.arena.clear();
        (self.pool, self.followed) = (Pool::new(), NONE);
    }
}

impl<'a> Prober<'a> {
    pub(super) fn new(options: &Options, body: &'a Body) -> Prober<'a> {
        let once = Options {
            executions: None,
            time: None,
            past_findings: true,
            count_traces: false,
            ..options.clone()
        };
        Prober {
            policy: Some(Dpor::new(
                Mistake::None,
                Part::default(),
                options.plain_types,
            )),
            options: once,
            body,
            runs: 0,
            has_met_plain_types: false,
        }
    }

    /// Runs once under the limits.
    pub(super) fn run(&mut self, limits: &[Limit]) -> Rc<Vec<Seen>> {
        let mut policy = self.policy.take().expect("it is handed back");
        policy.probe(limits, true);
        let mut nobody = |_: &Execution<'_>| ControlFlow::Continue(());
        let body = self.body.clone();
        let (explored, policy) = drive_on(policy, true, &self.options, body, &mut nobody, None);
        self.runs += 1;
        self.has_met_plain_types |=
            explored.stopped_by == StoppedBy::Unsupported(PLAIN_TYPES.into());
        let run = seen(&policy);
        self.policy = Some(policy);
        Rc::new(run)
    }

    /// Counts the executions under the limits, up to so many.
    pub(super) fn count(&mut self, most: u64, limits: &[Limit]) -> u64 {
        let mut policy = self.policy.take().expect("it is handed back");
        policy.probe(limits, false);
        let options = Options {
            executions: Some(most),
            ..self.options.clone()
        };
        let mut nobody = |_: &Execution<'_>| ControlFlow::Continue(());
        let body = self.body.clone();
        let (explored, policy) = drive_on(policy, true, &options, body, &mut nobody, None);
        self.runs += explored.executions;
        self.policy = Some(policy);
        explored.executions
    }
}

/// An event of a run.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) event: Event,
    /// Out of how many values, if it is a choice.
    pub(super) of: u64,
    /// Whether its object is one that there is in every execution.
    pub(super) is_known: bool,
    /// Which of its task's operations like it, or of its choices, counting from 1.
    pub(super) nth: u32,
    /// The number of the event after which its task was created, if that is in the run.
    pub(super) created_after: Option<usize>,
}

impl Seen {
    /// Its name in every execution.
    pub(super) fn name(&self) -> Nth {
        let Action::Turn { op, object, .. } = self.event.action else {
            unreachable!("choices are not ordered");
        };
        Nth {
            task: self.event.task.0,
            op: op as u8,
            object: object.0,
            nth: self.nth,
        }
    }

    pub(super) fn operation(&self) -> Option<(Op, ObjectId)> {
        operation(&self.event)
    }
}

/// The events of the last run.
fn seen(policy: &Dpor) -> Vec<Seen> {
    let history = &policy.history;
    let known = policy.levels.first().map_or(0, |level| level.known);
    let is_known =
        |object| (1..known).contains(&place(object)) || (policy.plain_types && object == PLAIN);
    let mut run: Vec<Seen> = Vec::new();
    for (step, level) in history.steps.iter().zip(&policy.levels) {
        let event = step.event;
        let (is_known, of) = match (event.action, level.kind) {
            (Action::Turn { object, .. }, _) => (is_known(object), 0),
            (Action::Choice { .. }, Kind::Choice { of, .. }) => (false, of),
            (Action::Choice { .. }, Kind::Turn { .. }) => (false, 0),
        };
        let is_like = |other: &&Seen| {
            other.event.task == event.task && other.operation() == operation(&event)
        };
        run.push(Seen {
            event,
            of,
            is_known,
            nth: 1 + run.iter().filter(is_like).count() as u32,
            created_after: (0..run.len()).find(|number| history.spawned(*number, event.task)),
        });
    }
    run
}

fn operation(event: &Event) -> Option<(Op, ObjectId)> {
    match event.action {
        Action::Turn { op, object, .. } => Some((op, object)),
        Action::Choice { .. } => None,
    }
}
