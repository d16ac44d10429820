//! Conformance: every execution of the code is a path of the model.
//!
//! An execution is a log of events. A [`Projection`] says which of them show something of its
//! model ([`Projection::label`]), and what the model must do for each of these
//! ([`Projection::follow`]): one step, several, or none. After each of them it compares what the
//! event says (a range, a count, a size) with the state of the model. If the model can not follow,
//! or its state differs, that is a finding ([`INVARIANT`]), and the execution up to that event is
//! its trace.
//!
//! Not every step of a model can be seen in a log. So [`automaton`] keeps all states of the model
//! that agree with what was seen so far. It does so by the subset construction: a set of states is
//! a node, what an event shows leads from node to node, and both are computed once, however many
//! executions come by.
//!
//! A power cut is followed by the same means: the events of a cut are an execution of their own,
//! the model's states after them are cut off and recovered, and what it then may find on the disk
//! is what the code's recovery must find ([`Recovered`]).
//!
//! # What is compared, and what is not
//!
//! The order of steps, the locks that they need, the kind of each block's extent, sizes,
//! reservations, how much is freed, and after recovery the size and the kinds of extents. Not
//! compared are the numbers of disk blocks, since the model chooses its own, and contents, which
//! are the business of the oracles. What else one model does not say stands at the top of its
//! projection.

pub mod automaton;
pub mod cover;
pub mod edges;
pub mod graph;
pub mod guide;
pub mod recovered;
pub mod seen;
pub mod tour;
pub mod way;

mod order;
mod plan;

pub mod dio_extension;
pub mod short_write_punch;
pub mod writeback_truncate;

pub use automaton::{Automaton, Conforms, Deviation, Labels};
pub use recovered::{Kind, Recovered};
pub use way::Way;

use cutpoint_model::check::Specification;
use cutpoint_model::step::Action;
use seen::Seen;
use std::fmt::Debug;
use std::hash::Hash;

/// The id of the invariant that an execution violates which is no path of the model.
pub const INVARIANT: &str = "conformance";

/// How executions of one scenario are read as paths of one model.
pub trait Projection {
    /// The model.
    type Model: Specification<Action = Action>;
    /// A state of the model, with what the projection has to remember of the execution.
    type State: Clone + Eq + Hash + Debug;
    /// What an event shows.
    type Label: Copy + Ord + Debug;

    /// The model's name.
    fn name(&self) -> &'static str;

    /// The model.
    fn model(&self) -> &Self::Model;

    /// The states that an execution may begin in.
    fn start(&self) -> Vec<Self::State>;

    /// The state of the model in a state.
    fn in_model<'a>(&self, state: &'a Self::State)
    -> &'a <Self::Model as stateright::Model>::State;

    /// As before, to be changed.
    fn in_model_mut<'a>(
        &self,
        state: &'a mut Self::State,
    ) -> &'a mut <Self::Model as stateright::Model>::State;

    /// What an event shows of the model, if anything.
    fn label(&self, seen: &Seen<'_>) -> Option<Self::Label>;

    /// Whether the code takes a step of the model, in this state, without showing it.
    fn is_silent(&self, state: &Self::State, action: &Action) -> bool;

    /// Every way in which the model can do what an event shows.
    fn follow<'a>(&self, way: Way<'a, Self>, label: Self::Label, ways: &mut Ways<'a, Self>)
    where
        Self: Sized;

    /// What recovery may find if the power fails in this state; `None` if the model has no crash.
    fn recovered(&self, state: &Self::State) -> Option<Vec<Recovered>>;

    /// Why the code does not take some edges of the model's graph.
    fn reasons(&self) -> cover::Reasons<Self::Model>;
}

/// The ways found so far, and why others were none.
pub struct Ways<'a, P: Projection> {
    found: Vec<Way<'a, P>>,
    differences: Vec<String>,
}

impl<'a, P: Projection> Ways<'a, P> {
    fn new() -> Self {
        Self {
            found: Vec::new(),
            differences: Vec::new(),
        }
    }

    /// Adds a way, if it is one.
    pub fn add(&mut self, way: Option<Way<'a, P>>) {
        self.found.extend(way);
    }

    /// Adds a way if what the event says is what the model has; else remembers the difference.
    pub fn compare<T: PartialEq + Debug>(
        &mut self,
        way: Option<Way<'a, P>>,
        what: &str,
        code: T,
        model: impl FnOnce(&P::State) -> T,
    ) {
        let Some(way) = way else { return };
        let model = model(&way.state);
        if code == model {
            self.found.push(way);
        } else {
            let text = format!("{what}: {code:?} in the code, {model:?} in the model");
            self.differences.push(text);
        }
    }
}

/// What follows executions of a scenario, if it has a model.
pub fn of_scenario(scenario: &str) -> Option<Box<dyn Conforms>> {
    Some(match scenario {
        "writeback_vs_truncate" => Box::new(Automaton::new(writeback_truncate::Races::new())),
        "dio_extend_vs_delalloc_writeback" => Box::new(Automaton::new(dio_extension::Races::new())),
        "short_write_punch_vs_mmap_fault" => {
            Box::new(Automaton::new(short_write_punch::Races::new()))
        }
        _ => return None,
    })
}
