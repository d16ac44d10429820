//! Driving the code over the edges of a model's graph.
//!
//! Exploration runs one order of the turns of each Mazurkiewicz trace, and a model's graph has an
//! edge for each order of steps that commute. So the tour goes over the graph like this: of every
//! trace that shows something of its own, all orders of what it shows are followed in the model
//! (`plan`), the one that takes most edges which no execution has taken yet becomes a
//! schedule, and the code runs by it. That goes on until no order of any trace has an edge to add.
//!
//! An edge counts as taken when an execution of the code took it, and not before. What is left in
//! the end no execution takes: exploration has a trace for every execution, and every order of it
//! was looked at. [`Tour::is_complete`] says whether both were done to the end.

use super::automaton::{Automaton, Deviation, Item};
use super::order::{Order, Recorded, rests};
use super::plan::Orders;
use super::{Conforms, Projection};
use crate::on_shuttle::runtime;
use crate::request::Design;
use cutpoint::explore::replay::by_position;
use cutpoint::explore::{Decision, Execution, Options, Outcome, StoppedBy, dpor};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// How far a tour has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Executions of the exploration, one for each trace.
    pub explored: u64,
    /// Traces that show something of the model in an order of their own.
    pub orders: u64,
    /// Of those, how many were looked at in all their orders.
    pub looked_at: u64,
    /// Executions of the tour.
    pub runs: u64,
    /// Edges taken.
    pub taken: u64,
}

/// What executions of a scenario have taken of its model.
pub struct Tour<P: Projection> {
    scenario: &'static str,
    automaton: Automaton<P>,
    /// By the numbers of what may be done: whether it was.
    done: Vec<bool>,
    traces: BTreeMap<Order, Recorded>,
    progress: Progress,
    /// Edges taken by the exploration.
    by_exploration: u64,
    is_explored: bool,
}

impl<P: Projection> Tour<P> {
    /// A tour of a scenario that has not begun.
    pub fn new(scenario: &'static str, projection: P) -> Self {
        Self {
            scenario,
            automaton: Automaton::new(projection),
            done: Vec::new(),
            traces: BTreeMap::new(),
            progress: Progress::default(),
            by_exploration: 0,
            is_explored: false,
        }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// How many edges the exploration took.
    pub fn by_exploration(&self) -> u64 {
        self.by_exploration
    }

    /// Whether nothing is left to be explored, and no order to be looked at.
    pub fn is_complete(&self) -> bool {
        self.is_explored && self.progress.looked_at == self.progress.orders
    }

    /// What was done: the edges taken, and the states that executions were in.
    pub fn done(&self) -> BTreeSet<Item> {
        let all = self.done.iter().zip(0..);
        let done = all.filter(|(is_done, _)| **is_done);
        done.map(|(_, number)| self.automaton.item(number))
            .collect()
    }

    /// Runs one execution of each trace of the correct protocol, or as many as are allowed.
    ///
    /// # Errors
    /// An execution that is no path of the model.
    ///
    /// # Panics
    /// If there is no such scenario, or an execution does not come to its end.
    pub fn explore(
        &mut self,
        executions: Option<u64>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), Deviation> {
        let body = runtime::body(self.scenario, None, Design::Im).expect("there is one");
        let options = Options {
            executions,
            ..options()
        };
        let mut deviation = None;
        let explored = dpor::explore(&options, body, &mut |execution| {
            self.progress.explored += 1;
            progress(&self.progress);
            match self.observe(execution, true) {
                Ok(_) => ControlFlow::Continue(()),
                Err(found) => {
                    deviation = Some(found);
                    ControlFlow::Break(())
                }
            }
        });
        self.by_exploration = self.progress.taken;
        self.is_explored = explored.stopped_by == StoppedBy::Exhaustion;
        deviation.map_or(Ok(()), Err)
    }

    /// Runs the code along the edges that are left, until no order of any trace has one.
    ///
    /// # Errors
    /// An order that is no path of the model.
    ///
    /// # Panics
    /// If the code does not do by a schedule what it did when the schedule was made.
    pub fn go(&mut self, progress: &mut dyn FnMut(&Progress)) -> Result<(), Deviation> {
        for (order, recorded) in std::mem::take(&mut self.traces) {
            let mut orders = Orders::of(&mut self.automaton, &order)?;
            loop {
                let done = &self.done;
                let is_wanted = |item: u32| !done.get(item as usize).is_some_and(|is| *is);
                let Some(best) = orders.best(&self.automaton, &order, &is_wanted) else {
                    break;
                };
                let does_more = self.run(&recorded.schedule(&best))?;
                assert!(does_more, "the way takes a new edge");
                progress(&self.progress);
            }
            self.progress.looked_at += 1;
            progress(&self.progress);
        }
        Ok(())
    }

    /// Runs the code by a schedule. Says whether it did something new.
    fn run(&mut self, schedule: &[Decision]) -> Result<bool, Deviation> {
        let body = runtime::body(self.scenario, None, Design::Im).expect("there is one");
        self.progress.runs += 1;
        let mut observed = Ok(false);
        let (_, followed) = by_position(schedule.to_vec(), &options(), body, &mut |execution| {
            observed = self.observe(execution, false);
            ControlFlow::Continue(())
        });
        assert!(followed, "turns that commute can go in any order");
        observed
    }

    /// Takes what an execution does, and keeps it if it is to be looked at in other orders. Says
    /// whether it did something new.
    fn observe(&mut self, execution: &Execution<'_>, keep: bool) -> Result<bool, Deviation> {
        let is_over = execution.outcome == Outcome::Finished;
        assert!(is_over, "the correct protocol violates nothing");
        let labels = self.automaton.labels(execution.log);
        let mut does_more = false;
        let rests = rests(execution.log, &labels);
        for number in self.automaton.done(&labels, &rests)? {
            let item = number as usize;
            if self.done.len() <= item {
                self.done.resize(item + 1, false);
            }
            if !std::mem::replace(&mut self.done[item], true) {
                does_more = true;
                let is_edge = matches!(self.automaton.item(number), Item::Edge(_));
                self.progress.taken += u64::from(is_edge);
            }
        }
        if keep {
            let (order, recorded) = Recorded::of(execution.log, execution.schedule, &labels);
            self.traces.entry(order).or_insert(recorded);
            self.progress.orders = self.traces.len() as u64;
        }
        Ok(does_more)
    }
}

fn options() -> Options {
    Options {
        stack_size: 1 << 18,
        ..Options::default()
    }
}
