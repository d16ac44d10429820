//! States of objects in which operations were seen to wait.

#![expect(
    clippy::disallowed_types,
    reason = "the set is asked at every turn, and its order is not used"
)]

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

/// States of objects in which operations were seen to wait (see
/// [`History::state`](super::history::History::state)). One that is forgotten costs at most an
/// execution, so there is room for so many, and when it is full all are forgotten.
#[derive(Debug, Default)]
pub(super) struct Waits {
    states: HashSet<u64, AsItIs>,
}

impl Waits {
    const MOST: usize = 1 << 16;

    /// Forgets all: what waits under some limits need not wait under others.
    pub(super) fn clear(&mut self) {
        self.states.clear();
    }

    pub(super) fn insert(&mut self, state: u64) {
        if self.states.len() == Waits::MOST {
            self.states.clear();
        }
        self.states.insert(state);
    }

    /// All of them, in an order of their own.
    pub(super) fn states(&self) -> Vec<u64> {
        let mut states: Vec<u64> = self.states.iter().copied().collect();
        states.sort_unstable();
        states
    }

    pub(super) fn contains(&self, state: u64) -> bool {
        state != 0 && self.states.contains(&state)
    }
}

/// Hashes a number that is a hash already.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs(u64);

impl BuildHasher for AsItIs {
    type Hasher = AsItIs;

    fn build_hasher(&self) -> AsItIs {
        AsItIs(0)
    }
}

impl Hasher for AsItIs {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("states are numbers");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
