//! What recovery finds of the file: its size and the kind of each block's extent.

use cutpoint_model::step::{Action, Actor, Step};
use stateright::Model;
use std::fmt;

/// The most blocks that a compared file has.
pub const BLOCKS_MAX: usize = 8;

/// The kind of an extent on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nothing is mapped.
    #[default]
    Hole,
    /// Mapped, and reads as zeroes.
    Unwritten,
    /// Mapped, and holds data.
    Written,
}

impl Kind {
    /// The kind of an extent of a model, in which delayed blocks are nothing on disk.
    pub fn of(extent: cutpoint_model::file::Extent) -> Self {
        use cutpoint_model::file::Extent;
        match extent {
            Extent::Hole | Extent::Delayed => Self::Hole,
            Extent::Unwritten(_) => Self::Unwritten,
            Extent::Written(_) => Self::Written,
        }
    }
}

/// A file as recovery finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recovered {
    /// Its size in bytes.
    pub size: u64,
    /// Its blocks. Those from the end of the compared part on are holes.
    pub kinds: [Kind; BLOCKS_MAX],
}

/// The state of a model after a power cut and a whole recovery.
pub fn after_crash<M: Model<Action = Action>>(
    model: &M,
    state: &M::State,
    is_recovered: impl Fn(&M::State) -> bool,
) -> Option<M::State> {
    let mut state = model.next_state(state, Action::new(Actor::Power, Step::Crash))?;
    while !is_recovered(&state) {
        let mut actions = Vec::new();
        model.actions(&state, &mut actions);
        let mount = *actions.iter().find(|action| action.actor == Actor::Mount)?;
        state = model.next_state(&state, mount)?;
    }
    Some(state)
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |kind: &Kind| match kind {
            Kind::Hole => '-',
            Kind::Unwritten => 'u',
            Kind::Written => 'w',
        };
        let kinds: String = self.kinds.iter().map(letter).collect();
        let kinds = kinds.trim_end_matches('-');
        write!(f, "{} bytes [{kinds}]", self.size)
    }
}
