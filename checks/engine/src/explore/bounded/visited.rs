//! States that were entered, each with the fewest preemptions that it took.
//!
//! A state is known by a hash of 112 bits; the chance that two of n states share one is about
//! n² / 2¹¹³. It takes 16 bytes in a table that is a quarter to three quarters full, with linear
//! probing: Knuth, *The Art of Computer Programming*, volume 3, section 6.4, algorithm L. Nothing
//! is ever taken out.

/// The low bits of a slot: the number of preemptions plus one. An empty slot is 0.
const COST_BITS: u32 = 16;
const COST: u128 = (1 << COST_BITS) - 1;

/// The most preemptions that can be told apart.
pub(super) const PREEMPTIONS_MAX: u32 = (1 << COST_BITS) - 2;

/// The table has no room for another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
pub(super) struct Visited {
    slots: Vec<u128>,
    used: usize,
}

impl Visited {
    pub(super) fn new() -> Visited {
        Visited {
            slots: vec![0; 1 << 10],
            used: 0,
        }
    }

    /// The fewest preemptions with which a state was entered.
    pub(super) fn cost(&self, state: u128) -> Option<u32> {
        match self.slots[self.find(state)] {
            0 => None,
            slot => Some((slot & COST) as u32 - 1),
        }
    }

    /// Whether a state was entered with at most this many preemptions.
    pub(super) fn covers(&self, state: u128, cost: u32) -> bool {
        self.cost(state).is_some_and(|before| before <= cost)
    }

    /// Remembers that a state is entered with this many preemptions, at most [`PREEMPTIONS_MAX`].
    /// The table may take `bytes_max` bytes.
    pub(super) fn enter(&mut self, state: u128, cost: u32, bytes_max: usize) -> Result<(), Full> {
        let slot = state & !COST | u128::from(cost + 1);
        let at = self.find(state);
        let before = self.slots[at];
        if before != 0 {
            self.slots[at] = before.min(slot);
            return Ok(());
        }
        self.slots[at] = slot;
        self.used += 1;
        if self.used * 4 > self.slots.len() * 3 {
            self.grow(bytes_max)?;
        }
        Ok(())
    }

    /// The number of states.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// The room that the table takes.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<u128>()
    }

    /// Where a state is, or would be.
    fn find(&self, state: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (state >> 64) as usize & mask;
        while self.slots[at] != 0 && self.slots[at] & !COST != state & !COST {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self, bytes_max: usize) -> Result<(), Full> {
        if self.bytes() * 2 > bytes_max {
            return Err(Full);
        }
        let wider = vec![0; self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, wider);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let at = self.find(slot);
            self.slots[at] = slot;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace_hash::mix;
    use std::collections::BTreeMap;

    #[test]
    fn the_fewest_preemptions_of_every_state_are_kept() {
        let (mut visited, mut all) = (Visited::new(), BTreeMap::new());
        for n in 0..20_000_u128 {
            let (state, cost) = (mix(n % 7_000, 1), (n * n % 11) as u32);
            visited.enter(state, cost, usize::MAX).unwrap();
            let fewest = all.entry(state).or_insert(cost);
            *fewest = cost.min(*fewest);
        }
        assert_eq!(visited.len(), 7_000);
        for (state, fewest) in all {
            assert_eq!(visited.cost(state), Some(fewest));
            assert!(visited.covers(state, fewest));
            assert!(fewest == 0 || !visited.covers(state, fewest - 1));
        }
        assert_eq!(visited.cost(mix(0, 2)), None);
        assert!(!visited.covers(mix(0, 2), PREEMPTIONS_MAX));
    }

    #[test]
    fn states_of_which_only_the_low_bits_differ_are_told_apart_down_to_sixteen() {
        let mut visited = Visited::new();
        visited.enter(1 << COST_BITS, 3, usize::MAX).unwrap();
        assert_eq!(visited.cost(2 << COST_BITS), None);
        assert_eq!(visited.cost(1 << COST_BITS), Some(3));
    }

    #[test]
    fn a_full_table_says_so() {
        let mut visited = Visited::new();
        let room = visited.bytes();
        let full = (0..2_000).find(|n| visited.enter(mix(*n, 1), 0, room) == Err(Full));
        assert_eq!(full, Some(768));
        assert_eq!(visited.bytes(), room);
    }
}
