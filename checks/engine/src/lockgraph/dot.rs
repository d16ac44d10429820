//! The graph for Graphviz, through petgraph, with a witness for every edge.

use super::{Edge, Lock, LockGraph};
use petgraph::dot::{Config, Dot};
use petgraph::graph::DiGraph;
use std::collections::{BTreeMap, BTreeSet};

/// The whole graph as a document.
pub(super) fn render(graph: &LockGraph) -> String {
    let cycles = graph.cycles();
    let in_cycle: BTreeSet<Edge> = cycles
        .iter()
        .flat_map(|cycle| cycle.edges.iter().map(|(edge, _)| *edge))
        .collect();
    let mut document: DiGraph<Lock, String> = DiGraph::new();
    let mut nodes = BTreeMap::new();
    for lock in graph.locks() {
        nodes.insert(lock, document.add_node(lock));
    }
    for (edge, witness) in graph.edges() {
        let (Some(from), Some(to)) = (nodes.get(&edge.held), nodes.get(&edge.awaited)) else {
            continue;
        };
        let mut style = match graph.may_block(&edge) {
            true => String::from("style=solid"),
            false => String::from("style=dashed"),
        };
        if in_cycle.contains(&edge) {
            style.push_str(" color=red");
        }
        let label = escape(&witness.of(&edge));
        document.add_edge(*from, *to, format!("label=\"{label}\" {style}"));
    }
    let configuration = [Config::NodeNoLabel, Config::EdgeNoLabel];
    let node = |_: &_, (_, lock): (_, &Lock)| format!("label=\"{}\"", escape(&lock.to_string()));
    let edge = |_: &_, edge: petgraph::graph::EdgeReference<'_, String>| edge.weight().clone();
    format!(
        "{:?}",
        Dot::with_attr_getters(&document, &configuration, &edge, &node)
    )
}

fn escape(text: &str) -> String {
    let escaped = text.chars().flat_map(|letter| {
        let is_special = matches!(letter, '"' | '\\');
        is_special.then_some('\\').into_iter().chain([letter])
    });
    escaped.collect()
}
