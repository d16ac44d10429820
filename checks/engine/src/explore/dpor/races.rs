//! What an execution leaves to be explored.
//!
//! For every race, the other order is explored from the turn of its earlier operation on: first
//! what follows that operation without depending on it, then the later operation. For every choice,
//! the other values are explored in the same way. Nothing is planned for what is asleep, because it
//! was explored elsewhere, nor for what the tree of the turn covers already.

use super::history::Race;
use super::wakeup::{Action, Event};
use super::{Dpor, Kind, Mistake, Tasks, lowest, only};

impl Dpor {
    /// Plans the other orders of the races of the execution that is over, and the other values of
    /// its choices.
    pub(super) fn plan(&mut self) {
        let mut races = std::mem::take(&mut self.by_first);
        races.clear();
        races.extend_from_slice(&self.history.races);
        races.sort_by_key(|race| race.first);
        for same_first in races.chunk_by(|a, b| a.first == b.first) {
            let level = same_first[0].first as usize;
            self.follow(level);
            for race in same_first {
                match self.mistake {
                    Mistake::BacktrackSets => self.plan_task(level, race),
                    _ => self.plan_race(level, race),
                }
            }
        }
        self.by_first = races;
        for level in 0..self.levels.len() {
            if let Kind::Choice { of, .. } = self.levels[level].kind {
                self.plan_values(level, of);
            }
        }
    }

    /// Fills the sequence with what follows an event without depending on it.
    fn follow(&mut self, level: usize) {
        self.numbers.clear();
        self.numbers.extend(self.history.independent_of(level));
        let events = self.numbers.iter();
        let events = events.map(|number| self.history.steps[*number].event);
        self.sequence.events.clear();
        self.sequence.events.extend(events);
    }

    fn plan_race(&mut self, level: usize, race: &Race) {
        if self.can_not_go(level, &race.later) {
            return;
        }
        self.sequence.events.push(race.later);
        self.request(level, self.sequence.events.len() - 1);
        self.sequence.events.pop();
    }

    /// Whether an operation surely can not go before the event of this level, after the sequence:
    /// it waited then, and nothing in the sequence lets it go on; or it was tried.
    fn can_not_go(&self, level: usize, later: &Event) -> bool {
        let Action::Turn { op, .. } = later.action else {
            return false;
        };
        let Kind::Turn { enabled, .. } = self.levels[level].kind else {
            return false;
        };
        if !op.may_block() {
            return false;
        }
        if !self.sequence.events.iter().any(|event| event.causes(later)) {
            return enabled & only(later.task) == 0;
        }
        if self.impossible.is_empty() {
            return false;
        }
        let before = (0..level).chain(self.numbers.iter().copied());
        let state = self.history.state_for(later, before);
        self.impossible.contains(&state)
    }

    /// Plans the values of a choice that nobody planned yet.
    fn plan_values(&mut self, level: usize, of: u64) {
        let Kind::Choice {
            task, value, spent, ..
        } = self.levels[level].kind
        else {
            return;
        };
        self.follow(level);
        for other in 0..of {
            let event = Event {
                task,
                action: Action::Choice { value: other },
            };
            if other != value && !self.pool.firsts(spent).any(|first| first == event) {
                self.sequence.events.insert(0, event);
                self.request(level, 0);
                self.sequence.events.remove(0);
            }
        }
    }

    /// Sees to it that the sequence is explored from this level on, unless it is elsewhere.
    fn request(&mut self, level: usize, needed: usize) {
        let level = &mut self.levels[level];
        self.sequence.start(needed);
        let mut left = level.sleep;
        for turn in &self.arena[level.moves as usize..] {
            if left == 0 {
                break;
            }
            if left & only(turn.task) != 0 {
                left &= !only(turn.task);
                let asleep = Event::of(turn, 0);
                if self.sequence.is_covered_by(&asleep, level.known) {
                    return;
                }
            }
        }
        self.pool
            .insert(&mut level.branches, &mut self.sequence, level.known);
    }

    /// What Flanagan and Godefroid plan: the racing task, or all where it can not go.
    fn plan_task(&mut self, level: usize, race: &Race) {
        let level = &mut self.levels[level];
        let Kind::Turn { enabled, chosen } = level.kind else {
            return;
        };
        let mut wanted = match enabled & only(race.later.task) {
            0 => enabled,
            task => task,
        };
        wanted &= !(level.sleep | only(chosen));
        let planned = self.pool.firsts(level.branches);
        wanted &= !planned.fold(0, |set: Tasks, first| set | only(first.task));
        while wanted != 0 {
            let task = lowest(wanted);
            wanted &= wanted - 1;
            let moves = &self.arena[level.moves as usize..];
            if let Some(turn) = moves.iter().find(|turn| turn.task == task) {
                self.pool.push(&mut level.branches, Event::of(turn, 0));
            }
        }
    }
}
