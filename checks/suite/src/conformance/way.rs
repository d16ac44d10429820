//! A way of the model along an execution: the state that it has come to, and the steps since the
//! last event.

use super::Projection;
use cutpoint_model::file::Lblk;
use cutpoint_model::step::{Action, Actor, Step};
use stateright::Model;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A step of the model from one of its states, which is named by its hash.
pub type Edge = (u64, Action);

/// A way that the model may have gone.
pub struct Way<'a, P: Projection> {
    projection: &'a P,
    /// Where it has come to.
    pub state: P::State,
    /// The steps that it took.
    pub taken: Vec<Edge>,
}

impl<P: Projection> Clone for Way<'_, P> {
    fn clone(&self) -> Self {
        Self {
            projection: self.projection,
            state: self.state.clone(),
            taken: self.taken.clone(),
        }
    }
}

impl<'a, P: Projection> Way<'a, P> {
    /// A way that has not begun.
    pub fn new(projection: &'a P, state: P::State) -> Self {
        Self {
            projection,
            state,
            taken: Vec::new(),
        }
    }

    /// Whether the model offers a step.
    pub fn offers(&self, action: Action) -> bool {
        offered(self.projection, &self.state).contains(&action)
    }

    /// Takes a step of the whole file, if the model offers it.
    pub fn take(&self, actor: Actor, step: Step) -> Option<Self> {
        self.step(Action::new(actor, step))
    }

    /// Takes a step at a block, if the model offers it.
    pub fn take_on(&self, actor: Actor, step: Step, block: u8) -> Option<Self> {
        self.step(Action::on(actor, step, Lblk(block)))
    }

    /// Takes a step, wherever it is, if the model offers it; actors are told apart by `is`.
    pub fn take_any(&self, is: impl Fn(&Action) -> bool) -> Option<Self> {
        let offered = offered(self.projection, &self.state);
        self.step(*offered.iter().find(|action| is(action))?)
    }

    /// Takes an action, if the model offers it.
    pub fn step(&self, action: Action) -> Option<Self> {
        if !self.offers(action) {
            return None;
        }
        let model = self.projection.in_model(&self.state);
        let next = self.projection.model().next_state(model, action)?;
        let mut way = self.clone();
        way.taken.push((hash(model), action));
        *self.projection.in_model_mut(&mut way.state) = next;
        Some(way)
    }

    /// The same way, with what the projection remembers changed.
    pub fn with(mut self, change: impl FnOnce(&mut P::State)) -> Self {
        change(&mut self.state);
        self
    }

    /// The same way if the condition holds of its state.
    pub fn only_if(self, condition: impl FnOnce(&P::State) -> bool) -> Option<Self> {
        condition(&self.state).then_some(self)
    }
}

/// What the model offers in a state.
pub fn offered<P: Projection>(projection: &P, state: &P::State) -> Vec<Action> {
    let mut actions = Vec::new();
    let model = projection.model();
    model.actions(projection.in_model(state), &mut actions);
    actions
}

/// A hash that is the same in every process.
pub fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
