//! Cycles among the edges, and how to tell them.
//!
//! A cycle's tasks wait for each other in a ring: what one waits for must be held by the next in a
//! mode that blocks it. So the search graph has a node for every lock *and mode of waiting*: from
//! "waits for A in this mode" an edge leads on if it holds A in a mode that blocks that wait.

use super::holds::Mode;
use super::{Edge, Kin, Lock, Witness};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A cycle: each edge's awaited lock is the next edge's held one, and the last one's the first's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The edges, each with an execution that shows it.
    pub edges: Vec<(Edge, Witness)>,
}

impl Cycle {
    /// The locks on the cycle, in its order.
    pub fn locks(&self) -> impl Iterator<Item = Lock> {
        self.edges.iter().map(|(edge, _)| edge.held)
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lock in self.locks() {
            write!(f, "{lock} -> ")?;
        }
        if let Some(first) = self.locks().next() {
            write!(f, "{first}")?;
        }
        for (index, (edge, witness)) in self.edges.iter().enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            write!(f, "{separator}{}", witness.of(edge))?;
        }
        Ok(())
    }
}

type Edges = BTreeMap<Edge, Vec<Witness>>;
type Graph<'a> = DiGraph<(Lock, Mode), (&'a Edge, &'a [Witness])>;

/// A shortest cycle of each strongly connected part that has one.
pub(super) fn find(edges: &Edges) -> Vec<Cycle> {
    let edges = with_all_things(edges);
    let graph = build(&edges);
    let mut seen = BTreeSet::new();
    let mut cycles: Vec<Cycle> = tarjan_scc(&graph)
        .into_iter()
        .filter(|part| part.len() > 1)
        .filter_map(|mut part| {
            part.sort();
            shortest(&graph, &part)
        })
        .filter(|cycle| seen.insert(cycle.locks().collect::<BTreeSet<Lock>>()))
        .collect();
    cycles.sort_by_key(|cycle| cycle.locks().collect::<Vec<Lock>>());
    cycles
}

/// The edges, and what is done to the parts of one thing as if it were done to every other thing
/// that an edge speaks of.
fn with_all_things(edges: &Edges) -> Cow<'_, Edges> {
    let same = edges.iter().filter(|(edge, _)| edge.kin == Kin::Same);
    let mut all = Cow::Borrowed(edges);
    for (edge, witnesses) in same {
        let classes = [edge.held.class, edge.awaited.class];
        let locks = edges.keys().flat_map(|edge| [edge.held, edge.awaited]);
        let of_these = locks.filter(|lock| classes.contains(&lock.class));
        for thing in of_these
            .filter_map(|lock| lock.object)
            .collect::<BTreeSet<_>>()
        {
            let of_thing = |lock: Lock| Lock {
                object: Some(thing),
                ..lock
            };
            let edge = Edge {
                held: of_thing(edge.held),
                awaited: of_thing(edge.awaited),
                kin: Kin::None,
                ..*edge
            };
            let witnesses = witnesses.iter().map(|witness| {
                // What the task held of its thing it would hold of this one.
                let locks = witness.locks.iter().map(|(lock, mode)| {
                    let is_part = classes.contains(&lock.class);
                    match is_part && lock.object == Some(witness.object) {
                        true => (of_thing(*lock), *mode),
                        false => (*lock, *mode),
                    }
                });
                Witness {
                    locks: locks.collect(),
                    ..witness.clone()
                }
            });
            all.to_mut().entry(edge).or_default().extend(witnesses);
        }
    }
    all
}

/// Whether edges in a ring are a cycle: not if they lead only among the parts of one kind of thing,
/// and of different things, because then the objects decide.
fn is_cycle<'e>(edges: impl Iterator<Item = &'e Edge> + Clone) -> bool {
    edges.clone().any(|edge| edge.kin == Kin::None)
        || edges.into_iter().all(|edge| edge.kin == Kin::Same)
}

fn build(edges: &Edges) -> Graph<'_> {
    let mut graph = Graph::new();
    let mut nodes: BTreeMap<(Lock, Mode), NodeIndex> = BTreeMap::new();
    for edge in edges.keys() {
        let state = (edge.awaited, edge.wait);
        nodes.entry(state).or_insert_with(|| graph.add_node(state));
    }
    for (edge, witnesses) in edges {
        let to = nodes[&(edge.awaited, edge.wait)];
        for mode in [Mode::Shared, Mode::Exclusive] {
            if mode.is_blocked_by(edge.hold)
                && let Some(&from) = nodes.get(&(edge.held, mode))
            {
                graph.add_edge(from, to, (edge, witnesses.as_slice()));
            }
        }
    }
    graph
}

/// A shortest cycle within a strongly connected part, by deepening. Gate locks prune the search
/// where it could grow: a part in which all is done under one lock ends at the second edge.
fn shortest(graph: &Graph<'_>, part: &[NodeIndex]) -> Option<Cycle> {
    (2..=part.len()).find_map(|length| {
        part.iter().find_map(|&start| {
            let mut path = Path {
                graph,
                part,
                start,
                edges: Vec::new(),
                visited: vec![start],
            };
            path.extend(start, length).then(|| path.into_cycle())
        })
    })
}

struct Path<'g, 'e> {
    graph: &'g Graph<'e>,
    part: &'g [NodeIndex],
    start: NodeIndex,
    edges: Vec<(&'e Edge, &'e Witness)>,
    visited: Vec<NodeIndex>,
}

impl<'e> Path<'_, 'e> {
    /// Extends the path from `at` by `left` edges, back to its start.
    fn extend(&mut self, at: NodeIndex, left: usize) -> bool {
        if left == 0 {
            return at == self.start && is_cycle(self.edges.iter().map(|(edge, _)| *edge));
        }
        let graph = self.graph;
        let mut next: Vec<_> = graph.edges(at).collect();
        next.sort_by_key(|edge| *edge.weight().0);
        for edge in next {
            let to = edge.target();
            // Each cycle is looked for from its first node only.
            let fits = match left {
                1 => to == self.start,
                _ => to > self.start && !self.visited.contains(&to),
            };
            if !fits || self.part.binary_search(&to).is_err() {
                continue;
            }
            let (edge, witnesses) = *edge.weight();
            for witness in witnesses {
                if self.edges.iter().any(|(_, other)| exclude(witness, other)) {
                    continue;
                }
                self.edges.push((edge, witness));
                self.visited.push(to);
                if self.extend(to, left - 1) {
                    return true;
                }
                self.visited.pop();
                self.edges.pop();
            }
        }
        false
    }

    /// The cycle, told from its least edge on.
    fn into_cycle(self) -> Cycle {
        let edges = self.edges.into_iter();
        let mut edges: Vec<(Edge, Witness)> = edges.map(|(edge, of)| (*edge, of.clone())).collect();
        let least = (0..edges.len()).min_by_key(|&at| edges[at].0);
        edges.rotate_left(least.unwrap_or(0));
        Cycle { edges }
    }
}

/// Whether the tasks of two witnesses can not be where they were at the same time, because both
/// hold one lock.
fn exclude(a: &Witness, b: &Witness) -> bool {
    a.locks.iter().any(|(lock, mode)| {
        let other = b.locks.get(lock);
        other.is_some_and(|other| mode.is_blocked_by(*other))
    })
}
