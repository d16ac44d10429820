//! The graph of a model: a node for each state in which the power is on, an edge for each step.
//!
//! Power cuts and recovery are left out, as they are looked at from every frontier of every
//! execution.

use super::Projection;
use super::way::{Edge, hash};
use cutpoint_model::step::{Action, Actor};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeFiltered, EdgeRef};
use stateright::Model;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

/// The graph of a projection's model.
pub struct Graph<S> {
    graph: DiGraph<S, Action>,
    nodes: BTreeMap<u64, NodeIndex>,
    initial: Vec<NodeIndex>,
}

impl<S: Clone + Hash> Graph<S> {
    /// The graph of a model, from the states on that an execution may begin in.
    pub fn of<P>(projection: &P) -> Self
    where
        P: Projection,
        P::Model: Model<State = S, Action = Action>,
    {
        let mut all = Self {
            graph: DiGraph::new(),
            nodes: BTreeMap::new(),
            initial: Vec::new(),
        };
        let start = projection.start();
        let initial = start.iter().map(|state| projection.in_model(state).clone());
        all.initial = initial.map(|state| all.node(state)).collect();
        let model = projection.model();
        let mut at = 0;
        while at < all.graph.node_count() {
            let from = NodeIndex::new(at);
            let mut actions = Vec::new();
            model.actions(&all.graph[from], &mut actions);
            for action in actions.into_iter().filter(counts) {
                let next = model.next_state(&all.graph[from], action);
                if let Some(next) = next {
                    let to = all.node(next);
                    all.graph.add_edge(from, to, action);
                }
            }
            at += 1;
        }
        all
    }

    fn node(&mut self, state: S) -> NodeIndex {
        let graph = &mut self.graph;
        let node = self.nodes.entry(hash(&state));
        *node.or_insert_with(|| graph.add_node(state))
    }

    /// How many states there are.
    pub fn states(&self) -> usize {
        self.graph.node_count()
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.graph.edge_count()
    }

    /// Every edge, with its state.
    pub fn all(&self) -> impl Iterator<Item = (&S, Edge)> {
        self.nodes.iter().flat_map(move |(number, node)| {
            let state = &self.graph[*node];
            let edges = self.graph.edges(*node);
            edges.map(move |edge| (state, (*number, *edge.weight())))
        })
    }

    /// The states that can be reached over edges of which this holds alone.
    pub fn reached_by(&self, holds: &dyn Fn(Edge) -> bool) -> BTreeSet<u64> {
        let numbers: BTreeMap<NodeIndex, u64> = self
            .nodes
            .iter()
            .map(|(number, node)| (*node, *number))
            .collect();
        let kept = EdgeFiltered::from_fn(&self.graph, |edge| {
            holds((numbers[&edge.source()], *edge.weight()))
        });
        let mut reached = BTreeSet::new();
        for initial in &self.initial {
            let mut search = Dfs::new(&kept, *initial);
            while let Some(node) = search.next(&kept) {
                reached.insert(numbers[&node]);
            }
        }
        reached
    }
}

fn counts(action: &Action) -> bool {
    !matches!(action.actor, Actor::Power | Actor::Mount)
}
