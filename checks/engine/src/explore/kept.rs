//! The state of a search between two executions, for those who want to go on with it later.

use super::dpor;
use crate::state::Numbers;
use serde::{Deserialize, Serialize};

/// Everything that a search needs to go on, or to say what it found if it is over. It can be
/// written to a file and is of use to the same program only, with the same options but for the
/// budgets, which may be larger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchState {
    pub(super) executions: u64,
    pub(super) sleep_blocked: u64,
    pub(super) steps: u64,
    /// Whether the scenario did what the strategy can not enumerate.
    pub(super) is_unsupported: bool,
    pub(super) traces: Numbers,
    pub(super) split: u64,
    /// Whether the scenario uses plain shuttle types.
    pub(super) plain_types: bool,
    /// `None` if nothing is left to explore.
    pub(super) path: Option<dpor::PathState>,
}

impl SearchState {
    /// A number for the way in which the search is split into parts. Parts of searches that are
    /// split in different ways do not belong together.
    pub fn split(&self) -> u64 {
        self.split
    }
}

/// What is asked between executions: whether to keep the state, which the first argument makes.
/// The second says whether the search ends here, so that there is no other opportunity.
pub type Keep<'a> = &'a mut dyn FnMut(&dyn Fn() -> SearchState, bool);

/// Where a search begins, and who keeps its state.
pub(super) struct Keeping<'a> {
    pub(super) start: Option<SearchState>,
    /// Runs that were made before the search began.
    pub(super) runs: u64,
    /// Stands for the way in which the search is split.
    pub(super) split: u64,
    /// Nobody, if nothing is to be kept.
    pub(super) keep: Option<Keep<'a>>,
}

impl Keeping<'_> {
    /// A search from its beginning, of which nothing is kept.
    pub(super) fn nothing(runs: u64, split: u64) -> Keeping<'static> {
        Keeping {
            start: None,
            runs,
            split,
            keep: None,
        }
    }
}
