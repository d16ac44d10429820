//! All ways of the model at once: a set of states after each event, each set computed once.

use super::recovered::Recovered;
use super::seen::Seen;
use super::way::{Edge, Way, hash, offered};
use super::{Projection, Ways};
use cutpoint_event::{Log, Op, What};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The most states that a set may have. A projection that lets the model go its own ways would
/// accept anything, and is refused before it does.
const STATES_MAX: usize = 4_096;

/// The events of a log that show something: their indices, and the numbers of what they show.
pub type Labels = Vec<(usize, u32)>;

/// Where an execution leaves the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The event's index in the log.
    pub event: usize,
    /// What the model could do.
    pub expected: String,
    /// What the code did.
    pub observed: String,
}

/// Follows executions of one scenario in its model.
pub trait Conforms {
    /// The model's name.
    fn model(&self) -> &'static str;

    /// What the events of a log show. Nothing before the first task has been started: that is how
    /// the state comes about that the model begins with.
    fn labels(&mut self, log: &Log) -> Labels;

    /// Follows the events for which `is_part` holds. Returns the set of states that they lead to.
    ///
    /// # Errors
    /// The first event that the model can not follow.
    fn walk(&mut self, labels: &Labels, is_part: &dyn Fn(usize) -> bool) -> Result<u32, Deviation>;

    /// What recovery may find if the power fails in one of these states, in ascending order; `None`
    /// if the model has no crash.
    fn recovered(&mut self, node: u32) -> Option<&[Recovered]>;

    /// How many sets there are, and how many states are in them.
    fn size(&self) -> (usize, usize);
}

/// A set of states.
struct Node<S> {
    states: Vec<S>,
    /// Steps that nobody shows, from one of the states to another.
    silent: Vec<Link>,
    /// For each state, the number of its being a state between two turns.
    rests: Vec<u32>,
    next: BTreeMap<u32, Move>,
    recovered: Option<Option<Vec<Recovered>>>,
}

/// What an execution may do of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// It takes a step.
    Edge(Edge),
    /// It is in a state between two turns. Where the code takes several steps of the model in one
    /// turn, it passes states, and nobody else can go on there.
    Rest(u64),
}

/// A way from a state of one set to a state of the next, or of the same.
pub(super) struct Link {
    /// The place of the state in its set.
    pub(super) from: usize,
    /// The place of the other.
    pub(super) to: usize,
    /// The numbers of the edges on the way.
    pub(super) items: Vec<u32>,
}

/// Where what an event shows leads to.
enum Move {
    To {
        node: u32,
        links: Vec<Link>,
    },
    /// The model can not follow; perhaps because of these differences.
    Nowhere(Vec<String>),
}

/// The sets of states of one projection.
pub struct Automaton<P: Projection> {
    projection: P,
    /// What becomes of what an event shows, before the model is to follow it.
    reading: fn(P::Label) -> Option<P::Label>,
    numbers: BTreeMap<P::Label, u32>,
    labels: Vec<P::Label>,
    nodes: Vec<Node<P::State>>,
    index: BTreeMap<Vec<u64>, u32>,
    /// What was come upon.
    items: Vec<Item>,
    item_numbers: BTreeMap<Item, u32>,
}

impl<P: Projection> Automaton<P> {
    /// The automaton of a projection, in which nothing has been computed but its beginning.
    pub fn new(projection: P) -> Self {
        Self::misreading(projection, Some)
    }

    /// As [`Automaton::new`], with a projection that reads events in another way: to see that a
    /// wrong one is noticed.
    pub fn misreading(projection: P, reading: fn(P::Label) -> Option<P::Label>) -> Self {
        let mut automaton = Self {
            projection,
            reading,
            numbers: BTreeMap::new(),
            labels: Vec::new(),
            nodes: Vec::new(),
            index: BTreeMap::new(),
            items: Vec::new(),
            item_numbers: BTreeMap::new(),
        };
        let start = automaton.projection.start();
        let (start, _) = automaton.node(start);
        assert_eq!(start, 0, "the first set is the beginning");
        automaton
    }

    /// The set of these states and all that the model reaches from them unseen, and where in it
    /// each of the given states is.
    fn node(&mut self, given: Vec<P::State>) -> (u32, Vec<usize>) {
        let mut states: Vec<P::State> = Vec::new();
        let mut known: BTreeMap<u64, usize> = BTreeMap::new();
        let mut silent = Vec::new();
        let mut add = |states: &mut Vec<P::State>, state: P::State| -> usize {
            *known.entry(hash(&state)).or_insert_with(|| {
                states.push(state);
                states.len() - 1
            })
        };
        let given: Vec<usize> = given.into_iter().map(|s| add(&mut states, s)).collect();
        let mut at = 0;
        while at < states.len() {
            assert!(states.len() <= STATES_MAX, "the projection hides too much");
            for action in offered(&self.projection, &states[at]) {
                if !self.projection.is_silent(&states[at], &action) {
                    continue;
                }
                let way = Way::new(&self.projection, states[at].clone()).step(action);
                let way = way.expect("the model offers it");
                let to = add(&mut states, way.state);
                silent.push((at, to, way.taken));
            }
            at += 1;
        }
        let silent = silent.into_iter().map(|(from, to, steps)| Link {
            from,
            to,
            items: self.numbered(steps),
        });
        let silent = silent.collect();
        self.intern(states, silent, given)
    }

    /// The numbers of edges.
    fn numbered(&mut self, steps: Vec<Edge>) -> Vec<u32> {
        let steps = steps.into_iter();
        steps.map(|edge| self.number(Item::Edge(edge))).collect()
    }

    fn number(&mut self, item: Item) -> u32 {
        let next = u32::try_from(self.items.len()).expect("there are few edges");
        let number = *self.item_numbers.entry(item).or_insert(next);
        if number == next {
            self.items.push(item);
        }
        number
    }

    /// Finds the set among those that there are, or adds it.
    fn intern(
        &mut self,
        states: Vec<P::State>,
        silent: Vec<Link>,
        given: Vec<usize>,
    ) -> (u32, Vec<usize>) {
        let hashes: Vec<u64> = states.iter().map(hash).collect();
        let mut key = hashes.clone();
        key.sort_unstable();
        if let Some(number) = self.index.get(&key) {
            let there = &self.nodes[*number as usize].states;
            let places: BTreeMap<u64, usize> = there.iter().map(hash).zip(0..).collect();
            return (
                *number,
                given.iter().map(|at| places[&hashes[*at]]).collect(),
            );
        }
        let number = u32::try_from(self.nodes.len()).expect("there are few sets");
        self.index.insert(key, number);
        let models = states.iter().map(|s| hash(self.projection.in_model(s)));
        let models: Vec<u64> = models.collect();
        let rests = models.into_iter().map(|m| self.number(Item::Rest(m)));
        let rests = rests.collect();
        self.nodes.push(Node {
            states,
            silent,
            rests,
            next: BTreeMap::new(),
            recovered: None,
        });
        (number, given)
    }

    /// Where a label leads to from a set.
    fn step(&mut self, node: u32, label: u32) -> &Move {
        if !self.nodes[node as usize].next.contains_key(&label) {
            let found = self.compute(node, label);
            self.nodes[node as usize].next.insert(label, found);
        }
        &self.nodes[node as usize].next[&label]
    }

    fn compute(&mut self, node: u32, label: u32) -> Move {
        let label = self.labels[label as usize];
        let mut from = Vec::new();
        let mut steps = Vec::new();
        let mut reached = Vec::new();
        let mut differences = BTreeSet::new();
        for (number, state) in self.nodes[node as usize].states.iter().enumerate() {
            let mut ways = Ways::new();
            let way = Way::new(&self.projection, state.clone());
            self.projection.follow(way, label, &mut ways);
            differences.extend(ways.differences);
            for way in ways.found {
                from.push(number);
                steps.push(way.taken);
                reached.push(way.state);
            }
        }
        if reached.is_empty() {
            return Move::Nowhere(differences.into_iter().collect());
        }
        let (node, places) = self.node(reached);
        let links = from.into_iter().zip(places).zip(steps);
        let links = links.map(|((from, to), steps)| Link {
            from,
            to,
            items: self.numbered(steps),
        });
        Move::To {
            node,
            links: links.collect(),
        }
    }

    /// In words, what the model could have done from a set, and what the code did.
    fn deviation(&self, node: u32, event: usize, label: u32, differences: &[String]) -> Deviation {
        let name = self.projection.name();
        let states = &self.nodes[node as usize].states;
        let offered = states.iter().flat_map(|s| offered(&self.projection, s));
        let offered: BTreeSet<String> = offered.map(|action| action.to_string()).collect();
        let mut expected = format!("the model {name} can follow; it could: ");
        let list: Vec<String> = offered.into_iter().collect();
        expected += &list.join(", ");
        let mut observed = format!("{:?}, which it can not", self.labels[label as usize]);
        for difference in differences {
            let _ = write!(observed, "; {difference}");
        }
        Deviation {
            event,
            expected,
            observed,
        }
    }

    /// The numbers of the sets along some events, as far as the model can follow, and the label
    /// and the differences where it can not.
    fn path(
        &mut self,
        labels: &Labels,
        is_part: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<(u32, u32)>, Deviation> {
        let mut path = Vec::with_capacity(labels.len() + 1);
        let mut node = 0;
        for (event, label) in labels.iter().filter(|(event, _)| is_part(*event)) {
            path.push((node, *label));
            node = self.follow(node, *label, *event)?;
        }
        path.push((node, u32::MAX));
        Ok(path)
    }

    /// The numbers of what is done on every way of the model that agrees with all of these events.
    /// `rests` says for each whether somebody else could have gone on before it.
    ///
    /// # Errors
    /// The first event that the model can not follow.
    pub fn done(&mut self, labels: &Labels, rests: &[bool]) -> Result<BTreeSet<u32>, Deviation> {
        let path = self.path(labels, &|_| true)?;
        let mut done = BTreeSet::new();
        let last = path.last().expect("a path has a beginning").0;
        let mut alive: BTreeSet<usize> = (0..self.states(last)).collect();
        for (at, (node, label)) in path.into_iter().enumerate().rev() {
            if label != u32::MAX {
                let mut before = BTreeSet::new();
                let links = self.links(node, label).iter();
                for link in links.filter(|link| alive.contains(&link.to)) {
                    before.insert(link.from);
                    done.extend(link.items.iter().copied());
                }
                alive = before;
            }
            // Unseen steps lead from lower to higher places or to ones that were there.
            let mut grows = true;
            while std::mem::take(&mut grows) {
                for link in self.silent(node) {
                    if alive.contains(&link.to) {
                        done.extend(link.items.iter().copied());
                        grows |= alive.insert(link.from);
                    }
                }
            }
            if rests.get(at) == Some(&true) {
                done.extend(alive.iter().map(|state| self.rest(node, *state)));
            }
        }
        Ok(done)
    }

    /// What has a number.
    ///
    /// # Panics
    /// If nothing has.
    pub fn item(&self, number: u32) -> Item {
        self.items[number as usize]
    }

    /// The number of being in a state of a set between two turns.
    pub(super) fn rest(&self, node: u32, state: usize) -> u32 {
        self.nodes[node as usize].rests[state]
    }

    /// The set that a label leads to from a set.
    ///
    /// # Errors
    /// The model can not follow; `event` is the one that shows the label.
    pub(super) fn follow(&mut self, node: u32, label: u32, event: usize) -> Result<u32, Deviation> {
        match self.step(node, label) {
            Move::To { node, .. } => Ok(*node),
            Move::Nowhere(differences) => {
                let differences = differences.clone();
                Err(self.deviation(node, event, label, &differences))
            }
        }
    }

    /// The ways from the states of a set by a label that was followed from there.
    pub(super) fn links(&self, node: u32, label: u32) -> &[Link] {
        match self.nodes[node as usize].next.get(&label) {
            Some(Move::To { links, .. }) => links,
            Some(Move::Nowhere(_)) | None => &[],
        }
    }

    /// The steps within a set that nobody shows.
    pub(super) fn silent(&self, node: u32) -> &[Link] {
        &self.nodes[node as usize].silent
    }

    /// How many states a set has.
    pub(super) fn states(&self, node: u32) -> usize {
        self.nodes[node as usize].states.len()
    }
}

impl<P: Projection> Conforms for Automaton<P> {
    fn model(&self) -> &'static str {
        self.projection.name()
    }

    fn labels(&mut self, log: &Log) -> Labels {
        let is_spawn = |what: &What| matches!(what, What::Op { op: Op::Spawn, .. });
        let events = log.events.iter().enumerate();
        let events = events.skip_while(|(_, event)| {
            !is_spawn(&event.what) && !matches!(event.what, What::Chosen { .. })
        });
        let mut labels = Labels::new();
        for (index, event) in events {
            let seen = Seen::of(log, event);
            let label = seen.and_then(|seen| self.projection.label(&seen));
            let Some(label) = label.and_then(self.reading) else {
                continue;
            };
            let next = u32::try_from(self.labels.len()).expect("there are few labels");
            let number = *self.numbers.entry(label).or_insert(next);
            if number == next {
                self.labels.push(label);
            }
            labels.push((index, number));
        }
        labels
    }

    fn walk(&mut self, labels: &Labels, is_part: &dyn Fn(usize) -> bool) -> Result<u32, Deviation> {
        let mut node = 0;
        for (event, label) in labels.iter().filter(|(event, _)| is_part(*event)) {
            node = self.follow(node, *label, *event)?;
        }
        Ok(node)
    }

    fn recovered(&mut self, node: u32) -> Option<&[Recovered]> {
        let projection = &self.projection;
        let node = &mut self.nodes[node as usize];
        let states = &node.states;
        let recovered = node.recovered.get_or_insert_with(|| {
            let all: Option<Vec<_>> = states.iter().map(|s| projection.recovered(s)).collect();
            let mut all: Vec<Recovered> = all?.into_iter().flatten().collect();
            all.sort_unstable();
            all.dedup();
            Some(all)
        });
        recovered.as_deref()
    }

    fn size(&self) -> (usize, usize) {
        let states = self.nodes.iter().map(|node| node.states.len());
        (self.nodes.len(), states.sum())
    }
}
