//! Following executions in the model, and what that says of their power cuts.

use super::Session;
use crate::conformance::{Conforms, Deviation, INVARIANT, Labels, of_scenario};
use crate::oracle::Promise;
use crate::record;
use crate::request::{Conformance, Design, Engine, Granularity, Request};
use cutpoint::crash::{Cut, CutMode};
use cutpoint::explore::{Execution, Outcome};
use cutpoint_event::{Finding, Log};
use std::cell::RefCell;

/// What is counted when an execution is a path of the model to its end.
pub const CONFORMS: &str = "execution was a path of the model";

/// The model's part in a check.
pub(crate) struct Following {
    state: RefCell<State>,
}

struct State {
    conforms: Box<dyn Conforms>,
    /// What the events of the execution under check show.
    labels: Labels,
    /// Where its log lies in memory and how many events it has, while it is under check: the
    /// labels are this log's and no other's.
    log: Option<(*const Log, usize)>,
}

impl Following {
    /// What follows the executions of a request, if the scenario has a model and the request asks
    /// for it. The models are of the IM design, and of operations on locks.
    pub(crate) fn of(request: &Request) -> Option<Following> {
        let wanted = match request.conformance {
            Conformance::Off => false,
            // A variant has its own invariant to violate, and conformance would be the first.
            Conformance::On => request.variant.is_none(),
            Conformance::Only => true,
        };
        let fits = request.design == Design::Im
            && request.granularity == Granularity::Lock
            && request.engine != Engine::Loom;
        let conforms = of_scenario(&request.scenario).filter(|_| wanted && fits)?;
        let state = RefCell::new(State {
            conforms,
            labels: Labels::new(),
            log: None,
        });
        Some(Following { state })
    }

    /// Follows a log to its end.
    ///
    /// # Errors
    /// Where the model can not follow.
    fn follow(&self, log: &Log) -> Result<(), Deviation> {
        let State {
            conforms,
            labels,
            log: current,
        } = &mut *self.state.borrow_mut();
        *labels = conforms.labels(log);
        *current = Some((std::ptr::from_ref(log), log.events.len()));
        conforms.walk(labels, &|_| true).map(|_| ())
    }

    /// Forgets the log that was followed last.
    fn forget(&self) {
        self.state.borrow_mut().log = None;
    }

    /// What recovery may find after a power cut, as promises.
    pub(crate) fn promises(&self, log: &Log, cut: &Cut) -> Vec<Promise> {
        let State {
            conforms,
            labels,
            log: current,
        } = &mut *self.state.borrow_mut();
        let others;
        let labels = match *current == Some((std::ptr::from_ref(log), log.events.len())) {
            true => &*labels,
            false => {
                others = conforms.labels(log);
                &others
            }
        };
        let Ok(node) = conforms.walk(labels, &|event| cut.contains(event)) else {
            return vec![Promise::OffModel];
        };
        let recovered = conforms.recovered(node).unwrap_or_default();
        recovered.iter().copied().map(Promise::May).collect()
    }
}

impl Session {
    /// Follows an execution in the model. Says whether it is no path of it, and then keeps the
    /// trace.
    pub(super) fn deviates(&mut self, request: &Request, execution: &Execution<'_>) -> bool {
        let Some(following) = &self.recovery.following else {
            return false;
        };
        let is_whole = execution.outcome == Outcome::Finished;
        match following.follow(execution.log) {
            Ok(()) => {
                *self.reached.entry(CONFORMS).or_default() += u64::from(is_whole);
                return false;
            }
            Err(deviation) => {
                let mut log = execution.log.clone();
                log.events.truncate(deviation.event + 1);
                log.findings.clear();
                let finding = Finding {
                    invariant: INVARIANT,
                    expected: deviation.expected,
                    observed: deviation.observed,
                };
                let trace = record::of_finding(request, &log, &finding);
                self.deviation = Some(Box::new(trace));
                self.preemptions = execution.preemptions;
            }
        }
        true
    }

    /// Says that the log which was followed last is about to go.
    pub(super) fn has_followed(&self) {
        if let Some(following) = &self.recovery.following {
            following.forget();
        }
    }
}

/// Whether the power cuts of a request are looked at one per frontier: then each has all that
/// happened without a further write becoming durable, and so no half of what one task did at once.
pub(crate) fn follows_cuts(mode: CutMode) -> bool {
    mode == CutMode::Frontier
}
