//! Which steps of a model executions of the code have taken, and why the others are not taken.
//!
//! The graph of a model has a node for each state and an edge for each step. An edge is *taken* if
//! some execution agrees with a way of the model that goes over it. Of the edges that are not,
//! those of states in which executions have been need a [`Reason`], a condition on the state and
//! the step: a model allows more than the code does, because a narrower one would say less. The
//! others lie *behind* those: their states are reached over edges that are not taken only.
//!
//! The table of reasons can be wrong in three ways, and all are counted: an edge has none, a reason
//! has no edge, or a reason holds of an edge which was taken all the same.

use super::automaton::Item;
use super::graph::Graph;
use super::way::Edge;
use cutpoint_model::step::Action;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

/// Why the code does not take an edge.
#[derive(Clone, Copy)]
pub struct Reason<S> {
    /// In words.
    pub what: &'static str,
    /// Whether it is the reason for a step from a state.
    pub holds: fn(&S, &Action) -> bool,
}

/// How much of a model's graph was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// States of the model in which the power is on.
    pub states: u64,
    /// States in which executions have been.
    pub visited: u64,
    /// Edges of the model.
    pub edges: u64,
    /// Edges taken.
    pub taken: u64,
    /// Edges from visited states that were not taken: how many for each reason, in the order of
    /// the table.
    pub reasons: Vec<(&'static str, u64)>,
    /// Edges from states that executions pass only in the middle of a turn: the code takes several
    /// steps of the model in one, and nobody else can go on between them.
    pub passed: u64,
    /// Edges from visited states that were not taken and have no reason: how many of each step.
    pub unexplained: BTreeMap<String, u64>,
    /// Edges from states that are reached over edges which were not taken only.
    pub behind: u64,
    /// Edges that were taken in spite of a reason: how many for each reason.
    pub refuted: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// The coverage of a graph by these edges.
    pub fn of<S: Clone + Hash>(
        graph: &Graph<S>,
        done: &BTreeSet<Item>,
        reasons: &[Reason<S>],
    ) -> Coverage {
        let is_taken = |edge: Edge| done.contains(&Item::Edge(edge));
        let visited = graph.reached_by(&is_taken);
        let mut coverage = Coverage {
            states: graph.states() as u64,
            visited: visited.len() as u64,
            edges: graph.edges() as u64,
            reasons: reasons.iter().map(|reason| (reason.what, 0)).collect(),
            ..Coverage::default()
        };
        for (state, edge) in graph.all() {
            let reason = reasons.iter().position(|r| (r.holds)(state, &edge.1));
            match (is_taken(edge), reason) {
                (true, reason) => {
                    coverage.taken += 1;
                    if let Some(reason) = reason {
                        *coverage.refuted.entry(reasons[reason].what).or_default() += 1;
                    }
                }
                (false, _) if !visited.contains(&edge.0) => coverage.behind += 1,
                (false, _) if !done.contains(&Item::Rest(edge.0)) => coverage.passed += 1,
                (false, Some(reason)) => coverage.reasons[reason].1 += 1,
                (false, None) => {
                    let step = format!("{}: {}", edge.1.actor, edge.1.step);
                    *coverage.unexplained.entry(step).or_default() += 1;
                }
            }
        }
        coverage
    }

    /// What is wrong with the table of reasons, if anything is.
    pub fn faults(&self) -> Vec<String> {
        let unexplained = self.unexplained.iter();
        let unexplained =
            unexplained.map(|(step, n)| format!("not taken, without a reason: {n} of {step}"));
        let unused = self.reasons.iter().filter(|(_, number)| *number == 0);
        let unused = unused.map(|(what, _)| format!("the reason for no edge: {what}"));
        let refuted = self.refuted.iter();
        let refuted = refuted.map(|(what, n)| format!("taken in spite of it, {n} times: {what}"));
        unexplained.chain(unused).chain(refuted).collect()
    }
}
