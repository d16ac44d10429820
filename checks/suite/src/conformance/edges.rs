//! Which steps of a model executions of the code have taken.
//!
//! The graph of a model has a node for each state and an edge for each step. An edge is *taken* if
//! some execution agrees with a way of the model that goes over it. Edges from states in which no
//! execution has ever been are counted apart: nobody can be asked to take them. Power cuts and
//! recovery are not counted, as they are looked at from every frontier.

use super::Projection;
use super::way::{Edge, hash};
use cutpoint_model::step::{Action, Actor};
use stateright::Model;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How much of a model's graph was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// States of the model in which the power is on.
    pub states: u64,
    /// States in which executions have been.
    pub visited: u64,
    /// Edges of the model.
    pub edges: u64,
    /// Edges from states in which executions have been.
    pub at_visited: u64,
    /// Edges taken.
    pub taken: u64,
    /// Of the edges from visited states that were not taken: how many there are of each step.
    pub untaken: BTreeMap<String, u64>,
}

impl Coverage {
    /// The coverage of a projection's model by these edges.
    pub fn of<P: Projection>(projection: &P, taken: &BTreeSet<Edge>) -> Coverage {
        let model = projection.model();
        let visited: BTreeSet<u64> = taken.iter().map(|(state, _)| *state).collect();
        let initial = projection.start();
        let initial = initial
            .iter()
            .map(|state| projection.in_model(state).clone());
        let mut queue: VecDeque<_> = initial.collect();
        let mut known: BTreeSet<u64> = queue.iter().map(hash).collect();
        let mut coverage = Coverage::default();
        while let Some(state) = queue.pop_front() {
            let number = hash(&state);
            let is_visited = visited.contains(&number);
            coverage.states += 1;
            coverage.visited += u64::from(is_visited);
            let mut actions = Vec::new();
            model.actions(&state, &mut actions);
            for action in actions.into_iter().filter(counts) {
                coverage.edges += 1;
                coverage.at_visited += u64::from(is_visited);
                if taken.contains(&(number, action)) {
                    coverage.taken += 1;
                } else if is_visited {
                    let step = format!("{}: {}", action.actor, action.step);
                    *coverage.untaken.entry(step).or_default() += 1;
                }
                let next = model.next_state(&state, action);
                let next = next.filter(|next| known.insert(hash(next)));
                queue.extend(next);
            }
        }
        coverage
    }
}

fn counts(action: &Action) -> bool {
    !matches!(action.actor, Actor::Power | Actor::Mount)
}
