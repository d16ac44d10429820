//! Where to go on once another preemption is allowed.
//!
//! Every place is a list of decisions. They are put in in the order of a depth-first search, so a
//! place shares most of its decisions with the one before it, and only the others are kept.

use cutpoint_event::TaskId;

/// A preemption that was put off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The state that it leads to.
    pub(super) state: u128,
    /// The task that goes on instead.
    pub(super) task: TaskId,
    /// How many decisions are those of the place before it.
    shared: u32,
    /// Where its own decisions end.
    end: usize,
}

/// Preemptions that were put off, first in, first out.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    places: Vec<Place>,
    /// Every place's own decisions.
    decisions: Vec<u64>,
    /// How many places were taken out.
    taken: usize,
}

impl Deferred {
    /// Puts a place in. `own` are its decisions but for the first `shared`, which it has in common
    /// with the place before it.
    pub(super) fn push(
        &mut self,
        state: u128,
        task: TaskId,
        shared: usize,
        own: impl Iterator<Item = u64>,
    ) {
        self.decisions.extend(own);
        self.places.push(Place {
            state,
            task,
            shared: shared as u32,
            end: self.decisions.len(),
        });
    }

    /// Takes the next place out. `path` must hold the decisions of the place that was taken out
    /// before, and gets those of this one. Answers how many of them were there already, too.
    pub(super) fn next(&mut self, path: &mut Vec<u64>) -> Option<(Place, usize)> {
        let place = *self.places.get(self.taken)?;
        let start = match self.taken {
            0 => 0,
            n => self.places[n - 1].end,
        };
        self.taken += 1;
        path.truncate(place.shared as usize);
        path.extend_from_slice(&self.decisions[start..place.end]);
        Some((place, place.shared as usize))
    }

    /// Forgets everything but keeps the memory.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.decisions.clear();
        self.taken = 0;
    }

    /// The places that were not taken out.
    pub(super) fn rest(&self) -> &[Place] {
        &self.places[self.taken..]
    }

    /// The room that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>() + self.decisions.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_out_with_all_their_decisions_in_the_order_they_went_in() {
        let mut deferred = Deferred::default();
        let all: [(usize, &[u64]); 4] = [
            (0, &[1, 2, 3]),
            (3, &[1, 2, 3]),
            (1, &[1, 5]),
            (2, &[1, 5, 6]),
        ];
        for (number, (shared, decisions)) in all.iter().enumerate() {
            let own = decisions[*shared..].iter().copied();
            deferred.push(number as u128, TaskId(number as u16), *shared, own);
        }
        let mut path = Vec::new();
        for (number, (shared, decisions)) in all.iter().enumerate() {
            assert_eq!(deferred.rest().len(), 4 - number);
            let (place, common) = deferred.next(&mut path).unwrap();
            assert_eq!(place.state, number as u128);
            assert_eq!((common, &path[..]), (*shared, *decisions));
        }
        assert!(deferred.next(&mut path).is_none());
        deferred.clear();
        assert!(deferred.rest().is_empty());
    }
}
