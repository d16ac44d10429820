//! All orders of what one execution shows, and the one of them that takes the most of what is
//! wanted.
//!
//! A vertex is a cut of the order together with the set of states that the automaton has come to;
//! an edge is what a task shows next. Orders that lead to the same cut and the same set go on
//! alike, so there are few vertices however many orders there are.

use super::Projection;
use super::automaton::{Automaton, Deviation};
use super::order::{Cut, Order, after};
use std::collections::BTreeMap;

/// No way leads on from here.
const DEAD: u32 = u32::MAX;

/// A cut, and the model's states there.
struct Vertex {
    cut: Cut,
    node: u32,
    /// Where its states begin among those of all vertices.
    base: usize,
    /// Who may go on, and where to.
    moves: Vec<(usize, usize)>,
}

/// Every order of what an execution shows.
pub(super) struct Orders {
    vertices: Vec<Vertex>,
    /// For each state of each vertex, how much of what is wanted lies ahead on the best way.
    ahead: Vec<u32>,
}

impl Orders {
    /// All orders of what was shown, as far as the model.
    ///
    /// # Errors
    /// An order that the model can not follow.
    pub fn of<P: Projection>(
        automaton: &mut Automaton<P>,
        order: &Order,
    ) -> Result<Orders, Deviation> {
        let mut vertices: Vec<Vertex> = Vec::new();
        let mut states = 0;
        let mut known: BTreeMap<(Cut, u32), usize> = BTreeMap::new();
        let mut add = |automaton: &Automaton<P>, vertices: &mut Vec<Vertex>, cut, node| {
            *known.entry((cut, node)).or_insert_with(|| {
                vertices.push(Vertex {
                    cut,
                    node,
                    base: states,
                    moves: Vec::new(),
                });
                states += automaton.states(node);
                vertices.len() - 1
            })
        };
        add(automaton, &mut vertices, 0, 0);
        let mut at = 0;
        while at < vertices.len() {
            let (cut, node) = (vertices[at].cut, vertices[at].node);
            for (task, shown) in order.next(cut) {
                let to = automaton.follow(node, shown.label, 0)?;
                let to = add(automaton, &mut vertices, after(cut, task), to);
                vertices[at].moves.push((task, to));
            }
            at += 1;
        }
        let ahead = vec![DEAD; states];
        Ok(Orders { vertices, ahead })
    }

    /// Looks for the order that does most of that of which `is_wanted` holds. Returns the tasks
    /// whose turns come one after another, or nothing if no order does any of it.
    pub fn best<P: Projection>(
        &mut self,
        automaton: &Automaton<P>,
        order: &Order,
        is_wanted: &dyn Fn(u32) -> bool,
    ) -> Option<Vec<usize>> {
        let gain = |items: &[u32]| {
            let wanted = items.iter().filter(|item| is_wanted(**item));
            u32::try_from(wanted.count()).expect("a way is short")
        };
        // Moves lead to later vertices, because those were found later.
        for at in (0..self.vertices.len()).rev() {
            self.look_ahead(at, automaton, order, &gain);
        }
        let begins = 0..automaton.states(0);
        let alive = begins.filter(|state| self.ahead[*state] != DEAD);
        let best = alive.max_by_key(|state| self.ahead[*state])?;
        (self.ahead[best] > 0).then(|| self.way(best, automaton, order, &gain))
    }

    fn look_ahead<P: Projection>(
        &mut self,
        at: usize,
        automaton: &Automaton<P>,
        order: &Order,
        gain: &dyn Fn(&[u32]) -> u32,
    ) {
        let vertex = &self.vertices[at];
        let is_last = vertex.moves.is_empty();
        let is_at_rest = order.is_at_rest(vertex.cut);
        let states = automaton.states(vertex.node);
        let mut best = vec![if is_last { 0 } else { DEAD }; states];
        let improve = |best: &mut Vec<u32>, from: usize, ahead: u32, items: &[u32]| {
            if ahead == DEAD {
                return false;
            }
            let ahead = ahead + gain(items);
            let is_better = best[from] == DEAD || best[from] < ahead;
            if is_better {
                best[from] = ahead;
            }
            is_better
        };
        for (task, to) in &vertex.moves {
            let base = self.vertices[*to].base;
            for link in automaton.links(vertex.node, order.label(vertex.cut, *task)) {
                improve(
                    &mut best,
                    link.from,
                    self.ahead[base + link.to],
                    &link.items,
                );
            }
        }
        let rest = |state| match is_at_rest {
            true => gain(&[automaton.rest(vertex.node, state)]),
            false => 0,
        };
        let rests: Vec<u32> = (0..states).map(rest).collect();
        for (best, rest) in best
            .iter_mut()
            .zip(&rests)
            .filter(|(best, _)| **best != DEAD)
        {
            *best += rest;
        }
        // Steps of the model within the set; they never lead back.
        for _ in 0..states {
            let mut changed = false;
            for link in automaton.silent(vertex.node) {
                let ahead = match best[link.to] {
                    DEAD => DEAD,
                    ahead => ahead + rests[link.from],
                };
                changed |= improve(&mut best, link.from, ahead, &link.items);
            }
            if !changed {
                break;
            }
        }
        self.ahead[vertex.base..vertex.base + states].copy_from_slice(&best);
    }

    /// The tasks on the best way from a state of the beginning.
    fn way<P: Projection>(
        &self,
        begin: usize,
        automaton: &Automaton<P>,
        order: &Order,
        gain: &dyn Fn(&[u32]) -> u32,
    ) -> Vec<usize> {
        let mut tasks = Vec::new();
        let (mut at, mut state) = (0, begin);
        while !self.vertices[at].moves.is_empty() {
            let vertex = &self.vertices[at];
            let rest = match order.is_at_rest(vertex.cut) {
                true => gain(&[automaton.rest(vertex.node, state)]),
                false => 0,
            };
            let ahead = self.ahead[vertex.base + state] - rest;
            let fits = |next: u32, items: &[u32]| next != DEAD && next + gain(items) == ahead;
            let found = vertex.moves.iter().find_map(|(task, to)| {
                let base = self.vertices[*to].base;
                let links = automaton.links(vertex.node, order.label(vertex.cut, *task));
                let mut links = links.iter().filter(|link| link.from == state);
                let link = links.find(|link| fits(self.ahead[base + link.to], &link.items))?;
                Some((*task, *to, link.to))
            });
            if let Some((task, to, next)) = found {
                if order.begins(vertex.cut, task) {
                    tasks.push(task);
                }
                (at, state) = (to, next);
                continue;
            }
            let silent = automaton.silent(vertex.node).iter();
            let mut silent = silent.filter(|link| link.from == state);
            let link = silent.find(|link| fits(self.ahead[vertex.base + link.to], &link.items));
            state = link.expect("a way led here").to;
        }
        tasks
    }
}
