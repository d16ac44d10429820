//! What an execution leaves to be explored.
//!
//! For every race, the other order is explored from the turn of its earlier operation on: first
//! what follows that operation without depending on it, then the later operation. For every choice,
//! the other values are explored in the same way. Nothing is planned for what is asleep, because it
//! was explored elsewhere, nor for what the tree of the turn covers already.

use super::history::Race;
use super::wakeup::{Action, Event};
use super::{Dpor, Kind, Mistake, Tasks, lowest, only};
use cutpoint_event::Relation;

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
        self.fill();
    }

    /// Fills the sequence with the events of these numbers.
    fn fill(&mut self) {
        let steps = &self.history.steps;
        let events = self.numbers.iter().map(|number| steps[*number].event);
        self.sequence.events.clear();
        self.sequence.events.extend(events);
    }

    fn plan_race(&mut self, level: usize, race: &Race) {
        self.plan_order(level, &race.later);
        if self.leave_out_rivals(&race.later) {
            self.plan_order(level, &race.later);
            self.follow(level);
        }
    }

    /// Plans the sequence and then the operation, if it can go there.
    fn plan_order(&mut self, level: usize, later: &Event) {
        if !self.can_not_go(level, later) {
            self.sequence.events.push(*later);
            self.request(level, self.sequence.events.len() - 1);
            self.sequence.events.pop();
        }
    }

    /// Leaves out of the sequence what else keeps an operation waiting, and what depends on that:
    /// what races with it, unless something later in the sequence puts an end to it.
    /// Several holders that wait for each other keep a lock from whoever wants it alone, so that it
    /// may be possible to go before all of them and not before any single one. Answers whether
    /// there was anything to leave out.
    fn leave_out_rivals(&mut self, later: &Event) -> bool {
        if !self.may_wait(later) {
            return false;
        }
        let history = &self.history;
        let numbers = &self.numbers;
        let stays = |rival: usize| {
            numbers.iter().any(|number| {
                let is_past = history.steps[*number].event.task == later.task
                    || history.spawned(*number, later.task);
                let ends = history.relation(*number, later) == Relation::Ordered;
                (is_past || ends) && history.depends(*number, rival)
            })
        };
        let rivals = numbers.iter().copied();
        let rivals = rivals.filter(|number| history.relation(*number, later) == Relation::Racing);
        let rivals: Vec<usize> = rivals.filter(|rival| !stays(*rival)).collect();
        if rivals.is_empty() {
            return false;
        }
        let depends = |number: usize| rivals.iter().any(|rival| history.depends(number, *rival));
        self.numbers.retain(|number| !depends(*number));
        self.fill();
        true
    }

    /// Whether an operation surely can not go before the event of this level, after the sequence:
    /// it waited then, and nothing in the sequence lets it go on; or it was seen to wait for its
    /// object as it is then.
    fn can_not_go(&self, level: usize, later: &Event) -> bool {
        let Kind::Turn { enabled, .. } = self.levels[level].kind else {
            return false;
        };
        let mut numbers = self.numbers.iter();
        if !numbers.any(|number| self.history.causes(*number, later)) {
            return enabled & only(later.task) == 0;
        }
        if !self.may_wait(later) {
            return false;
        }
        let state = self.history.state(later, |number| {
            number < level || self.numbers.binary_search(&number).is_ok()
        });
        self.waits.contains(state)
    }

    /// Whether an operation may have to wait, for what it is or because it is held back.
    fn may_wait(&self, later: &Event) -> bool {
        match later.action {
            Action::Turn { op, object, .. } => {
                op.may_block() || self.limits.concern(later.task, op, object)
            }
            Action::Choice { .. } => false,
        }
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
        // The one event that has no number is the new one, which is first or last.
        let (history, numbers) = (&self.history, &self.numbers);
        let number = |i: usize| numbers.get(i.wrapping_sub(usize::from(needed == 0)));
        let later = self.sequence.events[needed];
        let causes = |cause: usize, effect: usize| match (number(cause), number(effect)) {
            (Some(cause), Some(effect)) => history.depends(*effect, *cause),
            (Some(cause), None) => history.causes(*cause, &later),
            (None, _) => false,
        };
        let (branches, known) = (&mut level.branches, level.known);
        self.pool
            .insert(branches, &mut self.sequence, known, causes);
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
